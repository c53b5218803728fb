// A page of the history as pictures; see ui/history/gallery.py.

const mounted = new WeakMap();

class Gallery {
  constructor(parent) {
    this.root = parent.querySelector(".root");
    this.chosen = new Set();
    this.root.onclick = (event) => this.click(event);
    this.root.ondblclick = (event) => this.look(this.placeOf(event.target));
    this.root.onkeydown = (event) => this.key(event);
  }

  update({ rows, shown }) {
    const same = this.rows?.length === rows.length;
    const stay = same && rows.every(({ id }, n) => id === this.rows[n].id);
    this.rows = rows;
    const there = new Set(rows.map(({ id }) => id));
    this.chosen = new Set([...this.chosen].filter((id) => there.has(id)));
    if (!stay) this.root.replaceChildren(...rows.map(newTile));
    this.shown = rows.findIndex(({ id }) => id === shown);
    if (!stay || this.at === undefined) this.at = Math.max(0, this.shown);
    this.draw();
  }

  draw() {
    this.rows.forEach((row, n) => {
      const tile = this.root.children[n];
      tile.ariaSelected = String(this.chosen.has(row.id));
      tile.classList.toggle("shown", n === this.shown);
      tile.tabIndex = n === this.at ? 0 : -1;
      drawSaid(tile, row);
    });
  }

  placeOf(target) {
    return [...this.root.children].indexOf(target.closest(".tile"));
  }

  click(event) {
    const place = this.placeOf(event.target);
    if (place < 0) return;
    const adds = event.ctrlKey || event.metaKey || event.target.closest(".tick");
    this.choose(place, event.shiftKey ? "range" : adds ? "toggle" : "one");
  }

  choose(place, how) {
    const { id } = this.rows[place];
    if (how === "toggle" && this.chosen.has(id)) this.chosen.delete(id);
    else if (how === "range") {
      const [from, to] = [this.at, place].sort((a, b) => a - b);
      for (const row of this.rows.slice(from, to + 1)) this.chosen.add(row.id);
    } else {
      if (how === "one") this.chosen.clear();
      this.chosen.delete(id);
      this.chosen.add(id); // the last one is what the side panel shows
    }
    this.at = place;
    this.draw();
    this.tell([...this.chosen]);
  }

  key(event) {
    if (event.altKey || this.placeOf(event.target) < 0) return;
    const { key } = event;
    const all = (event.ctrlKey || event.metaKey) && key.toLowerCase() === "a";
    const across = getComputedStyle(this.root).gridTemplateColumns.split(" ").length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    if (all) {
      this.rows.forEach(({ id }) => this.chosen.add(id));
      this.tell([...this.chosen]);
      this.draw();
    } else if (moves[key]) this.move(this.at + moves[key]);
    else if (key === "Enter") this.choose(this.at, "one");
    else if (key === " ") this.choose(this.at, event.shiftKey ? "range" : "toggle");
    else if (key.toLowerCase() === "z" && !event.ctrlKey && !event.metaKey) this.look(this.at);
    else return;
    event.preventDefault();
  }

  move(to) {
    if (to < 0 || to >= this.rows.length) return;
    this.at = to;
    this.draw();
    this.root.children[to].focus();
  }

  look(place) {
    if (place >= 0) viewPictures(this.rows.map(large), place);
  }
}

const small = ({ sha256 }) => routeUrl(`thumb/${sha256}.jpg`);
const large = (row) => ({
  ...row,
  small: small(row),
  large: routeUrl(`original/${row.sha256}`),
  said: `${row.predicted}, ${percent(row.confidence)}`,
});

const newTile = (row) => {
  const tile = make("div", "tile");
  tile.setAttribute("role", "option");
  const image = make("img");
  image.loading = "lazy";
  image.alt = "";
  image.src = small(row);
  image.classList.toggle("tiny", isTiny(row));
  const said = make("div", "said");
  said.append(make("b"), make("span", "share"));
  tile.title = row.name;
  tile.append(image, make("span", "tick"), make("span", "verdict"), said);
  return tile;
};

const drawSaid = (tile, row) => {
  const verdict = tile.querySelector(".verdict");
  const said = { correct: "✓ Right", incorrect: `✗ ${row.label}` }[row.verdict] ?? "";
  verdict.textContent = said;
  verdict.className = `verdict ${row.verdict}`;
  tile.querySelector("b").textContent = row.predicted;
  tile.querySelector(".share").textContent = percent(row.confidence);
  const heard = said || "not reviewed";
  tile.ariaLabel = `${row.name}: ${row.predicted}, ${percent(row.confidence)}, ${heard}`;
};

export default function ({ parentElement, data, setStateValue }) {
  if (!mounted.has(parentElement)) mounted.set(parentElement, new Gallery(parentElement));
  const gallery = mounted.get(parentElement);
  gallery.tell = (ids) => setStateValue("ids", ids);
  gallery.update(data);
  return () => mounted.delete(parentElement);
}
