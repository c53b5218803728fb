"""What the browser-driven benchmarks do with their figures, and their stopwatch."""

import json
import os
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser

from bench import browser as driver
from bench import drivers, gradio, history_page, page, server
from bench.history import fill
from model.classes import CLASSES
from workflow.tray import Tray


def test_a_ratio_stands_between_its_bounds():
    found = driver.ratio([2.0, 2.2, 2.1, 1.9, 2.0], [1.0, 1.1, 0.9, 1.0, 1.0])
    assert found.ratio == 2.0
    assert 1.7 < found.low <= 2.0 <= found.high < 2.5
    assert driver.ratio([3.0], [2.0]) == driver.Ratio(1.5, 1.5, 1.5)


def test_every_task_has_its_turn_in_every_round_and_the_first_is_dropped():
    calls = []

    def task(name: str):
        def run(number: int) -> float:
            calls.append((name, number))
            return float(number)

        return run

    taken = driver.interleaved({"a": task("a"), "b": task("b")}, 3)
    assert taken == {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}
    assert [number for _, number in calls] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert driver.spread(taken["a"]) == driver.Spread(3, 2.0, 1.0, 3.0)


COMPONENT = """
<div id="host"></div><script>
  const root = document.querySelector("#host").attachShadow({ mode: "open" });
  root.innerHTML = "<button>Go</button><p></p>";
  root.querySelector("button").onclick = () => {
    setTimeout(() => root.querySelector("p").append("late"), 250);
  };
</script>
"""


def test_the_stopwatch_runs_from_the_act_to_what_a_component_draws(browser: Browser):
    tab = browser.new_page()
    tab.set_content(COMPONENT)
    ready = 'find("p").textContent === "late"'

    def late() -> None:
        tab.wait_for_timeout(400)  # the driver's own time does not count
        tab.get_by_role("button").click()

    began = time.perf_counter()
    seconds = driver.timed(tab, "click", ready, late)
    all_of_it = time.perf_counter() - began
    tab.close()
    assert 0.249 < seconds < all_of_it - 0.4


def test_a_server_is_ended_with_its_block(tmp_path: Path):
    port = server.free_port()
    command = [sys.executable, "-m", "http.server", "--bind=127.0.0.1", str(port)]
    with server.served(command, {port: "/app.py"}, tmp_path / "log"):
        assert urlopen(f"http://127.0.0.1:{port}/app.py").status == 200
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_does_not_start_is_said(tmp_path: Path):
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        pytest.raises(RuntimeError, match="no such thing"),
        server.served(command, {server.free_port(): "/"}, tmp_path / "log"),
    ):
        pass


def test_what_is_measured_never_writes_into_peoples_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", "postgresql://people/data")
    port = server.free_port()
    script = tmp_path / "script.py"
    script.write_text(
        "import http.server as h, os\n"
        "print(os.environ.get('DATABASE_URL'), os.environ['OWN'])\n"
        f"h.test(h.SimpleHTTPRequestHandler, bind='127.0.0.1', port={port})\n"
    )
    command = [sys.executable, "-u", str(script)]
    log = tmp_path / "log"
    with server.served(command, {port: "/app.py"}, log, OWN="own") as process:
        assert Path(f"/proc/{process}").exists()
    assert log.read_text().startswith("None own\n")


def test_a_correction_is_never_what_the_model_said():
    assert all(drivers.shifted(label) != label for label in CLASSES)
    assert {drivers.shifted(label) for label in CLASSES} == set(CLASSES)


def test_pictures_are_picked_so_that_each_answer_looks_new():
    answers = [("cat", 0.5), ("cat", 0.51), ("dog", 0.51), ("dog", 0.6), ("cat", 0.6)]
    assert drivers.told_apart(answers, 3) == [0, 2, 3]
    assert drivers.told_apart(answers, 9) == [0, 2, 3, 4]


def test_small_pictures_differ_and_come_again_the_same():
    files = drivers.small(range(50))
    assert len({file["buffer"] for file in files}) == 50
    assert drivers.small([7])[0]["buffer"] == files[7]["buffer"]


def test_small_pictures_may_be_those_of_a_folder(tmp_path: Path):
    with pytest.raises(RuntimeError, match="no JPEG files"):
        drivers.chosen(tmp_path, [0])
    for n in range(5):
        (tmp_path / f"{n}.jpg").write_bytes(b"%d" % n)
    files = drivers.chosen(tmp_path, range(5))
    assert {file["buffer"] for file in files} == {b"%d" % n for n in range(5)}
    assert drivers.chosen(tmp_path, range(3, 5))[0]["buffer"] == files[3]["buffer"]


def test_the_comparison_is_gradio_to_this_page():
    taken = {
        (name, case): [seconds, seconds]
        for name, seconds in (("this page", 0.1), ("gradio", 0.4))
        for case in gradio.CASES
    }
    found = gradio.compare(taken)
    assert [each.case for each in found] == list(gradio.CASES)
    assert all(each.gradio_takes.ratio == pytest.approx(4) for each in found)
    assert json.loads(json.dumps(asdict(found[0])))["seconds"]["gradio"]["n"] == 2
    assert gradio.as_text(found).count("4.00 times") == len(gradio.CASES)


STRIP = """
<div id="host"></div><script>
  const root = document.querySelector("#host").attachShadow({ mode: "open" });
  root.innerHTML = `<ol class="strip">
    <li><b>cat</b><span class="share">93%</span></li>
    <li><b>waits</b><span class="share">for the model</span></li></ol>`;
</script>
"""


def test_labels_are_seen_once_every_picture_has_one(browser: Browser, tmp_path: Path):
    """In the strip, or on the cards where those are to be timed."""
    strip = drivers.ThisPage(browser, "", tmp_path)
    cards = drivers.ThisPage(browser, "", tmp_path, cards=True)
    tab = browser.new_page()
    tab.set_content(STRIP)

    def seen(system: drivers.ThisPage, number: int) -> bool:
        return tab.evaluate(
            f"() => {{ {driver.ROOTS} return {system._seen(number)}; }}"
        )

    assert seen(strip, 1)
    assert not seen(strip, 2)
    assert not seen(cards, 1)
    tab.evaluate(
        "document.querySelector('#host').shadowRoot.querySelectorAll('.share')"
        "[1].textContent = '51% none?'"
    )
    assert seen(strip, 2)
    tab.close()


def test_only_what_is_asked_for_is_compared():
    options = gradio._parser().parse_args(["--case", "1 small", "--case", "100 small"])
    assert options.case == ["1 small", "100 small"]
    taken = {(name, "1 small"): [0.1] for name in gradio.SYSTEMS}
    assert [each.case for each in gradio.compare(taken)] == ["1 small"]


def test_without_gradio_the_comparison_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    missing = tmp_path / "python"
    assert gradio.main([f"--gradio-python={missing}", "--rounds=1"]) == 1
    assert str(missing) in capsys.readouterr().err


def test_every_act_on_the_history_is_timed_and_taken_back(
    browser: Browser, tmp_path: Path
):
    fill(tmp_path / "image_classification.db", 300).engine.dispose()
    with (
        server.this_app(tmp_path) as (url, _),
        driver.fresh_page(browser, url) as tab,
    ):
        shown = history_page.HistoryPage(tab)
        cases = history_page.time_history({300: shown, 301: shown}, 1)
        assert tab.evaluate(f"() => {history_page.SHOWN}") == shown.home
    assert len({case.name for case in cases}) == len(cases) == 5
    for case in cases:
        assert all(0 < each.median < 30 for each in case.seconds.values())


def test_a_data_folder_holds_what_is_measured(tmp_path: Path):
    from model.classifier import load_classifier

    folder = tmp_path / "data"
    tray = page.make_data(folder, 3, 40, load_classifier())
    items = Tray(folder / "temp_images", tray).items()
    assert len(items) == 3
    assert all(item.prediction for item in items)
    assert os.path.getsize(folder / "image_classification.db") > 0


def test_the_text_has_each_case_and_its_ratio():
    least = {"10 pictures": driver.Spread(3, 0.02, 0.01, 0.05)}
    most = {"1,000 pictures": driver.Spread(3, 0.03, 0.02, 0.06)}
    case = page.Case("key", least | most, driver.Ratio(1.5, 1.2, 1.9))
    text = page.as_text([case])
    assert "1.50 (1.20-1.90)" in text
    assert "20.0" in text
    assert "30.0" in text


@pytest.mark.parametrize("as_json", [False, True])
def test_the_load_is_printed_with_what_was_found(
    as_json: bool, capsys: pytest.CaptureFixture[str]
):
    driver.print_found("rows", [driver.Ratio(2.0, 1.0, 3.0)], "a table", 0.5, as_json)
    said = capsys.readouterr().out
    if as_json:
        found = json.loads(said)
        assert found["load_average"][0] == 0.5
        assert found["rows"] == [{"ratio": 2.0, "low": 1.0, "high": 3.0}]
    else:
        assert said.startswith("a table\nload average 0.5 before")
