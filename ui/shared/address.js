// Streamlit makes a step of the browser's history of every change of the address that
// the server asks for. Here the address only says what is on show: Back leaves the page.
export default function () {
  history.pushState = (...place) => history.replaceState(...place);
}
