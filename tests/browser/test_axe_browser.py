"""axe-core finds nothing wrong of ours where pictures are classified."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import cards, go_to, picture_bytes, upload
from tests.support.dropzone import mounted
from tests.support.server import Server
from tests.support.waiting import SLOW

THEIRS = {
    "iframe": "AgGrid's own frame, which `test_contrast_browser.py` looks into",
    "[data-testid=stSidebar] [data-testid=stPlotlyChart]": "Plotly's own drawing",
    "[data-testid=stPlotlyChart]": "Plotly's own drawing",
    "[data-testid=stSidebarCollapseButton]": "Streamlit's own button, without a name",
    "[data-testid=stTooltipIcon]": "Streamlit's own tooltip, a button in a label",
}
"""What is left out, and why."""


def wrong(page: Page, where: str) -> list[str]:
    """What axe-core finds on the page now, a line each."""
    page.mouse.move(0, 0)
    context = {"exclude": [[selector] for selector in THEIRS]}
    options = {
        "resultTypes": ["violations"],
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }
    found = Axe().run(page, context=context, options=options).response
    return [
        f"{where}: {rule['id']} {node['target']} {node['html'][:160]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def classify(page: Page) -> list[str]:
    found = wrong(page, "empty")
    upload(page, {"red.png": picture_bytes("red"), "broken.png": b"no"})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    expect(cards(page).get_by_role("combobox")).to_be_visible()
    found += wrong(page, "cards")
    for mode in ("Queue", "Contact sheet"):
        go_to(page, mode)
        expect(page.locator(".status")).to_be_visible()
        found += wrong(page, mode)
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_role("button", name="Undo Save")).to_be_visible(timeout=SLOW)
    return found + wrong(page, "saved")


@pytest.mark.long
def test_classifying_keeps_the_rules_of_accessibility(browser: Browser, server: Server):
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.goto(server.url)
        mounted(page)
        assert classify(page) == []
