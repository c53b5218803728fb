// Once, when it is drawn: `data.on` selects what the keys go to, where the last act
// left them nowhere or on the same card. Who has gone on meanwhile is left in peace.
const CARD = '[class*="st-key-card-"]';
const FRAMES = 120; // Streamlit loads some controls only when the first is drawn

const give = (on, frames) => {
  const wanted = document.querySelector(on);
  if (!wanted) {
    if (frames) requestAnimationFrame(() => give(on, frames - 1));
    return;
  }
  const held = document.activeElement;
  if (held === document.body || wanted.closest(CARD)?.contains(held)) wanted.focus();
};

export default function (component) {
  give(component.data.on, FRAMES);
}
