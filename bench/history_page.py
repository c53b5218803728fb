"""The history as a person turns and searches it, timed: a part of `bench.page`.

From the click, or the Enter, until other pictures stand in the first rows. What brings
the first rows back is not counted. A page far from both ends is not among them: nothing
on the page leads there at once.
"""

import json
from collections.abc import Callable, Mapping

from playwright.sync_api import Locator, Page

from bench.browser import Case, by_size, interleaved, timed

REST_MS = 400
TOP = 5
"""Rows that are compared: under a filter the first may well be the same."""
SHOWN = f"""(() => {{
  const grid = document.querySelector("iframe[title*=AgGrid]")?.contentDocument;
  const rows = [...grid?.querySelectorAll(".ag-row[row-id]") ?? []];
  const top = rows.filter((row) => row.getAttribute("row-index") < {TOP});
  const ids = [...new Set(top.map((row) => row.getAttribute("row-id")))].sort();
  return ids.length ? ids.join() : undefined;
}})()"""
"""JavaScript: which pictures stand there; undefined while there is no grid."""


class HistoryPage:
    """The page that shows the history, newest first; each act brings it back there."""

    def __init__(self, page: Page) -> None:
        """Show the history."""
        self.page = page
        page.get_by_text("History", exact=True).click()
        page.wait_for_function(f"() => {SHOWN}")
        self.home = page.evaluate(f"() => {SHOWN}")
        self._back()

    def _timed(self, event: str, act: Callable[[], object]) -> float:
        other = f"({SHOWN} ?? {json.dumps(self.home)}) !== {json.dumps(self.home)}"
        return timed(self.page, event, other, act)

    def _back(self) -> None:
        """Wait until all is as it was, and at rest: moved or redrawn, lists close."""
        self.page.wait_for_function(f"() => {SHOWN} === {json.dumps(self.home)}")
        self.page.get_by_role("heading", level=1).scroll_into_view_if_needed()
        self.page.locator('[data-test-script-state="notRunning"]').wait_for()
        self.page.wait_for_timeout(REST_MS)

    def _button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def _turn(self, button: Locator) -> float:
        seconds = self._timed("click", button.click)
        self._button("Page 1").click()
        self._back()
        return seconds

    def next_page(self, _: int) -> float:
        """To the second page."""
        return self._turn(self._button("Next page"))

    def last_page(self, _: int) -> float:
        """To the last page."""
        return self._turn(self.page.get_by_test_id("stPaginationPage").last)

    def filtered(self, _: int) -> float:
        """To what the model got wrong."""
        show = self.page.get_by_role("radiogroup", name="Show", exact=True)
        wrong = show.get_by_text("Incorrect", exact=True)
        seconds = self._timed("click", wrong.click)
        show.get_by_text("All", exact=True).click()
        self._back()
        return seconds

    def _choose(self, order: str) -> Callable[[], object]:
        """Open the list of orders; what is returned chooses one."""
        self.page.get_by_role("combobox", name="Sort by").click()
        return self.page.get_by_role("option", name=order, exact=True).click

    def sorted_anew(self, _: int) -> float:
        """To the least certain first."""
        seconds = self._timed("click", self._choose("Least certain first"))
        self._choose("Newest first")()
        self._back()
        return seconds

    def searched(self, _: int) -> float:
        """To what holds a word that a third of the names hold."""
        field = self.page.get_by_label("Search")
        field.fill("holiday")
        seconds = self._timed("keydown", lambda: field.press("Enter"))
        field.fill("")
        field.press("Enter")
        self._back()
        return seconds


def time_history(pages: Mapping[int, HistoryPage], rounds: int) -> list[Case]:
    """Every act on every history, in turns.

    Args:
        pages: by the number of pictures, two of them.
        rounds: that count, beside the first.
    """
    acts = {
        "history, next page": HistoryPage.next_page,
        "history, last page": HistoryPage.last_page,
        "history, filter": HistoryPage.filtered,
        "history, sort": HistoryPage.sorted_anew,
        "history, search": HistoryPage.searched,
    }

    def task(
        act: Callable[[HistoryPage, int], float], page: HistoryPage
    ) -> Callable[[int], float]:
        return lambda number: act(page, number)

    tasks = {
        (name, n): task(act, p) for name, act in acts.items() for n, p in pages.items()
    }
    return by_size(interleaved(tasks, rounds))
