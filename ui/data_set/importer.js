// The way back in for a ZIP that was downloaded here; see workflow/read_back.py.

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const find = (selector) => parentElement.querySelector(selector);
  const say = (text) => {
    find(".said").textContent = text;
  };
  const bring = async (file) => {
    if (file.size > data.limit) return say(`Too large. ${data.words}.`);
    find(".choose").disabled = true;
    say("Sending…");
    try {
      say(await sendExport(file, say));
    } catch (problem) {
      say(`Not imported: ${problem.message}`);
    }
    find(".choose").disabled = false;
    setTriggerValue("imported", file.size);
  };
  find(".limits").textContent = data.words;
  const input = find("input");
  find(".choose").onclick = () => input.click();
  input.onchange = () => {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (file) bring(file);
  };
}
