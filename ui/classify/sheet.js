// Pictures by the hundred, confirmed together; see ui/classify/sheet.py.

const TOLERATED = 0.01; // the proposed threshold lets about one in a hundred through
const IDLE_MS = 1200;

const BULK = ["bulk", null]; // the way of these verdicts, and no order

const GLANCE_MS = 400; // what is scrolled past quicker was not seen
const LONG_MS = 500; // a finger that rests so long wants to see more

const sure = (item) => item.top[0][1];

const about = (expected) => {
  if (expected < 0.5) return "probably all right";
  return `about ${number(Math.max(1, Math.round(expected)))} of them probably wrong`;
};

// The lowest whole percentage above which few are expected to be wrong.
const proposed = (items, wrong) => {
  const ranked = [...items].sort((a, b) => sure(b) - sure(a));
  let expected = 0;
  let lowest = 0.99;
  ranked.forEach((item, n) => {
    expected += wrong([item]);
    if (expected <= TOLERATED * (n + 1)) lowest = Math.min(lowest, sure(item));
  });
  return Math.min(99, Math.max(50, Math.ceil(100 * lowest)));
};

const mounted = new WeakMap();

class Sheet {
  constructor(parent, data) {
    this.find = (selector) => parent.querySelector(selector);
    this.store = storeOf(data.tray);
    this.classes = data.classes;
    this.threshold = null;
    this.only = "";
    this.unticked = new Set();
    this.extra = new Set(); // ticked though below the threshold
    this.tiles = new Map();
    this.seen = new Set();
    this.watcher = new IntersectionObserver((entries) => this.watch(entries), {
      threshold: 0.6,
    });
    this.report = new Report(this.store, IDLE_MS);
    this.build();
  }

  build() {
    this.find("input[type=range]").oninput = (event) => {
      this.threshold = Number(event.target.value);
      this.draw();
    };
    this.find(".propose").onclick = () => {
      this.threshold = this.proposal;
      this.draw();
    };
    this.find(".shown").onchange = (event) => {
      this.only = event.target.value;
      this.draw();
    };
    this.find(".confirm").onclick = () => this.confirm();
    this.find(".only-seen").onclick = () => this.confirmed((item) => this.seen.has(item.id));
    this.find(".all-ticked").onclick = () => this.confirmed(() => true);
    this.find(".ask .cancel").onclick = () => this.ask(false);
    this.find(".undo").onclick = () => {
      this.store.undo(BULK);
      this.report.later();
    };
    this.find(".label").onclick = () => this.openOwn(true);
    this.find(".own .cancel").onclick = () => this.openOwn(false);
    this.find(".choices").replaceChildren(...[...this.classes, NONE].map(newChoice));
    this.find(".choices").onclick = (event) => {
      const { label } = event.target.dataset;
      if (!label) return;
      this.give(() => label);
      this.openOwn(false);
    };
    this.find(".own").onsubmit = (event) => {
      event.preventDefault();
      const text = this.find(".own input").value;
      if (text.trim()) this.give(() => text);
      this.openOwn(false);
    };
    const groups = this.find(".groups");
    groups.onclick = (event) => this.click(event);
    groups.onkeydown = (event) => {
      const tile = event.target.closest(".tile");
      if (tile && event.key.toLowerCase() === "z" && !event.ctrlKey && !event.metaKey)
        this.look(tile.dataset.id);
    };
    this.buildLook(groups);
  }

  // One button goes from tile to tile with the mouse; a finger rests on a picture.
  buildLook(groups) {
    const look = this.find(".look");
    groups.onpointerover = ({ target, pointerType }) => {
      const tile = target.closest(".tile");
      if (pointerType === "mouse" && tile) this.place(look, tile);
    };
    this.find(".root").onpointerleave = () => (look.hidden = true);
    look.onclick = () => this.look(look.dataset.id);
    groups.onpointerdown = ({ target, pointerType }) => {
      this.rested = false;
      const tile = target.closest(".tile");
      if (pointerType === "mouse" || !tile) return;
      this.resting = setTimeout(() => {
        this.rested = true; // the click that follows ticks nothing
        this.look(tile.dataset.id);
      }, LONG_MS);
    };
    groups.onpointerup = groups.onpointercancel = () => clearTimeout(this.resting);
    groups.oncontextmenu = (event) => this.rested && event.preventDefault();
  }

  place(look, tile) {
    const root = this.find(".root").getBoundingClientRect();
    const { left, bottom } = tile.getBoundingClientRect();
    look.hidden = false;
    look.dataset.id = tile.dataset.id;
    look.ariaLabel = `Enlarge ${this.store.byId.get(tile.dataset.id).name}`;
    look.style.left = `${left - root.left + 6}px`;
    look.style.top = `${bottom - root.top - look.offsetHeight - 6}px`;
  }

  look(id) {
    const ids = [...this.find(".groups").querySelectorAll(".tile")].map((t) => t.dataset.id);
    const pictures = ids.map((one) => largePicture(this.store, this.store.byId.get(one)));
    viewPictures(pictures, ids.indexOf(id), (place) => this.seen.add(ids[place]));
  }

  // A picture is seen once most of it has been on screen for a moment.
  watch(entries) {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(target.glance);
      if (!isIntersecting) continue;
      target.glance = setTimeout(() => {
        this.seen.add(target.dataset.id);
        this.watcher.unobserve(target);
      }, GLANCE_MS);
    }
  }

  // What was not seen is not confirmed without a word.
  confirm() {
    const ticked = this.ticked();
    const seen = ticked.filter((item) => this.seen.has(item.id)).length;
    if (seen === ticked.length) return this.confirmed(() => true);
    const of = number(ticked.length);
    this.find(".seen").textContent = `You have seen ${number(seen)} of ${of}.`;
    this.find(".only-seen").textContent = `Mark the ${number(seen)} seen as right`;
    this.find(".only-seen").disabled = !seen;
    this.find(".all-ticked").textContent = `Mark all ${of} as right`;
    this.ask(true);
  }

  ask(open) {
    this.find(".ask").hidden = !open;
    if (open) this.find(".ask button:enabled").focus();
    else this.find(".confirm").focus();
  }

  confirmed(which) {
    this.find(".ask").hidden = true;
    this.give((item) => item.predicted, which);
  }

  update(data) {
    this.store.update(data);
    drawLabels(this.find("datalist"), data.labels);
    this.saved = data.experience;
    this.model = data.model;
    this.enough = data.enough;
    this.learn();
    this.proposal = proposed(this.open(), (items) => this.wrong(items));
    this.threshold ??= this.proposal;
    this.draw();
  }

  learn() {
    this.sums = experienceOf(this.saved, this.store.items, this.model);
  }

  // How many of these to expect to be wrong.
  wrong(items) {
    const share = (item) =>
      Math.min(1, (1 - sure(item)) * excess(this.sums[bin(sure(item))]));
    return items.reduce((sum, item) => sum + share(item), 0);
  }

  open() {
    return this.store.items.filter((item) => item.label === null);
  }

  shown() {
    const items = this.open();
    return this.only ? items.filter((item) => item.predicted === this.only) : items;
  }

  isTicked(item) {
    if (this.unticked.has(item.id)) return false;
    return this.extra.has(item.id) || sure(item) >= this.threshold / 100;
  }

  toggle(item, on) {
    const above = sure(item) >= this.threshold / 100;
    this.unticked.delete(item.id);
    this.extra.delete(item.id);
    if (on && !above) this.extra.add(item.id);
    if (!on && above) this.unticked.add(item.id);
  }

  click(event) {
    if (this.rested) return;
    const tile = event.target.closest(".tile");
    const all = event.target.closest("button.all");
    if (tile) this.clickTile(tile, event.shiftKey);
    else if (all) {
      const items = this.shown().filter((item) => item.predicted === all.dataset.label);
      const on = !items.every((item) => this.isTicked(item));
      items.forEach((item) => this.toggle(item, on));
    } else return;
    this.draw();
  }

  // With Shift, everything between the last tile and this one gets its state.
  clickTile(tile, range) {
    const item = this.store.byId.get(tile.dataset.id);
    const on = !this.isTicked(item);
    const order = [...this.find(".groups").querySelectorAll(".tile")];
    const from = range ? order.indexOf(this.tiles.get(this.last)) : -1;
    const to = order.indexOf(tile);
    const span = from < 0 ? [tile] : order.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of span) this.toggle(this.store.byId.get(one.dataset.id), on);
    this.last = item.id;
  }

  ticked() {
    return this.shown().filter((item) => this.isTicked(item));
  }

  give(labelOf, which = () => true) {
    const given = this.ticked().filter(which);
    const changes = given.map((item) => [item.id, labelOf(item)]);
    for (const [id] of changes) this.extra.delete(id);
    this.store.judge(changes, BULK);
    this.report.later();
  }

  openOwn(open) {
    this.find(".own").hidden = !open;
    this.find(".ask").hidden = true;
    this.find(".own input").value = "";
    this.find(open ? ".choices button" : ".label").focus();
  }

  draw() {
    const { store } = this;
    const ticked = this.ticked();
    this.learn();
    drawStatus(this.find(".status"), store);
    this.find("input[type=range]").value = this.threshold;
    this.find("output").textContent = `${this.threshold}%`;
    this.find(".propose").textContent = `Suggested: ${this.proposal}%`;
    this.find(".propose").hidden = this.threshold === this.proposal;
    this.find(".expect").textContent = ticked.length
      ? `${number(ticked.length)} ticked, ${about(this.wrong(ticked))}`
      : "Nothing is ticked";
    const said = inWords(this.sums, this.threshold, this.enough);
    this.find(".experience").textContent = said;
    this.find(".confirm").textContent = `Mark ${number(ticked.length)} as right`;
    this.find(".confirm").disabled = this.find(".label").disabled = !ticked.length;
    this.find(".undo").disabled = !store.done.length;
    this.drawShown();
    this.drawGroups();
    const [note] = [...store.notes.values()].slice(-1);
    this.find(".note").textContent = note ?? "";
  }

  drawShown() {
    const counts = new Map();
    for (const { predicted } of this.open())
      counts.set(predicted, (counts.get(predicted) ?? 0) + 1);
    const options = ["", ...this.classes.filter((name) => counts.has(name))];
    if (this.only && !counts.has(this.only)) this.only = "";
    this.find(".shown").replaceChildren(
      ...options.map((name) => {
        const n = name ? counts.get(name) : this.open().length;
        const option = make("option", "", `${name || "all classes"} (${number(n)})`);
        option.value = name;
        return option;
      }),
    );
    this.find(".shown").value = this.only;
  }

  drawGroups() {
    const groups = new Map();
    for (const item of this.shown()) {
      if (!groups.has(item.predicted)) groups.set(item.predicted, []);
      groups.get(item.predicted).push(item);
    }
    const names = this.classes.filter((name) => groups.has(name));
    const holder = this.find(".groups");
    const sections = names.map((name) => this.section(name, groups.get(name)));
    holder.replaceChildren(...sections);
    const nothing = this.find(".nothing");
    nothing.hidden = names.length > 0;
    nothing.textContent = "Every picture is reviewed.";
  }

  section(name, items) {
    this.sections ??= new Map();
    if (!this.sections.has(name)) this.sections.set(name, newSection(name));
    const { section, said, all, tiles } = this.sections.get(name);
    items.sort((a, b) => sure(b) - sure(a));
    said.textContent = `${plural(items.length, "picture")}, ${about(this.wrong(items))}`;
    all.textContent = items.every((item) => this.isTicked(item)) ? "Untick all" : "Tick all";
    const wanted = items.map((item) => this.tile(item));
    if (!sameChildren(tiles, wanted)) tiles.replaceChildren(...wanted);
    return section;
  }

  tile(item) {
    if (!this.tiles.has(item.id)) {
      this.tiles.set(item.id, newTile(this.store, item));
      this.watcher.observe(this.tiles.get(item.id));
    }
    const tile = this.tiles.get(item.id);
    const on = String(this.isTicked(item));
    if (tile.getAttribute("aria-checked") !== on) tile.setAttribute("aria-checked", on);
    return tile;
  }

  close() {
    this.watcher.disconnect();
    this.report.close();
    this.store.changed = () => {};
  }
}

const sameChildren = (parent, wanted) =>
  parent.childElementCount === wanted.length &&
  wanted.every((child, n) => parent.children[n] === child);

const newChoice = (name) => {
  const button = make("button", "", shownLabel(name));
  button.type = "button";
  button.dataset.label = name;
  return button;
};

const newSection = (name) => {
  const section = make("section", "group");
  const header = make("header");
  const said = make("span", "small");
  const all = make("button", "quiet all");
  all.type = "button";
  all.dataset.label = name;
  header.append(make("b", "", name), said, all);
  const tiles = make("div", "tiles");
  section.append(header, tiles);
  return { section, said, all, tiles };
};

const newTile = (store, item) => {
  const tile = make("button", "tile");
  tile.type = "button";
  tile.dataset.id = item.id;
  tile.setAttribute("role", "checkbox");
  const flags = [item.outside, item.near].filter(Boolean);
  tile.title = [item.name, ...flags].join("\n");
  const image = make("img");
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = [item.name, ...flags].join(". ");
  image.src = pictureUrl(store, item);
  image.classList.toggle("tiny", isTiny(item));
  tile.append(image, make("span", "tick"), make("span", "share", percent(sure(item))));
  if (flags.length) tile.append(make("span", "flag", "?"));
  return tile;
};

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let sheet = mounted.get(parentElement);
  if (!sheet || sheet.store.tray !== data.tray) {
    sheet?.close();
    sheet = new Sheet(parentElement, data);
    mounted.set(parentElement, sheet);
  }
  sheet.report.send = (told) => setTriggerValue("judged", told);
  sheet.store.changed = () => sheet.draw();
  sheet.update(data);
  return () => {
    sheet.close();
    mounted.delete(parentElement);
  };
}
