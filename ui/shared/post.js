// What every component that talks to a route of the application needs.

const cookie = (name) => {
  const pair = document.cookie.split("; ").find((c) => c.startsWith(name + "="));
  return pair ? pair.slice(name.length + 1) : "";
};

// The page may live below a path of a proxy: routes are beside the page.
const routeUrl = (path) => new URL(path, new URL(".", window.location.href)).href;

const post = (path, body, options = {}) =>
  fetch(routeUrl(path), {
    method: "POST",
    body,
    credentials: "same-origin",
    headers: { "X-Xsrftoken": cookie("_streamlit_xsrf"), ...options.headers },
    signal: options.signal,
  });

// The JSON lines of an answer as they come, as many together as are there.
async function* linesOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield lines.map((text) => JSON.parse(text));
  }
}

// An element with its text: names and labels come this way, never as HTML.
const make = (tag, className = "", text = "") => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
};

// As `named` of ui/shared/escape.py: the label that is kept, and its one name here.
const NONE = "none of these";
const shownLabel = (label) => (label === NONE ? "none of the ten" : label);

// As ui/shared/viewer.py: so small that each of its pixels is shown with its edges.
const TINY = 64;
const isTiny = ({ width, height }) => Math.max(width, height) <= TINY;

// Pictures large, as ui/shared/viewer.js takes them.
const viewPictures = (...told) => globalThis.__viewPictures?.(...told);

const number = (n) => n.toLocaleString("en-US");
const plural = (n, one) => `${number(n)} ${n === 1 ? one : one + "s"}`;
// As `percent` of ui/shared/escape.py: never rounded to certainty.
const percent = (share) => {
  if (share >= 0.995 && share < 1) return ">99%";
  if (share > 0 && share < 0.005) return "<1%";
  return `${Math.round(100 * share)}%`;
};
