"""The sidebar's chart as a browser draws it, with few labels and with all."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.server import this_app
from db import Database
from model.classes import CLASSES
from tests.support.entries import entry

APART = """(chart) => {
  const box = (selector) => chart.querySelector(selector).getBoundingClientRect();
  const all = chart.querySelector(".main-svg").getBoundingClientRect();
  return {
    bars: box(".barlayer .point path").top - box(".legend .traces:last-child").bottom,
    numbers: all.bottom - box(".xtick text").bottom,
  };
}"""


@pytest.mark.parametrize("labels", [1, 2, 10])
def test_nothing_of_the_chart_lies_over_another_part(
    browser: Browser, tmp_path: Path, labels: int
):
    database = Database.open(tmp_path / "image_classification.db", CLASSES)
    database.save(entry(n, CLASSES[n]) for n in range(labels))
    with this_app(tmp_path) as (url, _):
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(url)
        chart = page.get_by_test_id("stPlotlyChart")
        chart.locator(".xtick text").first.wait_for(timeout=60_000)
        apart = chart.evaluate(APART)
        page.close()
    assert apart["bars"] >= 0
    assert apart["numbers"] >= 0
