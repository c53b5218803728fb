"""The API beside a person, and what another site's page can do with it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import arrived, go_to, upload
from tests.support.client import png
from tests.support.hostile import encoded, scene
from tests.support.server import Server
from tests.support.waiting import SLOW, patient

FORM = """({address, kind}) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: address, enctype: kind });
  const field = document.createElement("input");
  field.name = '{"addresses": ["http://a/b.png"], "x": "';
  field.value = '"}';
  form.append(field);
  document.body.append(form);
  form.submit();
}"""

ASK = """async (api) => {
  const form = new FormData();
  form.append("files", new Blob([Uint8Array.from([1, 2, 3])]), "a.png");
  const got = [];
  for (const [path, options] of [
    ["/classify?save=true", { method: "POST", body: form, mode: "no-cors" }],
    ["/reviews", { method: "POST", body: "{}", mode: "no-cors" }],
    ["/reviews", { method: "POST", body: "{}",
      headers: { "Content-Type": "application/json" } }],
    ["/pictures", {}],
    ["/pictures", { headers: { Authorization: "Bearer x" } }],
  ]) {
    try {
      const answer = await fetch(api + path, options);
      got.push(answer.type === "opaque" ? "opaque" : answer.status);
    } catch { got.push("refused"); }
  }
  return got;
}"""


@pytest.mark.threat("I102")
def test_a_form_of_another_site_changes_nothing(
    browser: Browser, server: Server, evil: int
):
    address = f"{server.url}/api/v1/classify?save=true"
    for host in ("localhost", "127.0.0.1"):  # another site, and a port next door
        for kind in ("text/plain", "multipart/form-data"):
            page = browser.new_page()
            page.goto(f"http://{host}:{evil}/")
            with page.expect_navigation(timeout=SLOW) as gone:
                page.evaluate(FORM, {"address": address, "kind": kind})
            assert gone.value.status == 403
            page.close()
    assert requests.get(f"{server.url}/api/v1/pictures").json()["total"] == 0


@pytest.mark.threat("I102")
def test_a_script_of_another_site_reads_and_changes_nothing(
    browser: Browser, server: Server, evil: int
):
    page = browser.new_page()
    page.goto(f"http://localhost:{evil}/")
    answers = page.evaluate(ASK, f"{server.url}/api/v1")
    assert set(answers) <= {"opaque", "refused"}
    page.close()
    assert requests.get(f"{server.url}/api/v1/pictures").json()["total"] == 0


@pytest.mark.threat("I106")
def test_twenty_programs_leave_a_person_at_the_page_alone(page: Page, server: Server):
    def program(number: int) -> int:
        pictures = [encoded(scene((140 + number, 120 + n))) for n in range(8)]
        files = [("f", (f"{number}-{n}.png", p)) for n, p in enumerate(pictures)]
        url = f"{server.url}/api/v1/classify?save=true"
        return requests.post(url, files=files, timeout=patient(120)).status_code

    with ThreadPoolExecutor(20) as many:
        answers = [many.submit(program, number) for number in range(20)]
        upload(page, {"mine.png": png(3)})
        arrived(page, 1)
        go_to(page, "History")
        expect(page.get_by_text("Show", exact=True).first).to_be_visible()
        assert {answer.result() for answer in answers} == {200}
    page.reload()
    expect(page.get_by_text("of 160 pictures").first).to_be_visible()


def test_the_page_about_the_api_loads_nothing(browser: Browser, server: Server):
    page, asked = browser.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/api/v1/docs")
    expect(page.get_by_role("heading", name="Image classification")).to_be_visible()
    own = [url for url in asked if not url.endswith("/favicon.ico")]
    assert own == [f"{server.url}/api/v1/docs"]
    page.close()
