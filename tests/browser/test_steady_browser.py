"""No button moves under the pointer that gives one verdict after another."""

from dataclasses import replace

from playwright.sync_api import Locator

from intake.pictures import read_pictures
from tests.support.desk import Desk, png, prediction
from workflow.tray import Arrival

WHOLE = 6


def fill(desk: Desk) -> None:
    """Every second picture may be none of the ten."""
    pictures = read_pictures(png(n, 77) for n in range(WHOLE))
    desk.tray.add_many(
        [
            Arrival(
                picture,
                f"{n}.png",
                prediction=replace(prediction(n), in_scope=n % 2 > 0),
            )
            for n, picture in enumerate(pictures)
        ]
    )


def top(button: Locator) -> float:
    return button.evaluate("(button) => button.getBoundingClientRect().top")


def test_a_flag_moves_no_button_of_the_queue(desk: Desk):
    fill(desk)
    desk.show("Queue")
    confirm = desk.page.locator("[data-act=confirm]")
    flags = desk.page.locator(".flags")
    seen = set()
    for _ in range(WHOLE):
        seen.add((flags.inner_text(), top(confirm)))
        desk.page.keyboard.press("ArrowRight")
    assert {text for text, _ in seen} == {"", "May show none of the ten"}
    assert len({place for _, place in seen}) == 1


def test_a_verdict_moves_no_button_of_a_card(desk: Desk):
    fill(desk)
    desk.show("Cards")
    card = desk.page.locator('[class*="st-key-card-"]').first
    place = top(card.get_by_role("button", name="Right"))
    assert card.locator(".doubt").inner_text() == "May show none of the ten"
    card.get_by_role("button", name="Right").click()
    assert top(card.get_by_role("button", name="Undo")) == place
