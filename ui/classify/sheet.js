// Pictures by the hundred, confirmed together; see ui/classify/sheet.py.

const TOLERATED = 0.01; // the proposed threshold lets about one in a hundred through
const IDLE_MS = 1200;

const BULK = ["bulk", null]; // the way of these verdicts, and no order

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
    this.find(".confirm").onclick = () => this.give((item) => item.predicted);
    this.find(".undo").onclick = () => {
      this.store.undo(BULK);
      this.report.later();
    };
    this.find(".label").onclick = () => this.openOwn(true);
    this.find(".cancel").onclick = () => this.openOwn(false);
    this.find(".own").onsubmit = (event) => {
      event.preventDefault();
      const text = this.find(".own input").value;
      if (text.trim()) this.give(() => text);
      this.openOwn(false);
    };
    this.find(".groups").onclick = (event) => this.click(event);
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

  give(labelOf) {
    const changes = this.ticked().map((item) => [item.id, labelOf(item)]);
    for (const [id] of changes) this.extra.delete(id);
    this.store.judge(changes, BULK);
    this.report.later();
  }

  openOwn(open) {
    this.find(".own").hidden = !open;
    this.find(".own input").value = "";
    if (open) this.find(".own input").focus();
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
    if (!this.tiles.has(item.id)) this.tiles.set(item.id, newTile(this.store, item));
    const tile = this.tiles.get(item.id);
    const on = String(this.isTicked(item));
    if (tile.getAttribute("aria-checked") !== on) tile.setAttribute("aria-checked", on);
    return tile;
  }

  close() {
    this.report.close();
    this.store.changed = () => {};
  }
}

const sameChildren = (parent, wanted) =>
  parent.childElementCount === wanted.length &&
  wanted.every((child, n) => parent.children[n] === child);

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
