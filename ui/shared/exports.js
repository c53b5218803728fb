// An export on its way back into the history; see routes/import_zip.py.

const EXPORT_END = 2 ** 18;

// Its list is the last entry of the ZIP's directory, which ends the file. One that
// cannot be read is none: why not is said where it is sent.
const isExport = async (file) => {
  const end = file.slice(Math.max(0, file.size - EXPORT_END));
  const bytes = await end.arrayBuffer().catch(() => new ArrayBuffer(0));
  const text = new TextDecoder("latin1").decode(bytes);
  return text.includes("labels.json") && text.includes("metadata.");
};

const whoImports = () => {
  try {
    return localStorage.getItem("classify-reviewer") ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
};

// Send one and return what was done, in words; `show` hears how far it is.
const sendExport = async (file, show, signal) => {
  const path = `import?who=${encodeURIComponent(whoImports())}`;
  const answer = await post(path, file, { signal });
  if (!answer.ok) {
    const why = (await answer.text()).slice(0, 200) || `Error ${answer.status}`;
    throw Object.assign(new Error(why), { final: true });
  }
  let said = "";
  for await (const lines of linesOf(answer))
    for (const line of lines) {
      if (line.said) said = line.said;
      else show(`Importing ${number(line.done)} of ${number(line.total)}`);
    }
  if (said) return said;
  throw new Error("The connection broke off. Do it again: what came in is kept.");
};

let asking = Promise.resolve();

// The question asked and not answered yet, and where it stands: the page that asked may
// be drawn anew meanwhile, and everything dropped later waits for the answer.
const asked = { box: null, files: [], exported: [], go: null };

const askIn = (box) => {
  asked.box = box;
  if (asked.go) drawQuestion();
};

// The files, ZIPs that are exports marked with where the person wants them, or left out.
const askWhere = (files, exported) =>
  new Promise((go) => {
    Object.assign(asked, { files, exported, go });
    drawQuestion();
  });

const drawQuestion = () => {
  const { box, files, exported, go } = asked;
  const one = exported.length === 1;
  box.querySelector(".question").textContent = one
    ? `${exported[0].name} was downloaded here and has labels.`
    : `${number(exported.length)} of the ZIPs were downloaded here and have labels.`;
  box.querySelector(".left-out").textContent = `Leave ${one ? "it" : "them"} out`;
  box.hidden = false;
  const marked = (history) =>
    files.map((entry) => (exported.includes(entry) ? { ...entry, history } : entry));
  const answer = (button, chosen) => {
    box.querySelector(button).onclick = () => {
      box.hidden = true;
      asked.go = null;
      go(chosen());
    };
  };
  answer(".to-history", () => marked(true));
  answer(".as-new", () => marked(false));
  answer(".left-out", () => files.filter((entry) => !exported.includes(entry)));
};

// One question at a time: what is dropped meanwhile waits.
const sortExports = (files, isZip) => {
  const sorted = async () => {
    const exported = [];
    for (const entry of files) {
      const known = entry.history !== undefined || entry.refusal || !isZip(entry.file);
      if (!known && (await isExport(entry.file))) exported.push(entry);
    }
    return exported.length ? askWhere(files, exported) : files;
  };
  const answer = asking.then(sorted);
  asking = answer.catch(() => {});
  return answer;
};
