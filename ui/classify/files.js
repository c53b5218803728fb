// Files out of what a browser hands over: a choice, a drop, the clipboard.

const named = (file, path) => ({ file, name: path || file.name });
// `junk` is what systems leave beside pictures, an expression from intake/junk.py.
const fromList = (files, junk) =>
  [...files]
    .map((file) => named(file, file.webkitRelativePath))
    .filter(({ name }) => !junk.test(name));

const UNREADABLE = "Cannot be read: changed or removed meanwhile";

const isZip = (file) =>
  /\.zip$/i.test(file.name) || /^application\/(x-)?zip/.test(file.type);

// Why a file is not worth sending, where that is plain.
const refusalOf = ({ file, refusal }, limits) => {
  if (refusal) return refusal;
  const limit = isZip(file) ? limits.zip : limits.file;
  return file.size > limit.most ? limit.words : "";
};

// Everything below what was dropped; of what cannot be read the name, and why.
// Entries must be taken before the first await.
const fromDrop = async (transfer, junk) => {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const given = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  const walk = async (entry, path) => {
    const name = path + entry.name;
    if (junk.test(name)) return;
    try {
      if (entry.isDirectory) await walkFolder(entry.createReader(), `${name}/`);
      else found.push(named(await fileOf(entry), name));
    } catch {
      found.push({ name, refusal: UNREADABLE });
    }
  };
  const walkFolder = async (reader, path) => {
    for (;;) {
      // A reader hands out a hundred at a time, and nothing at the end.
      const part = await new Promise((yes, no) => reader.readEntries(yes, no));
      if (!part.length) return;
      for (const child of part) await walk(child, path);
    }
  };
  for (const entry of given) if (entry) await walk(entry, "");
  const empty = ({ name }) => ({ name, refusal: "The folder holds no files" });
  return found.length ? found : given.filter((it) => it?.isDirectory).map(empty);
};

// Addresses of what was dragged from another page, a line each; "" for anything else.
const linksIn = (text) =>
  text
    .split(/\r?\n/)
    .filter((line) => /^https?:/i.test(line) && !line.startsWith(location.origin))
    .join("\n");
const linksOf = (transfer) => linksIn(transfer.getData("text/uri-list"));

// Of an entry, or where the browser has none, the file itself.
const fileOf = (entry) =>
  entry.file ? new Promise((yes, no) => entry.file(yes, no)) : entry;

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
