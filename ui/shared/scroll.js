// Once, when it is drawn: `data.to` selects what comes into sight.
export default function ({ data: { to, block } }) {
  document.querySelector(to)?.scrollIntoView({ block });
}
