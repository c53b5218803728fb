// Files out of what a browser hands over: a choice, a drop, the clipboard.

const JUNK = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

const named = (file, path) => ({ file, name: path || file.name });
const fromList = (files) =>
  [...files]
    .filter((file) => !JUNK.has(file.name))
    .map((file) => named(file, file.webkitRelativePath));

// Everything below what was dropped. Entries must be taken before the first await.
const fromDrop = async (transfer) => {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.some((entry) => !entry)) return fromList(transfer.files);
  const found = [];
  const walk = async (entry, path) => {
    const name = path + entry.name;
    if (entry.isFile) {
      const file = await new Promise((yes, no) => entry.file(yes, no));
      if (!JUNK.has(file.name)) found.push(named(file, name));
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A reader hands out a hundred at a time, and nothing at the end.
      const part = await new Promise((yes, no) => reader.readEntries(yes, no));
      if (!part.length) return;
      for (const child of part) await walk(child, `${name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
};

// Cells of a spreadsheet come with a picture of themselves; an address box wants text.
const isTextFor = (event) => {
  const { types } = event.clipboardData;
  const cells = types.includes("text/plain") && types.includes("text/html");
  return cells && event.composedPath()[0].matches?.("input, textarea");
};

const fromPaste = (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const stamp = new Date().toLocaleTimeString("en-GB").replaceAll(":", "-");
  return files.map((file, n) =>
    // Every browser calls a pasted screenshot image.png.
    named(file, file.name === "image.png" ? `pasted ${stamp} ${n + 1}.png` : ""),
  );
};
