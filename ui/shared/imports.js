// Pictures on their way straight into the history; see routes/imports.py.

const EXPORT_END = 2 ** 18;
const LOOK_MS = 400;
const FEW = 500; // so many are waited for; of more the page says where they are told of

const directoryEnd = async (file) => {
  const end = file.slice(Math.max(0, file.size - EXPORT_END));
  return end.arrayBuffer().catch(() => new ArrayBuffer(0));
};

// Its list is the last entry of the ZIP's directory, which ends the file. One that
// cannot be read is none: why not is said where it is sent.
const isExport = async (file) => {
  const text = new TextDecoder("latin1").decode(await directoryEnd(file));
  return text.includes("labels.json") && text.includes("metadata.");
};

// How many entries a ZIP says it has; those of a large one do not fit into the field.
const entriesOf = async (file) => {
  const view = new DataView(await directoryEnd(file));
  for (let at = view.byteLength - 22; at >= 0; at -= 1)
    if (view.getUint32(at) === 0x504b0506) return view.getUint16(at + 10, true);
  return 0;
};

const whoImports = () => {
  try {
    return localStorage.getItem("classify-reviewer") ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
};

const told = async (answer) => {
  if (answer.ok) return answer.json();
  const why = (await answer.text()).slice(0, 200) || `Error ${answer.status}`;
  throw Object.assign(new Error(why), { final: answer.status < 500 });
};

const startImport = async (body, { name, labels = true, go = true }, signal) => {
  const flag = (yes) => (yes ? 1 : 0);
  const query = `name=${encodeURIComponent(name)}&who=${encodeURIComponent(whoImports())}`;
  const path = `imports?${query}&labels=${flag(labels)}&go=${flag(go)}`;
  return told(await post(path, body, { signal }));
};

const steerImport = async (job, act) =>
  told(await post(`imports/${job.id}/${act}`, ""));

const lookAt = async (job) => {
  const answer = await fetch(routeUrl(`imports/${job.id}`), {
    credentials: "same-origin",
    cache: "no-store",
  });
  return told(answer);
};

const importNote = (job) => {
  const how = job.state === "counting" ? "Counting" : "Importing";
  return `${how} ${number(job.done)} of ${number(job.total)}`;
};

// Until it asks, is over, or is known to take a while; `show` hears how far it is.
const followImport = async (job, show, signal) => {
  for (;;) {
    signal?.throwIfAborted();
    job = await lookAt(job);
    if (job.over || job.state === "paused" || job.state === "counted") return job;
    if (job.state === "running" && job.total > FEW) return job;
    show(importNote(job));
    await new Promise((go) => setTimeout(go, LOOK_MS));
  }
};

const importSaid = (job) => {
  if (job.state === "running")
    return `${plural(job.total, "picture")} go into the history in the background. “Data set” shows how far they are.`;
  return job.error || job.said || `The import is ${job.state}.`;
};

// Send a ZIP with its labels and return what was done, in words.
const sendExport = async (file, show, signal) => {
  const job = await startImport(file, { name: file.name }, signal);
  return importSaid(await followImport(job, show, signal));
};

let asking = Promise.resolve();

// The question asked and not answered yet, and where it stands: the page that asked may
// be drawn anew meanwhile, and everything dropped later waits for the answer.
const asked = { box: null, question: null };

const askIn = (box) => {
  asked.box = box;
  if (asked.question) drawQuestion();
};

// Ask one question: its words, and what each button says and answers.
const askPerson = (words, choices) =>
  new Promise((go) => {
    asked.question = { words, choices, go };
    drawQuestion();
  });

const drawQuestion = () => {
  const { box, question } = asked;
  box.querySelector(".question").textContent = question.words;
  const buttons = question.choices.map(([text, answer], n) => {
    const last = n === question.choices.length - 1;
    const button = make("button", n === 0 ? "main" : last ? "quiet" : "", text);
    button.type = "button";
    button.onclick = () => {
      box.hidden = true;
      asked.question = null;
      question.go(answer);
    };
    return button;
  });
  box.querySelector(".buttons").replaceChildren(...buttons);
  box.hidden = false;
};

// One question at a time: what is asked meanwhile waits.
const inTurn = (ask) => {
  const answer = asking.then(ask);
  asking = answer.catch(() => {});
  return answer;
};

// The files; ZIPs that are exports marked with where the person wants them, or left out.
const sortExports = async (files) => {
  const exported = [];
  for (const entry of files) {
    const known = entry.history !== undefined || entry.refusal || !isZip(entry.file);
    if (!known && (await isExport(entry.file))) exported.push(entry);
  }
  if (!exported.length) return files;
  const one = exported.length === 1;
  const words = one
    ? `${exported[0].name} was downloaded here and has labels.`
    : `${number(exported.length)} of the ZIPs were downloaded here and have labels.`;
  const history = await askPerson(words, [
    ["Bring pictures and labels into the history", "labels"],
    ["Classify its pictures as new", ""],
    [`Leave ${one ? "it" : "them"} out`, null],
  ]);
  if (history === null) return files.filter((entry) => !exported.includes(entry));
  return files.map((entry) => (exported.includes(entry) ? { ...entry, history } : entry));
};

// The folders that pictures lie in, below what all have in common.
const foldersOf = (files) => {
  const paths = files.map(({ name }) => name.split("/").slice(0, -1));
  const folders = new Set(paths.map((path) => path.at(-1)).filter(Boolean));
  return paths.every((path) => path.length) ? [...folders] : [];
};

// Whether folders are named like labels in use here: two of them, or the one there is.
const labelsAmong = (folders, labels) => {
  const known = new Set(labels.map((label) => label.toLowerCase()));
  const found = folders.filter((name) => known.has(name.toLowerCase()));
  return found.length >= Math.min(2, folders.length) ? found : [];
};

const asGroup = (files, history) => {
  const [top] = files[0].name.split("/");
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  return { name: top, group: files, file: { name: top, size, type: "" }, history };
};

// Loose files as they are; as one thing where they are too many for the tray, or where
// their folders' names are wanted as labels.
const sortFolders = async (files, limits) => {
  const loose = files.filter(
    (entry) => !isZip(entry.file ?? { name: "", type: "" }) && !refusalOf(entry, limits),
  );
  if (!loose.length || loose.some(({ history }) => history !== undefined)) return files;
  const rest = files.filter((entry) => !loose.includes(entry));
  if (loose.length > limits.room) return [asGroup(loose, "ask"), ...rest];
  const labels = labelsAmong(foldersOf(loose), limits.labels);
  if (!labels.length) return files;
  labels.sort(); // a browser lists folders in any order
  const some = labels.slice(0, 3).join(", ") + (labels.length > 3 ? ", …" : "");
  const history = await askPerson(`Use the folder names (${some}) as labels?`, [
    ["Yes, bring pictures and labels into the history", "labels"],
    ["No, classify the pictures as new", ""],
    ["Leave them out", null],
  ]);
  if (history === null) return rest;
  return history ? [asGroup(loose, history), ...rest] : files;
};

// ZIPs with more than the tray takes are counted first, and then asked about.
const sortLarge = async (files, limits) => {
  const sorted = [];
  for (const entry of files) {
    const open = !entry.group && !entry.refusal && isZip(entry.file) && !entry.history;
    const large = open && (await entriesOf(entry.file)) > limits.room;
    const labels = entry.history === undefined; // else wanted as new pictures
    sorted.push(large ? { ...entry, history: "ask", labels } : entry);
  }
  return sorted;
};

const sortGiven = (files, limits) =>
  inTurn(async () =>
    sortLarge(await sortFolders(await sortExports(files), limits), limits),
  );

// What was counted: where it is to go.
const askCounted = (job) => {
  const left = job.total - job.here;
  if (!left) return null;
  const words = `${job.name}: ${job.said} Put ${job.here ? "the others" : "them"} into the history in the background?`;
  const folders = job.kind === "folders named after labels";
  const plain = [["Put them into the history", { labels: job.labels }]];
  const labelled = [
    ["Yes, with the folder names as labels", { labels: true }],
    ["Yes, without labels", { labels: false }],
  ];
  const choices = folders ? labelled : plain;
  return inTurn(() => askPerson(words, [...choices, ["Leave them out", null]]));
};
