// Pictures and verdicts as the page holds them, and their way to the disk. Queue and
// contact sheet share one store a tray: what one undoes, the other shows.

const SENT_AT_ONCE = 200;
const stores = (globalThis.__classifyStores ??= new Map());

class Store {
  constructor(tray) {
    this.tray = tray;
    this.who = "";
    this.items = [];
    this.byId = new Map();
    this.pending = new Map(); // id -> [label, way, order], not yet known to be on disk
    this.done = []; // what can be undone: lists of [id, label before]
    this.notes = new Map(); // id -> what the server said of a label
    this.heard = []; // what the server says that must stay until it is read
    this.problem = "";
    this.sending = false;
    this.wake = () => {};
    this.changed = () => {};
    this.settling = []; // who waits until everything is on disk
  }

  // Take the server's list; what is on its way there counts as the newer word.
  update({ items: rows, who }) {
    const before = this.byId;
    this.who = who;
    this.items = rows.map((row) => {
      const item = Object.assign(before.get(row.id) ?? {}, row, { saved: row.label });
      if (this.pending.has(row.id)) [item.label] = this.pending.get(row.id);
      return item;
    });
    this.byId = new Map(this.items.map((item) => [item.id, item]));
    // What was saved or cleared meanwhile is not to be undone here.
    this.done = this.done
      .map((step) => step.filter(([id]) => this.byId.has(id)))
      .filter((step) => step.length);
  }

  get reviewed() {
    return this.items.reduce((n, item) => n + (item.label !== null), 0);
  }

  // `how` is the way of the verdict, and the order where the queue has one.
  judge(changes, how, { remember = true } = {}) {
    const known = changes.filter(([id]) => this.byId.has(id));
    if (!known.length) return;
    if (remember) this.done.push(known.map(([id]) => [id, this.byId.get(id).label]));
    for (const [id, label] of known) {
      this.byId.get(id).label = label;
      this.pending.set(id, [label, ...how]);
      this.notes.delete(id);
    }
    this.changed();
    this.tell();
    this.flush();
  }

  // The sidebar counts what is reviewed here and not saved yet.
  tell() {
    const judged = this.items.filter(({ label }) => label !== null);
    const right = judged.filter(({ label, predicted }) => label === predicted);
    const detail = { reviewed: judged.length, right: right.length };
    dispatchEvent(new CustomEvent("classify-unsaved", { detail }));
  }

  // Take the last step back; answers with the pictures it was about.
  undo(how) {
    const step = this.done.pop();
    if (!step) return [];
    this.judge(step, how, { remember: false });
    return step.map(([id]) => id);
  }

  async flush() {
    if (this.sending) return this.wake();
    this.sending = true;
    let wait = 500;
    while (this.pending.size) {
      const sent = [...this.pending].slice(0, SENT_AT_ONCE);
      try {
        this.take(sent, await this.send(sent));
        this.problem = "";
        wait = 500;
      } catch (problem) {
        this.problem = problem.message || "The server does not answer.";
        this.changed();
        await this.rest(wait);
        wait = Math.min(2 * wait, 8000);
      }
    }
    this.sending = false;
    this.changed();
    for (const go of this.settling.splice(0)) go();
  }

  // Resolves once everything is on disk.
  settled() {
    return new Promise((go) => (this.pending.size ? this.settling.push(go) : go()));
  }

  rest(ms) {
    return new Promise((go) => {
      this.wake = go;
      setTimeout(go, ms);
    });
  }

  async send(sent) {
    const body = JSON.stringify(sent.map(([id, said]) => [id, ...said]));
    const path = `review/${this.tray}?who=${encodeURIComponent(this.who)}`;
    const answer = await post(path, body, {
      headers: { "Content-Type": "application/json" },
    });
    if (!answer.ok) throw new Error((await answer.text()).slice(0, 200));
    return answer.json();
  }

  take(sent, results) {
    sent.forEach(([id, said], n) => {
      const { label: kept, refusal, note } = results[n];
      const item = this.byId.get(id);
      const newest = this.pending.get(id) === said;
      if (newest) this.pending.delete(id);
      if (note) this.heard.push(note);
      if (!item) return;
      if (!refusal) item.saved = kept;
      if (newest) item.label = item.saved;
      if (refusal) this.notes.set(id, refusal);
    });
    this.changed();
  }
}

// The page counts verdicts too; it is asked to once the hands are still and everything
// is on disk.
class Report {
  constructor(store, ms) {
    this.store = store;
    this.ms = ms;
    this.send = () => {};
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.store.pending.size) this.later();
      else this.send({ reviewed: this.store.reviewed, notes: this.store.heard.splice(0) });
    }, this.ms);
  }

  close() {
    clearTimeout(this.timer);
  }
}

const storeOf = (tray) => {
  if (!stores.has(tray)) stores.set(tray, new Store(tray));
  return stores.get(tray);
};

globalThis.__classifyLeave ??= addEventListener("beforeunload", (event) => {
  if ([...stores.values()].some((store) => store.pending.size)) event.preventDefault();
}) ?? true;

// Save writes what is on disk: it waits for verdicts that are still on their way there.
const SAVE = ".st-key-save button";
globalThis.__classifySave ??=
  addEventListener(
    "click",
    (event) => {
      if (!event.target.closest?.(SAVE)) return;
      const late = [...stores.values()].filter((store) => store.pending.size);
      if (!late.length) return;
      event.stopImmediatePropagation();
      event.preventDefault();
      Promise.all(late.map((store) => store.settled())).then(() =>
        document.querySelector(SAVE)?.click(),
      );
    },
    true,
  ) ?? true;

const KEPT = "Kept. Press Save to add to the history";

// That all is kept, "Keeping 3…" or what went wrong: nobody has to guess.
const drawStatus = (element, store) => {
  const waiting = store.pending.size;
  element.classList.toggle("bad", Boolean(store.problem));
  if (store.problem)
    element.textContent = `${plural(waiting, "review")} not kept yet: ${store.problem} Trying again…`;
  else element.textContent = waiting ? `Keeping ${number(waiting)}…` : KEPT;
};

const drawLabels = (list, labels) => {
  if (list.childElementCount === labels.length) return;
  list.replaceChildren(
    ...labels.map((label) =>
      Object.assign(document.createElement("option"), { value: shownLabel(label) }),
    ),
  );
};

const pictureUrl = (store, item) => routeUrl(`tray/${store.tray}/${item.id}.jpg`);
const originalUrl = (store, item) => routeUrl(`original/${store.tray}/${item.id}`);

// As the viewer takes it.
const largePicture = (store, item) => ({
  name: item.name,
  small: pictureUrl(store, item),
  large: originalUrl(store, item),
  width: item.width,
  height: item.height,
  said: `${item.predicted}, ${percent(item.top[0][1])}`,
});
