// Any picture of the page, large; see ui/shared/viewer.py.

const STEP = 1.35;
const NEAREST = 8; // screen pixels a picture's pixel, or four times the whole picture
const SWIPE = 60;
const AHEAD = 2;

const between = (low, n, high) => Math.min(high, Math.max(low, n));

// Where the keyboard is, inside components as well.
const focused = () => {
  let held = document.activeElement;
  while (held?.shadowRoot?.activeElement) held = held.shadowRoot.activeElement;
  return held;
};

class Viewer {
  constructor(parent) {
    this.find = (selector) => parent.querySelector(selector);
    this.dialog = this.find("dialog");
    this.stage = this.find(".stage");
    this.picture = this.find(".picture");
    this.loading = new Map(); // address -> the original on its way here
    this.fingers = new Map();
    this.dialog.onclick = (event) => this.click(event);
    this.dialog.onkeydown = (event) => this.key(event);
    this.dialog.onclose = () => this.closed();
    this.stage.onpointerdown = (event) => this.down(event);
    this.stage.onpointermove = (event) => this.drag(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.up(event);
    this.stage.ondblclick = (event) => this.toggle(event);
    const wheel = (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.from(event));
    };
    this.stage.addEventListener("wheel", wheel, { passive: false });
    new ResizeObserver(() => this.dialog.open && this.fit()).observe(this.stage);
  }

  // `pictures`: name, small, large (addresses), width, height and said of each.
  // `moved` hears the place of the picture that is shown.
  open(pictures, place, moved = () => {}) {
    this.pictures = pictures;
    this.moved = moved;
    this.held = focused();
    if (!this.dialog.open) this.dialog.showModal();
    this.show(place);
    this.find("[data-act=close]").focus();
  }

  closed() {
    this.picture.removeAttribute("src");
    this.loading.clear();
    this.fingers.clear();
    const { held } = this;
    const again = () =>
      held?.dataset?.large && document.querySelector(`[data-large="${held.dataset.large}"]`);
    (held?.isConnected ? held : again())?.focus({ preventScroll: true });
  }

  show(place) {
    const shown = this.pictures[place];
    if (!shown) return;
    this.place = place;
    this.shown = shown;
    this.find("#name").textContent = shown.name;
    this.picture.alt = shown.name;
    this.picture.src = shown.small;
    this.told("");
    this.measure(shown.width || 1, shown.height || 1);
    this.fetch(shown.large).then(
      (image) => this.shown === shown && this.sharpen(image),
      () => this.shown === shown && this.told("The original could not be loaded."),
    );
    for (let n = 1; n <= AHEAD; n += 1) {
      const next = this.pictures[place + n];
      if (next) this.fetch(next.large).catch(() => {});
    }
    const many = this.pictures.length;
    const at = many > 1 ? `${number(place + 1)} of ${number(many)}` : "";
    this.find(".which").textContent = at;
    this.find("[data-act=back]").disabled = place === 0;
    this.find("[data-act=forward]").disabled = place === many - 1;
    this.moved(place);
  }

  told(problem) {
    this.find(".bottom").textContent = [this.shown.said, problem].filter(Boolean).join(". ");
  }

  fetch(address) {
    if (!this.loading.has(address)) {
      const image = new Image();
      image.src = address;
      this.loading.set(address, image.decode().then(() => image));
    }
    return this.loading.get(address);
  }

  sharpen(image) {
    this.picture.src = image.src;
    const { naturalWidth: width, naturalHeight: height } = image;
    if (width !== this.width || height !== this.height) this.measure(width, height);
  }

  measure(width, height) {
    this.width = width;
    this.height = height;
    this.picture.classList.toggle("tiny", isTiny(this));
    this.find(".size").textContent = width > 1 ? `${number(width)} × ${number(height)}` : "";
    this.fit();
  }

  // The whole picture; a small one is enlarged, each pixel alike.
  fit() {
    const { clientWidth, clientHeight } = this.stage;
    const room = Math.min(clientWidth / this.width, clientHeight / this.height);
    this.whole = isTiny(this) ? Math.max(1, Math.floor(room)) : Math.min(room, 2);
    this.scale = this.whole;
    this.x = this.y = 0;
    this.draw();
  }

  // About a point, counted from the middle of the stage.
  zoom(factor, [x, y] = [0, 0]) {
    const nearest = Math.max(NEAREST, 4 * this.whole);
    const scale = between(this.whole, this.scale * factor, nearest);
    const by = scale / this.scale;
    this.scale = scale;
    this.x = x - (x - this.x) * by;
    this.y = y - (y - this.y) * by;
    this.draw();
  }

  toggle(event) {
    if (event.target.closest("button")) return;
    if (this.scale > this.whole) this.fit();
    else this.zoom(Math.max(2.5, 1 / this.whole), this.from(event));
  }

  draw() {
    const { stage, picture, scale } = this;
    const [width, height] = [this.width * scale, this.height * scale];
    const across = Math.max(0, (width - stage.clientWidth) / 2);
    const down = Math.max(0, (height - stage.clientHeight) / 2);
    this.x = between(-across, this.x, across);
    this.y = between(-down, this.y, down);
    picture.style.width = `${width}px`;
    picture.style.height = `${height}px`;
    picture.style.transform = `translate(calc(-50% + ${this.x}px), calc(-50% + ${this.y}px))`;
    stage.classList.toggle("near", scale > this.whole);
    this.find(".scale").textContent = `${Math.round(100 * scale)}%`;
  }

  from({ clientX, clientY }) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [clientX - left - width / 2, clientY - top - height / 2];
  }

  act(name) {
    const acts = {
      in: () => this.zoom(STEP),
      out: () => this.zoom(1 / STEP),
      fit: () => this.fit(),
      back: () => this.show(this.place - 1),
      forward: () => this.show(this.place + 1),
      close: () => this.dialog.close(),
    };
    acts[name]();
  }

  click(event) {
    const button = event.target.closest("button");
    if (button) this.act(button.dataset.act);
    else if (this.aside && !this.dragged) this.dialog.close();
    this.aside = false;
  }

  key(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    event.stopPropagation(); // they are not meant for what lies below
    if (ctrlKey || metaKey || altKey) return;
    const acts = { "+": "in", "=": "in", "-": "out", 0: "fit" };
    const moves = { ArrowLeft: "back", ArrowRight: "forward" };
    const act = acts[key] ?? moves[key];
    if (!act) return;
    event.preventDefault();
    this.act(act);
  }

  down(event) {
    if (event.target.closest("button")) return;
    if (!this.fingers.size) {
      this.dragged = false;
      this.aside = event.target === this.stage; // a captured click no longer tells
      this.start = [event.clientX, event.clientY];
    }
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    this.stage.setPointerCapture(event.pointerId);
  }

  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const [other] = [...this.fingers].filter(([id]) => id !== event.pointerId);
    this.fingers.set(event.pointerId, now);
    this.dragged ||= Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > 4;
    if (other) {
      const far = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]);
      this.zoom(far(now) / Math.max(1, far(before)), this.from(event));
      return;
    }
    this.x += now[0] - before[0];
    this.y += now[1] - before[1];
    this.draw();
  }

  up(event) {
    if (!this.fingers.delete(event.pointerId) || this.fingers.size) return;
    const across = event.clientX - this.start[0];
    if (event.pointerType !== "touch" || this.scale > this.whole) return;
    if (Math.abs(across) > SWIPE) this.act(across > 0 ? "back" : "forward");
  }
}

// What Streamlit draws as HTML can say no more than what it shows.
const told = ({ dataset, title }) => ({
  name: title,
  small: dataset.small,
  large: dataset.large,
  said: dataset.said,
  width: Number(dataset.width),
  height: Number(dataset.height),
});

const openFrom = (viewer) => (event) => {
  const button = event.target.closest?.("[data-large]");
  if (!button) return;
  const all = [...document.querySelectorAll("[data-large]")];
  viewer.open(all.map(told), all.indexOf(button));
};

// What a button does, it says; to which picture, this adds: Streamlit has no place for
// it but a label, which would be read as Markdown and seen.
const NAMED = '[class*="st-key-card-"], .st-key-panel';
const CONTROLS = '[data-testid^="stBaseButton"], [role=combobox]';
const nameButtons = () => {
  for (const card of document.querySelectorAll(NAMED)) {
    const { title } = card.querySelector(".name") ?? {};
    for (const control of card.querySelectorAll(CONTROLS)) {
      const said = control.querySelector("p")?.textContent || control.placeholder || "Label";
      const name = `${said}: ${title}`;
      const isStep = control.closest(".st-key-panel-steps"); // to another picture
      if (!title || isStep || control.ariaLabel === name) continue;
      control.removeAttribute("aria-labelledby"); // it would count before the name
      control.ariaLabel = name;
    }
  }
};

const keepNamed = () => {
  let asked = 0;
  const soon = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      nameButtons();
    });
  };
  const watcher = new MutationObserver(soon);
  watcher.observe(document.body, { childList: true, subtree: true });
  soon();
  return watcher;
};

const mounted = new WeakMap();

export default function ({ parentElement }) {
  if (mounted.has(parentElement)) return mounted.get(parentElement);
  const viewer = new Viewer(parentElement);
  const click = openFrom(viewer);
  document.addEventListener("click", click);
  globalThis.__viewPictures = (...told) => viewer.open(...told);
  const watcher = keepNamed();
  const end = () => {
    watcher.disconnect();
    document.removeEventListener("click", click);
    mounted.delete(parentElement);
  };
  mounted.set(parentElement, end);
  return end;
}
