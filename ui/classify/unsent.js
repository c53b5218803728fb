// What was still to be sent when the page was reloaded: the tab remembers the names, for
// the files themselves are gone with the page.

const UNSENT = "classify-unsent-";
const NAMED = 200;

const noteUnsent = (tray, queue) => {
  const names = queue.slice(0, NAMED).map(({ name }) => name);
  try {
    if (!queue.length) sessionStorage.removeItem(UNSENT + tray);
    else sessionStorage.setItem(UNSENT + tray, JSON.stringify([queue.length, names]));
  } catch {
    // a browser that keeps nothing
  }
};

const unsent = (tray) => {
  try {
    return JSON.parse(sessionStorage.getItem(UNSENT + tray)) ?? [0, []];
  } catch {
    return [0, []];
  }
};

const showUnsent = (find, tray) => {
  const [left, names] = unsent(tray);
  find(".lost").hidden = !left;
  find(".lost .text").textContent =
    `The page was closed during an upload. ${plural(left, "picture")} may not have` +
    " come: give them again. What is here already is recognised.";
  const more = left - names.length;
  const lines = more > 0 ? [...names, `and ${number(more)} more`] : names;
  find(".names").replaceChildren(...lines.map((line) => make("li", "", line)));
};

const forgetUnsent = (find, tray) => {
  noteUnsent(tray, []);
  find(".lost").hidden = true;
};
