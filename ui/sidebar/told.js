// Hands on to the sidebar what a redraw of the tray alone has counted.
export default function ({ data: detail }) {
  dispatchEvent(new CustomEvent("classify-unsaved", { detail }));
}
