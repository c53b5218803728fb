// A name kept in the browser; see ui/sidebar/reviewer.py.

const KEY = "classify-reviewer";

const stored = () => {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
};

// Said once: the page may keep the name in another form, and must not be asked again.
const told = new WeakMap();

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  const input = parentElement.querySelector("input");
  if (document.activeElement?.shadowRoot !== parentElement) input.value = stored();
  const tell = (name) => {
    told.set(parentElement, name);
    setStateValue("name", name);
  };
  if (stored() !== (told.get(parentElement) ?? data.name)) tell(stored());
  input.onchange = () => {
    try {
      localStorage.setItem(KEY, input.value.trim());
    } catch {
      // then it holds for this page only
    }
    tell(input.value.trim());
  };
}
