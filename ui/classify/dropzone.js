// Files from every way a browser has them, posted in batches; see ui/classify/dropzone.py.

const BATCH_FILES = 100;
const BATCH_BYTES = 24 * 2 ** 20;
const FIRST_BYTES = 2 ** 20; // the first labels are there in a second on a slow line
const FIRST_RERUN_MS = 1000; // the strip has the labels before that
const RERUN_MS = 2500;
const TRIES = 3;
const STOP_MS = 5000;
const SHOWN = 200;

// An upload goes on while the page shows something else: its state lives here.
const uploads = (globalThis.__classifyUploads ??= new Map());

const newState = () => ({
  told: [], // what was brought into the history
  note: "",
  queue: [],
  total: 0,
  done: 0,
  received: 0,
  known: 0,
  refused: 0,
  failed: 0,
  unsent: 0,
  problems: [],
  arrived: [], // for the strip
  doubts: 0,
  folded: false,
  kept: false, // opened by a person
  cardsSeen: cardsAreDrawn(), // of earlier pictures: they would move
  again: new Set(), // what may come at a second try
  started: 0,
  running: false,
  stopping: false,
  stop: null, // of the request under way
  show: () => {},
  rerun: () => {},
  follow: () => {}, // addresses to be fetched
});

// `entry` is what is sent again where trying again may help: of a ZIP the whole.
const settle = (state, outcome, entry) => {
  state.done += 1;
  if (outcome.refusal) {
    if (outcome.retry) state.again.add(entry);
    state[outcome.retry ? "failed" : "refused"] += 1;
    state.problems.push(outcome);
    return;
  }
  if (outcome.new) state.received += 1;
  else state.known += 1;
  if (outcome.label && !outcome.in_scope) state.doubts += 1;
  if (state.arrived.length < STRIP_TILES) state.arrived.push(outcome);
};

// The lines of an answer, taken and shown as soon as they are there.
const readLines = async (answer, state, take) => {
  let ended = false;
  for await (const lines of linesOf(answer)) {
    for (const line of lines) {
      if (line.end) ended = true;
      else take(line);
    }
    state.show();
  }
  if (!ended) throw new Error("The connection broke off.");
};

const ask = async (path, body, state) => {
  const answer = await post(path, body, { signal: state.stop.signal });
  if (answer.ok) return answer;
  const why = (await answer.text()).slice(0, 200) || `Error ${answer.status}`;
  throw Object.assign(new Error(why), { final: answer.status < 500 });
};

const pack = (batch) => {
  const list = batch.map(({ file, name }) => ({ name, size: file.size }));
  const text = new TextEncoder().encode(JSON.stringify(list));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, text.length);
  return new Blob([length, text, ...batch.map(({ file }) => file)]);
};

const sendBatch = async (tray, batch, state) => {
  const answer = await ask(`upload/${tray}`, pack(batch), state);
  await readLines(answer, state, (outcome) => {
    const entry = batch.shift(); // answered: not sent again if the line breaks
    settle(state, { ...outcome, file: entry.file }, entry);
  });
};

const sendZip = async (tray, batch, state) => {
  const [{ file, name }] = batch;
  const path = `upload/${tray}/zip?name=${encodeURIComponent(name)}`;
  let left = 1; // counted and not answered: the ZIP as one thing, then its pictures
  state.zip = true;
  try {
    await readLines(await ask(path, file, state), state, (line) => {
      if (line.total !== undefined) {
        state.total += line.total - left;
        left = line.total;
      } else {
        left -= 1;
        settle(state, line, batch[0]);
      }
    });
  } catch (problem) {
    state.total += 1 - left; // once more one thing, which is left to do
    throw problem;
  } finally {
    state.zip = false;
  }
  batch.shift();
};

// Batches of an import are kept as they are sent, each under its number.
const sendGroup = async (entry, state) => {
  const { signal } = state.stop;
  const options = { name: entry.name, go: false };
  const job = await startImport("", options, signal);
  const left = [...entry.group];
  const most = entry.group.length;
  try {
    for (let n = 0; left.length; n += 1) {
      const batch = pack(takeBatch(left, BATCH_BYTES));
      await surely(() => ask(`imports/${job.id}/files/${n}`, batch, state), state);
      noteImport(state, `Sent ${number(most - left.length)} of ${number(most)}`);
    }
  } catch (problem) {
    steerImport(job, "cancel").catch(() => {});
    throw problem;
  }
  return steerImport(job, `received?go=${entry.history === "ask" ? 0 : 1}`);
};

const surely = async (act, state) => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await act();
    } catch (problem) {
      if (state.stopping || problem.final || tried === TRIES) throw problem;
      await pause(700 * tried);
    }
  }
};

const noteImport = (state, note) => {
  state.note = note;
  state.show();
};

// Into the history: these pictures do not come through the tray.
const sendHistory = async (_, batch, state) => {
  const [entry] = batch;
  const { signal } = state.stop;
  const show = (note) => noteImport(state, note);
  const go = entry.history !== "ask";
  const options = { name: entry.name, labels: entry.labels ?? true, go };
  let job = null;
  state.zip = true;
  try {
    job = entry.group
      ? await sendGroup(entry, state)
      : await startImport(entry.file, options, signal);
    job = await followImport(job, show, signal);
    if (job.state === "counted") job = await decide(job, show, signal);
    state.told.push(importSaid(job));
  } catch (problem) {
    if (job && state.stopping) steerImport(job, "cancel").catch(() => {});
    throw problem;
  } finally {
    state.zip = false;
    state.note = "";
  }
  state.done += 1;
  batch.shift();
};

const decide = async (job, show, signal) => {
  show(job.said);
  const wanted = await askCounted(job);
  if (!wanted) return { ...(await steerImport(job, "cancel")), said: job.said };
  const going = await steerImport(job, `go?labels=${wanted.labels ? 1 : 0}`);
  return followImport(going, show, signal);
};

// The next of the files that go together.
const takeBatch = (files, most) => {
  let [bytes, n] = [0, 0];
  while (n < Math.min(BATCH_FILES, files.length)) {
    const { file } = files[n];
    bytes += file.size;
    if (isAlone(files[n]) || (n && bytes > most)) break;
    n += 1;
  }
  return files.splice(0, n);
};

const isAlone = (entry) => entry.group !== undefined || isZip(entry.file);

const nextBatch = (state) => {
  const most = state.done ? BATCH_BYTES : FIRST_BYTES;
  if (isAlone(state.queue[0])) return state.queue.splice(0, 1);
  return takeBatch(state.queue, most);
};

const pause = (ms) => new Promise((go) => setTimeout(go, ms));

// Once what was drawn is on screen; a page in the background draws nothing.
const painted = () =>
  Promise.race([
    pause(100),
    new Promise((go) => requestAnimationFrame(() => setTimeout(go))),
  ]);

// One file that was changed or removed since it was given fails all of its batch. Of
// one that is taken for empty the part would be no part of it.
const leaveOutUnreadable = async (batch, state) => {
  for (const entry of [...batch]) {
    if (entry.group) continue; // of many thousands each is named by the server
    const part = entry.file.size ? entry.file.slice(0, 1) : entry.file;
    await part.arrayBuffer().catch(() => {
      batch.splice(batch.indexOf(entry), 1);
      settle(state, { name: entry.name, refusal: UNREADABLE });
    });
  }
};

const sendSurely = async (tray, batch, state) => {
  const sendAlone = batch[0].history ? sendHistory : sendZip;
  const send = isAlone(batch[0]) ? sendAlone : sendBatch;
  for (let tried = 1; batch.length; tried += 1) {
    try {
      return await send(tray, batch, state);
    } catch (problem) {
      if (state.stopping) return state.queue.unshift(...batch);
      await leaveOutUnreadable(batch, state);
      if (problem.final || tried === TRIES || send !== sendBatch) {
        const refusal = `Not sent: ${problem.message}`;
        for (const entry of batch)
          settle(state, { name: entry.name, refusal, retry: true }, entry);
        return;
      }
      await pause(700 * tried);
    }
  }
};

const stay = (event) => event.preventDefault(); // whoever leaves is asked first

const run = async (tray, state) => {
  addEventListener("beforeunload", stay);
  state.running = true;
  state.started = performance.now();
  state.stop = new AbortController();
  let due = state.started + FIRST_RERUN_MS;
  while (state.queue.length && !state.stopping) {
    noteUnsent(tray, state.queue);
    await sendSurely(tray, nextBatch(state), state);
    if (performance.now() > due && state.queue.length) {
      due = performance.now() + RERUN_MS;
      state.rerun(state.done);
    }
  }
  removeEventListener("beforeunload", stay);
  noteUnsent(tray, []);
  state.unsent = state.queue.length;
  state.queue = [];
  state.running = false;
  state.show();
  await painted(); // the labels first, then the page's own work
  state.rerun(state.done);
};

// A batch takes a second and is let through, so that the counts are right; a ZIP is
// broken off, and so is a batch that nobody answers.
const cancel = (state) => {
  const { stop } = state;
  state.stopping = true;
  setTimeout(() => stop.abort(), state.zip ? 0 : STOP_MS);
  state.show();
};

const add = (tray, state, files, limits) => {
  if (!files.length) return;
  if (state.running && state.stopping) {
    state.over.then(() => add(tray, state, files, limits));
    return;
  }
  if (!state.running) {
    const { show, rerun, follow } = state;
    Object.assign(state, newState(), { show, rerun, follow });
  }
  state.total += files.length;
  for (const entry of files) {
    const refusal = entry.group ? "" : refusalOf(entry, limits);
    if (refusal) settle(state, { name: entry.name, refusal });
    else state.queue.push(entry);
  }
  if (!state.running) state.over = run(tray, state);
  state.show(); // only now: what has just begun would be shown as over
};

const remaining = (state) => {
  const seconds = (performance.now() - state.started) / 1000;
  if (seconds < 2 || !state.done) return "";
  const left = (seconds / state.done) * (state.total - state.done);
  if (left < 60) return `about ${Math.max(1, Math.round(left))} s left`;
  return `about ${Math.round(left / 60)} min left`;
};

const summary = (state) => {
  const told = state.told.join(" ");
  if (told && state.told.length === state.total) return told;
  const parts = [`${plural(state.received, "picture")} received`];
  if (state.known) parts.push(`${number(state.known)} already in the tray`);
  if (state.refused) parts.push(`${number(state.refused)} refused`);
  if (state.failed) parts.push(`${number(state.failed)} failed`);
  if (state.unsent) parts.push(`${number(state.unsent)} not sent`);
  return `${parts.join(", ")}. ${told}`.trim();
};

const titleFor = (more) => {
  if (more) return "More pictures: drop or paste them";
  if (BY_FINGER) return "Take a photo, or choose pictures";
  return "Drop pictures, a folder or a ZIP here, or paste";
};

const drawRefusals = (list, problems) => {
  list.replaceChildren();
  for (const { name, refusal } of problems.slice(0, SHOWN)) {
    const item = make("li");
    item.append(make("b", "", name), `: ${refusal}`);
    list.append(item);
  }
  const more = problems.length - SHOWN;
  if (more > 0) list.append(make("li", "", `and ${number(more)} more`));
};

const draw = (find, tray, state) => {
  const over = !state.running && state.total > 0;
  // One line from the drop on: cards that come later find everything in its place.
  const come = state.total > 0 && (state.running || state.received > 0);
  const more = state.more || come;
  find(".root").classList.toggle("more-to-come", more);
  find(".title").textContent = titleFor(more);
  find(".root").hidden = false; // only now: it would change its height
  const arrived = state.running || (over && state.arrived.length);
  find(".arrived").hidden = state.folded || !arrived;
  drawStrip(find(".strip"), tray, state.arrived);
  const below = state.received + state.known - state.arrived.length;
  find(".more").textContent = below > 0 ? `and ${number(below)} more below` : "";
  find(".progress").hidden = !state.running;
  find(".summary").hidden = !over;
  if (state.running) {
    const sending = state.total === 1 && !state.done;
    find(".track").classList.toggle("smooth", state.total > BATCH_FILES);
    find(".track i").style.transform = `scaleX(${state.done / state.total})`;
    find(".progress .text").textContent = sending
      ? state.note || "Sending…"
      : `${number(state.done)} of ${number(state.total)}`;
    find(".progress .left").textContent = state.stopping
      ? "Stopping…"
      : remaining(state);
  }
  if (!over) return;
  find(".summary .text").textContent = summary(state);
  const { doubts } = state;
  find(".doubts").textContent = doubts
    ? `${number(doubts)} may show none of the ten`
    : "";
  find(".fold").hidden = !state.arrived.length;
  find(".fold").ariaExpanded = !state.folded;
  find(".summary .retry").hidden = !state.again.size;
  drawRefusals(find(".refusals"), state.problems);
};

const connect = (parent, context) => {
  const find = (selector) => parent.querySelector(selector);
  const take = async (given) => {
    const files = await sortGiven(given, context.limits);
    add(context.tray, context.state, files, context.limits);
  };
  for (const name of ["files", "folder", "camera"]) {
    const input = find(`input[name=${name}]`);
    if (name !== "camera" || BY_FINGER) find(`button.${name}`).onclick = () => input.click();
    input.onchange = () => {
      take(fromList(input.files, context.junk));
      input.value = ""; // the same files may be chosen again
    };
  }
  find(".cancel").onclick = () => cancel(context.state);
  find(".retry").onclick = () => take([...context.state.again]);
  find(".dismiss").onclick = () => {
    context.state.total = 0;
    context.state.show();
  };
  find(".fold").onclick = () => {
    const { state } = context;
    state.folded = !state.folded;
    state.kept = !state.folded;
    state.show();
  };
  askIn(find(".ask"));
  context.cleanups.push(connectCamera(find, take));
  find(".understood").onclick = () => forgetUnsent(find, context.tray);
  connectPage(find(".zone"), take, context);
  return find;
};

// The whole page takes drops and pastes: nobody has to aim.
const connectPage = (zone, take, context) => {
  let depth = 0;
  const carries = (event, kind) => event.dataTransfer?.types.includes(kind);
  const isText = (event) => event.composedPath()[0].matches?.("input, textarea");
  const isLink = (event) => carries(event, "text/uri-list") && !isText(event);
  const mark = (change) => {
    depth = change ? Math.max(0, depth + change) : 0;
    zone.classList.toggle("over", depth > 0);
  };
  const listen = (kind, act) => {
    const guarded = (event) => {
      const dragged = carries(event, "Files") || isLink(event);
      if (kind !== "paste" && !dragged) return;
      act(event);
    };
    document.addEventListener(kind, guarded);
    context.cleanups.push(() => document.removeEventListener(kind, guarded));
  };
  listen("dragenter", () => mark(1));
  listen("dragleave", () => mark(-1));
  listen("dragover", (event) => event.preventDefault());
  listen("drop", async (event) => {
    event.preventDefault();
    mark(0);
    // A picture dragged from a page comes as a file too, often smaller or as a link.
    const links = linksOf(event.dataTransfer);
    if (links) context.state.follow(links);
    else if (carries(event, "Files")) take(await fromDrop(event.dataTransfer, context.junk));
  });
  listen("paste", (event) => {
    const files = fromPaste(event);
    if (!files.length && !isText(event)) {
      const links = linksIn(event.clipboardData?.getData("text/plain") ?? "");
      if (links) context.state.follow(links);
    }
    if (!files.length || isTextFor(event)) return;
    event.preventDefault();
    take(files);
  });
};

const mounted = new WeakMap();

const mount = (parent, data) => {
  if (!uploads.has(data.tray)) uploads.set(data.tray, newState());
  const state = uploads.get(data.tray);
  const junk = new RegExp(data.junk, "i");
  const { tray, limits } = data;
  const context = { tray, state, limits, junk, cleanups: [] };
  context.find = connect(parent, context);
  context.cleanups.push(foldInTime(context.find, state));
  context.find(".limits").textContent = data.words;
  if (!state.running) showUnsent(context.find, tray);
  return context;
};

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let context = mounted.get(parentElement);
  if (!context || context.tray !== data.tray) {
    context?.cleanups.forEach((undo) => undo());
    context = mount(parentElement, data);
    mounted.set(parentElement, context);
  }
  context.limits = data.limits; // the tray fills
  const { state } = context;
  if (state.generation !== undefined && state.generation !== data.generation) {
    if (!state.running) state.total = 0; // saved: what came in is old news
  }
  state.generation = data.generation;
  state.more = data.more;
  state.show = () => draw(context.find, context.tray, state);
  state.rerun = (done) => setTriggerValue("arrived", done);
  state.follow = (links) => setTriggerValue("links", links);
  state.show();
  return () => {
    context.cleanups.forEach((undo) => undo());
    mounted.delete(parentElement);
    state.show = () => {};
    state.rerun = () => {};
  };
}
