// Once, when it is drawn: `data.to` selects what comes into sight.
export default function (component) {
  document.querySelector(component.data.to)?.scrollIntoView();
}
