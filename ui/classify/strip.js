// Pictures with their labels as they come in: the first thing seen of an answer.

const STRIP_TILES = 100; // more would be looked through below, not here
const OWN_BYTES = 2 ** 18;

// A small file is its own thumbnail: the server, busy with the others, is not asked.
const loadPicture = (image, { file, sha256 }, tray) => {
  const thumbnail = routeUrl(`tray/${tray}/${sha256}.jpg`);
  if (!file || file.size > OWN_BYTES) {
    image.src = thumbnail;
    return;
  }
  image.src = URL.createObjectURL(file);
  const done = () => URL.revokeObjectURL(image.src);
  image.onload = done;
  image.onerror = () => {
    done();
    image.onload = image.onerror = null;
    image.src = thumbnail; // the file was changed or taken away meanwhile
  };
};

// Acts once what is in the strip comes near its visible part. `loading="lazy"` would
// not do: making an address for a file costs as much as all the rest of its tile.
const atSightIn = (strip) => {
  const waiting = new WeakMap();
  const act = (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      waiting.get(target)();
    }
  };
  const watcher = new IntersectionObserver(act, { root: strip, rootMargin: "0px 50%" });
  return (item, action) => {
    waiting.set(item, action);
    watcher.observe(item);
  };
};

const tile = (tray, outcome, atSight) => {
  const { name, label, confidence, in_scope } = outcome;
  const item = make("li");
  item.title = name;
  const image = make("img");
  image.alt = name;
  image.decoding = "async";
  const share = make("span", "share", label ? percent(confidence) : "for the model");
  if (label && !in_scope) {
    share.append(" none?");
    share.title = "May show none of the ten";
  }
  item.append(image, make("b", "", label || "waits"), share);
  atSight(item, () => loadPicture(image, outcome, tray));
  return item;
};

// Adds what is not there yet; a new upload starts with an empty strip.
const drawStrip = (strip, tray, arrived) => {
  if (strip.childElementCount > arrived.length) strip.replaceChildren();
  const fresh = arrived.slice(strip.childElementCount);
  strip.atSight ??= atSightIn(strip);
  strip.append(...fresh.map((outcome) => tile(tray, outcome, strip.atSight)));
};

// Once the page shows cards of these pictures, the strip says nothing more and folds
// into the line below it, from where it can be opened again. No card may move under a
// pointer: it folds in the frame that draws the first cards, before they are seen, or
// while it is out of sight, where the browser holds still what is in sight. Where the
// first card lies below the screen even then, as on a phone, the strip is what is read.
const CARDS = '[class*="st-key-card-"], .st-key-queue, .st-key-sheet';
const HOLDS_STILL = CSS.supports("overflow-anchor", "auto");
const cardsAreDrawn = () => document.querySelector(CARDS) !== null;
const givesWayToCards = (strip) => {
  const { top } = document.querySelector(CARDS).getBoundingClientRect();
  return top - strip.offsetHeight < 0.8 * innerHeight;
};

// Returns what ends it.
const foldInTime = (find, state) => {
  const strip = find(".arrived");
  const inUse = () =>
    [strip, find(".summary")].some((part) => part.matches(":hover, :focus-within"));
  let inSight = true;
  const consider = () => {
    if (strip.hidden || state.kept || !cardsAreDrawn()) return;
    const unseen = HOLDS_STILL && !inSight && !state.running;
    const first = !state.cardsSeen && givesWayToCards(strip);
    const fold = (first || unseen) && !inUse();
    state.cardsSeen = true;
    if (!fold) return;
    state.folded = true;
    state.show();
  };
  const drawing = new MutationObserver(consider);
  drawing.observe(document.body, { childList: true, subtree: true });
  const scrolling = new IntersectionObserver(([{ isIntersecting }]) => {
    inSight = isIntersecting || strip.hidden; // once shown it may well be
    consider();
  });
  scrolling.observe(strip);
  state.cardsSeen = cardsAreDrawn();
  return () => {
    drawing.disconnect();
    scrolling.disconnect();
  };
};
