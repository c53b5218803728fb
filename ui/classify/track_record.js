// How wrong the model turned out to be where it was so sure; see ui/shared/track_record.py.

const BENEFIT = 2; // mistakes, as many as expected, before any was seen

const bin = (share) => Math.min(99, Math.floor(100 * share));

// Sums over all pictures at least so sure, by percents: those saved, and those reviewed
// here, each once. What an older model said tells nothing of this one.
const experienceOf = (saved, items, model) => {
  const sums = saved.map((row) => [...row]);
  for (const item of items) {
    const counts = item.label !== null && item.earlier === null;
    if (!counts || item.model !== model) continue;
    const [, share] = item.top[0];
    const row = sums[bin(share)];
    row[0] += 1;
    row[1] += item.label !== item.predicted;
    row[2] += 1 - share;
  }
  for (let at = 98; at >= 0; at -= 1)
    sums[at].forEach((_, column) => (sums[at][column] += sums[at + 1][column]));
  return sums;
};

// Mistakes for one that the confidences promise. Never less: bulk confirming overlooks
// some, and would make itself ever surer.
const excess = ([, wrong, expected]) =>
  Math.max(1, (wrong + BENEFIT) / (expected + BENEFIT));

const inWords = (sums, percentage, enough) => {
  const [n, wrong] = sums[percentage];
  if (n < enough) return "";
  const allowed = excess(sums[percentage]) > 1.1;
  return `You found ${plural(wrong, "mistake")} in ${number(n)} like these${
    allowed ? ", so we expect more" : ""
  }.`;
};
