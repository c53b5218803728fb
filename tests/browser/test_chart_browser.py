"""The sidebar's chart as a browser draws it, with few labels and with all."""

import pytest
from playwright.sync_api import BrowserContext

from db import Database
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.server import Server
from tests.support.waiting import SLOW

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
    context: BrowserContext, server: Server, labels: int
):
    database = Database.open(server.database, CLASSES)
    database.save(entry(n, CLASSES[n]) for n in range(labels))
    page = context.new_page()
    page.goto(server.url)
    chart = page.get_by_test_id("stPlotlyChart")
    chart.locator(".xtick text").first.wait_for(timeout=SLOW)
    apart = chart.evaluate(APART)
    assert apart["bars"] >= 0
    assert apart["numbers"] >= 0
