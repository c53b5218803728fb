// Counts of what is reviewed in the tray and not saved yet; see ui/sidebar/unsaved.py.

const heard = new WeakMap();

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root");
  const say = ({ reviewed, right }) => {
    root.textContent = reviewed
      ? `Here, not saved yet: ${number(reviewed)} reviewed, ${number(right)} right.`
      : "";
  };
  const hear = ({ detail }) => say(detail);
  removeEventListener("classify-unsaved", heard.get(parentElement));
  addEventListener("classify-unsaved", hear);
  heard.set(parentElement, hear);
  say(data);
  return () => removeEventListener("classify-unsaved", heard.get(parentElement));
}
