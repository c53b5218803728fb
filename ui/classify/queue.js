// One picture after another, by keyboard; see ui/classify/queue.py.

const AHEAD = 6; // thumbnails
const SHARP_AHEAD = 2; // originals
const IDLE_MS = 1800;

const ORDERS = {
  uncertain: (item) => item.top[0][1],
  mistakes: (item) => item.doubt,
  uploaded: (item) => item.number,
  random: (item) => item.random,
  disputed: (item) => (item.disputed ? 0 : 1) + item.top[0][1] / 2,
};

const ACTS = {
  enter: "confirm",
  n: "none",
  s: "later",
  u: "undo",
  t: "own",
  "/": "own",
  z: "look",
  arrowleft: "back",
  arrowright: "forward",
};
const MOVES = ["back", "forward"];

// Which digit a key gives, by what it writes or, on layouts that write others there, by
// its place. The number pad without its lock moves, and gives none.
const digitOf = ({ key, code }) => {
  if (/^[0-9]$/.test(key)) return Number(key);
  const [, place] = /^(?:Digit|Numpad)([0-9])$/.exec(code) ?? [];
  return place !== undefined && key.length === 1 ? Number(place) : null;
};

// A letter counts by its place only where the layout writes no Latin ones.
const actOf = ({ key, code }) => {
  const act = ACTS[key.toLowerCase()];
  if (act || key.length !== 1 || /\p{Script=Latin}/u.test(key)) return act;
  return /^Key[NSUTZ]$/.test(code) ? ACTS[code.slice(3).toLowerCase()] : undefined;
};

// What an input method is still at work on is its own.
const composes = (event) => event.isComposing || event.keyCode === 229;

const SWIPE = 60;

// A swipe over the picture turns to the next or the one before; up and down scrolls.
const connectSwipe = (place, move) => {
  let from = null;
  place.ontouchstart = ({ touches }) => {
    from = touches.length === 1 ? touches[0] : null;
  };
  place.ontouchend = ({ changedTouches: [to] }) => {
    if (!from) return;
    const [x, y] = [to.clientX - from.clientX, to.clientY - from.clientY];
    from = null;
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) move(x < 0 ? 1 : -1);
  };
};

const mounted = new WeakMap();

class Queue {
  constructor(parent, data, classes) {
    this.find = (selector) => parent.querySelector(selector);
    this.store = storeOf(data.tray);
    this.classes = classes;
    // What was drawn at random is reviewed at random, or it says nothing of the rest.
    this.order = data.drawn.length ? "random" : "uncertain";
    this.ids = [];
    this.place = new Map();
    this.current = null;
    this.touched = new Set(); // looked at in this sitting, so not offered again
    this.ahead = new Map();
    this.sharp = new Map(); // id -> its original, on its way here
    this.report = new Report(this.store, IDLE_MS);
    this.build(parent);
  }

  build(parent) {
    const list = this.find(".classes");
    list.replaceChildren(
      ...this.classes.map((name, digit) => {
        const button = make("button", "", name);
        button.type = "button";
        button.dataset.label = name;
        button.append(make("kbd", "", String(digit)));
        return button;
      }),
    );
    const click = (event) => {
      const button = event.target.closest?.("button");
      if (!button) return;
      this.hold(); // else Enter would press it again
      if (button.dataset.label) this.give(button.dataset.label);
      else if (button.dataset.act) this.act(button.dataset.act);
    };
    const root = this.find(".root");
    root.onclick = click;
    this.find(".order").value = this.order;
    this.find(".order").onchange = (event) => {
      this.order = event.target.value;
      this.hold();
      this.touched.clear();
      this.arrange();
      this.go(this.nextOpen(-1));
    };
    this.find(".own").onsubmit = (event) => {
      event.preventDefault();
      this.typed();
    };
    this.find(".own input").onkeydown = (event) => {
      if (composes(event)) return;
      if (event.key === "Escape") this.closeOwn();
    };
    root.onkeydown = (event) => this.key(event);
    connectSwipe(this.find("figure"), (step) => this.move(step));
    this.hold();
    requestAnimationFrame(() => root.scrollIntoView({ block: "nearest" }));
  }

  update(data) {
    this.store.update(data);
    for (const item of this.store.items) item.random ??= Math.random();
    data.drawn.forEach((id, place) => {
      this.store.byId.get(id).random = place - data.drawn.length; // before all others
    });
    this.find("option[value=disputed]").hidden = !this.store.items.some((i) => i.disputed);
    drawLabels(this.find("datalist"), data.labels);
    this.arrange();
    if (!this.store.byId.has(this.current)) this.current = this.nextOpen(-1);
    this.draw();
  }

  // The order is made once and then stands still, so that a verdict moves no picture;
  // it is made again where pictures have come in.
  arrange() {
    const { items, byId } = this.store;
    const fresh = this.arranged !== this.order || items.some(({ id }) => !this.place.has(id));
    if (fresh) {
      const score = ORDERS[this.order];
      this.ids = [...items].sort((a, b) => score(a) - score(b)).map(({ id }) => id);
    } else this.ids = this.ids.filter((id) => byId.has(id));
    this.arranged = this.order;
    this.place = new Map(this.ids.map((id, n) => [id, n]));
  }

  isOpen(id) {
    if (this.touched.has(id)) return false;
    return this.order === "mistakes" || this.store.byId.get(id).label === null;
  }

  // The next picture to ask about after this place, from the start where the end is
  // reached; this one itself where there is none.
  nextOpen(place) {
    const n = this.ids.length;
    for (let step = 1; step <= n; step += 1) {
      const id = this.ids[(place + step) % n];
      if (this.isOpen(id)) return id;
    }
    return this.ids[Math.max(place, 0)] ?? null;
  }

  go(id) {
    this.current = id;
    this.closeOwn();
    this.draw();
  }

  // Where all the others are dealt with, those put off are asked about again.
  advance() {
    const { byId } = this.store;
    if (!this.ids.some((id) => this.isOpen(id)))
      for (const id of this.touched)
        if (byId.get(id)?.label === null) this.touched.delete(id);
    this.go(this.nextOpen(this.place.get(this.current)));
  }

  move(step) {
    const place = this.place.get(this.current) + step;
    if (place >= 0 && place < this.ids.length) this.go(this.ids[place]);
  }

  how() {
    return ["queue", this.order];
  }

  give(label) {
    const id = this.current;
    this.touched.add(id);
    this.store.judge([[id, label]], this.how());
    this.advance();
    this.report.later();
  }

  undo() {
    const ids = this.store.undo(this.how());
    ids.forEach((id) => this.touched.delete(id));
    if (ids.length) this.go(ids[0]);
    this.report.later();
  }

  act(name) {
    const item = this.store.byId.get(this.current);
    if (!item) return;
    const acts = {
      confirm: () => this.give(item.predicted),
      none: () => this.give(NONE),
      later: () => {
        this.touched.add(item.id);
        this.advance();
      },
      undo: () => this.undo(),
      own: () => this.openOwn(),
      back: () => this.move(-1),
      forward: () => this.move(1),
      save: () => document.querySelector(SAVE)?.click(),
      look: () => this.look(),
    };
    acts[name]();
  }

  // All of them large, from this one on; the queue follows.
  look() {
    const pictures = this.ids.map((id) => largePicture(this.store, this.store.byId.get(id)));
    const follow = (place) => this.ids[place] !== this.current && this.go(this.ids[place]);
    viewPictures(pictures, this.place.get(this.current), follow);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || composes(event)) return;
    const { target } = event;
    if (target.matches("input, textarea, select, [contenteditable=true]")) return;
    if (event.key === "Enter" && target.closest("button")) {
      if (event.repeat) event.preventDefault();
      return;
    }
    const digit = digitOf(event);
    const act = actOf(event);
    if (digit === null && !act) return;
    event.preventDefault();
    if (event.repeat && !MOVES.includes(act)) return; // one verdict a press
    if (act) this.act(act);
    else if (this.current) this.give(this.classes[digit]);
  }

  // The keyboard stays with the queue, and never falls to the page.
  hold() {
    this.find(".root").focus({ preventScroll: true });
  }

  openOwn() {
    this.find(".own").hidden = false;
    this.find(".own input").value = "";
    this.find(".own input").focus();
  }

  closeOwn() {
    this.find(".own").hidden = true;
    if (this.find(".own input").matches(":focus")) this.hold();
  }

  typed() {
    const text = this.find(".own input").value;
    if (!text.trim()) return;
    this.closeOwn();
    this.give(text);
  }

  preload() {
    const place = this.place.get(this.current);
    const wanted = new Map();
    let id = this.current;
    for (let n = 0; n < AHEAD; n += 1) {
      id = this.nextOpen(this.place.get(id));
      if (wanted.has(id)) break;
      wanted.set(id, this.ahead.get(id) ?? this.load(id));
    }
    for (const near of [this.ids[place - 1], this.ids[place + 1]])
      if (near) wanted.set(near, this.ahead.get(near) ?? this.load(near));
    this.ahead = wanted;
    this.preloadSharp([...wanted.keys()].slice(0, SHARP_AHEAD));
  }

  load(id, url = pictureUrl) {
    const image = new Image();
    image.src = url(this.store, this.store.byId.get(id));
    image.ready = image.decode().then(
      () => true,
      () => false,
    );
    return image;
  }

  // Originals of this picture and the next; those that are passed are let go.
  preloadSharp(next) {
    const wanted = new Map();
    for (const id of [this.current, ...next])
      wanted.set(id, this.sharp.get(id) ?? this.load(id, originalUrl));
    for (const [id, image] of this.sharp) if (!wanted.has(id)) image.src = "";
    this.sharp = wanted;
  }

  // The thumbnail at once, the original as soon as it is there.
  async sharpen(item) {
    const original = this.sharp.get(item.id);
    if (await original?.ready)
      if (this.current === item.id) this.find("figure img").src = original.src;
  }

  draw() {
    const { store } = this;
    const total = store.items.length;
    const { reviewed } = store;
    drawStatus(this.find(".status"), store);
    this.find(".count").textContent = `${number(reviewed)} of ${number(total)} reviewed`;
    this.find(".bar .track i").style.width = `${total ? (100 * reviewed) / total : 0}%`;
    this.find(".finished").hidden = !total || reviewed < total;
    this.find("[data-act=undo]").disabled = !store.done.length;
    const item = store.byId.get(this.current);
    if (item) this.drawItem(item);
  }

  drawItem(item) {
    const isNew = this.shown !== item.id;
    if (isNew) this.drawPicture(item);
    this.find(".name").textContent = item.name;
    this.find(".predicted").textContent = item.predicted;
    this.find(".sure").textContent = percent(item.top[0][1]);
    this.find(".bars").replaceChildren(...item.top.flatMap(drawBar));
    this.drawFlags(item);
    this.drawVerdict(item);
    for (const button of this.find(".classes").children) {
      const chosen = button.dataset.label === item.label;
      button.classList.toggle("chosen", chosen);
      button.ariaPressed = chosen;
    }
    const place = this.place.get(item.id) + 1;
    this.find(".place").textContent = `${number(place)} of ${number(this.ids.length)}`;
    this.drawNames(item);
    this.drawNote();
    this.preload();
    if (isNew) this.sharpen(item);
  }

  drawPicture(item) {
    this.shown = item.id;
    const image = this.find("figure img");
    image.src = pictureUrl(this.store, item);
    image.classList.toggle("tiny", isTiny(item));
    this.find("figure button").ariaLabel = `Enlarge ${item.name}`;
  }

  // What a person hears who sees neither the picture nor what stands beside a button.
  drawNames(item) {
    for (const button of this.find(".side").querySelectorAll("button")) {
      const [said] = button.childNodes;
      button.ariaLabel = `${said.textContent.trim()}: ${item.name}`;
    }
    const place = this.find(".place").textContent;
    const sure = percent(item.top[0][1]);
    const verdict = this.find(".verdict").textContent;
    const text = `${place}: ${item.predicted}, ${sure}. ${verdict}. ${item.name}`;
    const heard = this.find(".heard");
    if (heard.textContent !== text) heard.textContent = text;
  }

  drawFlags(item) {
    const outside = item.label === null ? item.outside : "";
    const lines = [outside, item.near].filter(Boolean);
    this.find(".flags").replaceChildren(...lines.map((line) => make("div", "flag", line)));
  }

  drawVerdict(item) {
    const verdict = this.find(".verdict");
    verdict.classList.toggle("correct", item.label === item.predicted);
    verdict.classList.toggle(
      "incorrect",
      item.label !== null && item.label !== item.predicted,
    );
    if (item.label === item.predicted) verdict.textContent = "✓ Right";
    else if (item.label !== null) verdict.textContent = `✗ It is ${shownLabel(item.label)}`;
    else if (item.earlier) verdict.textContent = `Saved earlier as ${shownLabel(item.earlier)}`;
    else verdict.textContent = "Not reviewed";
  }

  drawNote() {
    const [note] = [...this.store.notes].slice(-1);
    const item = note && this.store.byId.get(note[0]);
    this.find(".note").textContent = item ? `${item.name}: ${note[1]}` : "";
  }

  close() {
    this.report.close();
    this.store.changed = () => {};
  }
}

const drawBar = ([name, share]) => {
  const line = make("span", "line");
  const fill = make("i");
  fill.style.width = `${100 * share}%`;
  line.append(fill);
  return [make("span", "", name), line, make("span", "share", percent(share))];
};

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let queue = mounted.get(parentElement);
  if (!queue || queue.store.tray !== data.tray) {
    queue?.close();
    queue = new Queue(parentElement, data, data.classes);
    mounted.set(parentElement, queue);
  }
  queue.report.send = (told) => setTriggerValue("judged", told);
  queue.store.changed = () => queue.draw();
  queue.update(data);
  return () => {
    queue.close();
    mounted.delete(parentElement);
  };
}
