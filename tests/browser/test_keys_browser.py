"""The queue's keys: one verdict a press, on every layout, and only in the queue."""

import pytest
from playwright.sync_api import CDPSession, Page, expect

from model.classes import CLASSES
from tests.support.desk import Desk, on_disk

CAT = CLASSES[3]


def press(page: Page, key: str, code: str, *, held: int = 0) -> None:
    """One press of a key that writes this, at this place, held for so many repeats."""
    session: CDPSession = page.context.new_cdp_session(page)
    down = {"type": "keyDown", "key": key, "code": code}
    if len(key) == 1:
        down["text"] = key
    elif key == "Enter":
        down |= {"text": "\r", "windowsVirtualKeyCode": 13}
    session.send("Input.dispatchKeyEvent", down)
    for _ in range(held):
        session.send("Input.dispatchKeyEvent", down | {"autoRepeat": True})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": code})
    session.detach()


@pytest.mark.parametrize("key", [("Enter", "Enter"), ("3", "Digit3"), ("s", "KeyS")])
def test_a_held_key_gives_one_verdict(desk: Desk, key: tuple[str, str]):
    desk.queue(6)
    press(desk.page, *key, held=12)
    expect(desk.page.locator(".place")).to_have_text("2 of 6")
    on_disk(desk.page)
    assert len(desk.labels()) == (key[0] != "s")


def test_a_button_held_down_gives_one_verdict(desk: Desk):
    desk.queue(6)
    desk.page.get_by_role("button", name="cat: 0.png").focus()
    press(desk.page, "Enter", "Enter", held=12)
    expect(desk.page.locator(".place")).to_have_text("2 of 6")
    on_disk(desk.page)
    assert list(desk.labels().values()) == [CAT]


def test_digits_count_by_their_place(desk: Desk):
    """AZERTY, Arabic, the number pad; without its lock that gives none."""
    items = desk.queue(5)
    page = desk.page
    presses = [('"', "Digit3"), ("è", "Digit7"), ("٥", "Digit5"), ("4", "Numpad4")]
    for n, (key, code) in enumerate(presses):
        expect(page.locator(".place")).to_have_text(f"{n + 1} of 5")
        press(page, key, code)
    press(page, "Home", "Numpad7")
    expect(page.locator(".place")).to_have_text("5 of 5")
    on_disk(page)
    given = [CLASSES[3], CLASSES[7], CLASSES[5], CLASSES[4]]
    assert desk.labels() == {
        item.sha256: label for item, label in zip(items, given, strict=False)
    }


def test_letters_count_by_their_place_where_they_are_not_latin(desk: Desk):
    """Cyrillic, Greek and Arabic; on Dvorak what is written counts."""
    items = desk.queue(4)
    page = desk.page
    place = page.locator(".place")
    press(page, "т", "KeyN")
    expect(place).to_have_text("2 of 4")
    press(page, "σ", "KeyS")
    expect(place).to_have_text("3 of 4")
    press(page, "b", "KeyN")  # Dvorak
    press(page, "ع", "KeyU")
    expect(place).to_have_text("1 of 4")
    press(page, "ف", "KeyT")
    expect(page.get_by_label("Own label")).to_be_focused()
    on_disk(page)
    assert desk.labels() == {}
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator(".place")).to_have_text("3 of 4")  # the second was put off
    on_disk(page)
    assert desk.labels() == {items[0].sha256: "none of these"}


def test_keys_act_only_in_the_queue_and_the_focus_stays_there(desk: Desk):
    desk.queue(4)
    page = desk.page
    root, place = page.locator(".st-key-queue .root"), page.locator(".place")
    expect(root).to_be_focused()
    page.locator(".classes button", has_text="frog").click()
    expect(root).to_be_focused()
    page.get_by_role("button", name="Undo", exact=False).last.click()
    expect(root).to_be_focused()
    expect(place).to_have_text("1 of 4")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Clear All").focus()
    page.keyboard.press("3")
    expect(place).to_have_text("1 of 4")
    on_disk(page)
    assert desk.labels() == {}


def test_an_input_method_keeps_its_escape(desk: Desk):
    desk.queue(2)
    page = desk.page
    page.keyboard.press("t")
    box = page.get_by_label("Own label")
    box.fill("にほん")
    box.dispatch_event("keydown", {"key": "Escape", "isComposing": True})
    expect(box).to_have_value("にほん")
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.locator(".st-key-queue .root")).to_be_focused()


def test_the_next_answer_is_announced_and_buttons_name_their_picture(desk: Desk):
    items = desk.queue(3)
    page = desk.page
    page.keyboard.press("Enter")
    second = items[1].prediction
    heard = page.locator(".heard")
    expect(heard).to_have_attribute("aria-live", "polite")
    expect(heard).to_contain_text(f"2 of 3: {second.label}, {second.confidence:.0%}.")
    expect(heard).to_contain_text("1.png")
    buttons = page.locator(".st-key-queue .side").get_by_role("button")
    expect(buttons).to_have_count(17)
    for button in buttons.all():
        name = button.get_attribute("aria-label")
        assert name.endswith(": 1.png")
        shown = button.evaluate("(b) => b.firstChild.textContent.trim()")
        assert name.startswith(shown)
