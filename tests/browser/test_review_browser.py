"""Hundreds of verdicts in a real browser, and none lost when the server is killed."""

import re
import sqlite3
import time
from collections import Counter
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from intake.pictures import read_pictures
from model.classes import CLASSES
from tests.support.desk import Desk, confirm_ticked, on_disk, prediction
from tests.support.hostile import blotches, encoded
from tests.support.waiting import SLOW
from workflow.tray import Arrival, Item

NONE = "none of these"


def verdict_for(n: int, item: Item) -> tuple[str, str]:
    """A key for the n-th picture, and the label it gives."""
    if n % 20 == 7:
        return "n", NONE
    if n % 2:
        return str(n % 10), CLASSES[n % 10]
    return "Enter", item.prediction.label


@pytest.mark.long
@pytest.mark.threat("F48")
def test_two_hundred_by_keys_alone(desk: Desk):
    """A kill in the middle loses nothing acknowledged; what was not is sent again."""
    items = desk.queue(200)
    page = desk.page
    expect(page.locator(".place")).to_have_text("1 of 200")
    wanted = {}
    for n, item in enumerate(items):
        key, wanted[item.sha256] = verdict_for(n, item)
        if n == 100:
            desk.server.kill()
            acknowledged = desk.acknowledged()
            assert len(acknowledged) > 50
            assert acknowledged.items() <= desk.labels().items()
        if n == 110:
            expect(page.locator(".status")).to_contain_text("not kept yet")
            desk.server.start()
            on_disk(page)
        page.keyboard.press(key)
        count = page.locator(".count")
        expect(count).to_have_text(f"{n + 1} of 200 reviewed", timeout=SLOW)
    on_disk(page)
    assert desk.labels() == wanted
    assert desk.save(200) == wanted


def test_doubts_are_shown_where_verdicts_are_given_by_the_hundred(desk: Desk):
    """What may be none of the ten, and near copies, in queue and contact sheet."""
    scene = blotches(7, (200, 150))
    files = [encoded(scene), encoded(scene, "JPEG", quality=60)]
    picture, copy = read_pictures(files)
    flagged = replace(prediction(1), in_scope=False)
    desk.tray.add_many([Arrival(picture, "<b>one</b>.png", prediction=prediction(2))])
    page = desk.page
    desk.show("Queue")
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_text("Saved 1 picture")).to_be_visible(timeout=SLOW)
    desk.tray.add_many([Arrival(copy, "two.jpg", prediction=flagged)])
    desk.show("Queue")
    doubt, near = (
        "May show none of the ten",
        "Near copy of <b>one</b>.png, saved",
    )
    expect(page.locator(".flags")).to_contain_text(doubt)
    expect(page.locator(".flags")).to_contain_text(near)
    desk.choose("Contact sheet")
    tile = page.locator(".tile")
    expect(tile.locator(".flag")).to_have_text("?")
    assert doubt in tile.get_attribute("title")
    assert near in tile.get_attribute("title")
    desk.choose("Queue")
    expect(page.locator(".st-key-queue .root")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_have_text("✓ Right")
    expect(page.locator(".flags")).not_to_contain_text(doubt)
    expect(page.locator(".flags")).to_contain_text(near)


@pytest.mark.long
def test_undo_fifty(desk: Desk):
    items = desk.queue(60)
    page = desk.page
    for _ in items:
        page.keyboard.press("2")
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    for n in range(50):
        page.keyboard.press("u")
        expect(page.locator(".place")).to_have_text(f"{60 - n} of 60")
    on_disk(page)
    assert desk.labels() == {item.sha256: "bird" for item in items[:10]}
    expect(page.get_by_text("10 of 60 reviewed").first).to_be_visible()


def test_keys_and_labels_do_not_meet(desk: Desk):
    """Typing fires no key; later, moving and back do what they say."""
    items = desk.queue(4)
    page = desk.page
    place = page.locator(".place")
    page.keyboard.press("t")
    page.keyboard.type("snug 0-9 shed")
    expect(place).to_have_text("1 of 4")
    page.keyboard.press("Enter")
    expect(place).to_have_text("2 of 4")
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(place).to_have_text("3 of 4")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("2 of 4")
    page.keyboard.press("ArrowRight")
    page.locator(".classes button", has_text="frog").click()
    expect(place).to_have_text("4 of 4")
    page.keyboard.press("Control+3")
    page.get_by_role("button", name="Links").click()
    page.get_by_label("Links to pictures").fill("3 n s u")
    page.get_by_label("Links to pictures").press("3")
    expect(place).to_have_text("4 of 4")
    on_disk(page)
    assert desk.labels() == {
        items[0].sha256: "snug 0-9 shed",
        items[2].sha256: "frog",
    }


def test_what_was_put_off_comes_again_at_the_end(desk: Desk):
    """S twice, then the rest: the queue does not stop before it is empty."""
    items = desk.queue(4)
    page = desk.page
    place = page.locator(".place")
    for key, then in [("s", 2), ("2", 3), ("s", 4), ("2", 1), ("s", 3), ("2", 1)]:
        page.keyboard.press(key)
        expect(place).to_have_text(f"{then} of 4")
    page.keyboard.press("s")  # the only one left stays in sight
    expect(place).to_have_text("1 of 4")
    page.keyboard.press("2")
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    on_disk(page)
    assert desk.labels() == {item.sha256: "bird" for item in items}


@pytest.mark.threat("C32")
def test_save_waits_for_verdicts_on_their_way(desk: Desk):
    """Three hundred are sent in two parts, and Save is clicked before the first."""
    items = desk.fill(300)
    page = desk.page
    desk.show("Contact sheet")
    slider = page.get_by_label("Tick those at least")
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")
    likely = [i for i in items if i.prediction.confidence >= 0.5]
    assert len(likely) > 200
    confirm = page.get_by_role("button", name=f"Mark {len(likely)} as right")
    expect(confirm).to_be_visible()
    page.route("**/review/*", lambda route: (time.sleep(0.5), route.continue_()))
    confirm_ticked(page, len(likely))
    saved = desk.save(300)
    assert {sha256 for sha256, label in saved.items() if label} == {
        i.sha256 for i in likely
    }


def test_undo_forgets_what_was_saved(desk: Desk):
    """On the same page, with pictures that came after."""
    desk.queue(2)
    page = desk.page
    for _ in range(2):
        page.keyboard.press("Enter")
    on_disk(page)
    desk.save(2)
    (first, *_) = desk.fill(2)
    for view in ("History", "Classify", "Queue"):
        desk.choose(view)
    expect(page.locator(".count")).to_have_text("0 of 2 reviewed")
    page.locator("select.order").select_option("uploaded")
    page.keyboard.press("u")
    page.keyboard.press("3")
    expect(page.locator(".count")).to_have_text("1 of 2 reviewed")
    on_disk(page)
    assert desk.labels() == {first.sha256: CLASSES[3]}
    assert desk.problems == []


def test_a_refused_label_is_said_and_taken_back(desk: Desk):
    desk.queue(2)
    page = desk.page
    page.keyboard.press("t")
    page.keyboard.insert_text("tab\u0007")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-queue .note")).to_have_text(
        "0.png: A label cannot hold control or invisible characters."
    )
    page.keyboard.press("t")
    page.keyboard.insert_text("a" * 80)
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-queue .note")).to_have_text(
        "1.png: A label has at most 64 characters; this one has 80."
    )
    expect(page.locator(".count")).to_have_text("0 of 2 reviewed")
    assert desk.labels() == {}


@pytest.mark.long
@pytest.mark.threat("F48")
def test_five_hundred_by_contact_sheet(desk: Desk):
    """Untick three, confirm the rest, one label for what is left; a kill between."""
    items = desk.fill(500)
    page = desk.page
    desk.show("Contact sheet")
    slider = page.get_by_label("Tick those at least")
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")
    likely = [i for i in items if i.prediction.confidence >= 0.5]
    expected = sum(1 - i.prediction.confidence for i in likely)
    expect(page.locator(".expect")).to_have_text(
        f"{len(likely)} ticked, about {round(expected)} of them probably wrong"
    )
    kept_back = likely[:3]
    for item in kept_back:
        page.locator(f"[data-id='{item.sha256}']").click()
    page.get_by_role("button", name=f"Mark {len(likely) - 3} as right").click()
    expect(page.locator(".seen")).to_have_text(
        re.compile(rf"You have seen \d+ of {len(likely) - 3}\.")
    )
    page.get_by_role("button", name=f"Mark all {len(likely) - 3} as right").click()
    page.wait_for_function(
        "[...globalThis.__classifyStores.values()][0].items.some((i) => i.saved)"
    )
    desk.server.kill()
    acknowledged = desk.acknowledged()
    assert acknowledged
    assert acknowledged.items() <= desk.labels().items()
    desk.server.start()
    on_disk(page)
    sure = {i.sha256: i.prediction.label for i in likely if i not in kept_back}
    assert desk.labels() == sure
    groups = page.locator(".group")
    for n in range(groups.count()):
        groups.nth(n).get_by_role("button", name="Tick all").click()
    page.get_by_role("button", name="Wrong…").click()
    page.get_by_label("Own label for the ticked").fill("blotch")
    page.get_by_role("button", name="Label the ticked").click()
    on_disk(page)
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    saved = desk.save(500)
    assert {k: v for k, v in saved.items() if k in sure} == sure
    assert Counter(saved.values())["blotch"] == 500 - len(sure)


def test_what_was_not_seen_is_left_out_of_a_bulk_verdict(desk: Desk):
    """And what the sheet shows can be given any of the classes, and looked at."""
    items = desk.fill(300)
    page = desk.page
    desk.show("Contact sheet")
    tile = page.locator(".tile").first
    tile.hover()
    page.get_by_role("button", name="Enlarge ").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    slider = page.get_by_label("Tick those at least")
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")
    likely = sum(i.prediction.confidence >= 0.5 for i in items)
    page.wait_for_timeout(1000)  # a glance
    page.get_by_role("button", name=f"Mark {likely} as right").click()
    told = page.locator(".seen").inner_text()
    seen = int(told.split()[3])
    assert 0 < seen < likely
    page.get_by_role("button", name=f"Mark the {seen} seen as right").click()
    on_disk(page)
    assert len(desk.labels()) == seen
    page.get_by_role("button", name="Wrong…").click()
    page.get_by_role("button", name="none of the ten").click()
    on_disk(page)
    assert Counter(desk.labels().values())[NONE] == likely - seen


def test_a_bulk_verdict_is_undone_in_one_step(desk: Desk):
    items = desk.fill(30)
    page = desk.page
    desk.show("Contact sheet")
    first = page.locator(".group").first
    first.get_by_role("button", name="ick all").click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(30)
    ticked = page.locator(".tile[aria-checked=true]").count()
    confirm_ticked(page, ticked)
    expect(tiles).to_have_count(30 - ticked)
    on_disk(page)
    assert len(desk.labels()) == ticked
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(tiles).to_have_count(len(items))
    on_disk(page)
    assert desk.labels() == {}


def test_a_second_tab_saved_meanwhile_and_the_verdict_is_kept(desk: Desk):
    """The sentence stays until it is read; the record holds both verdicts."""
    items = desk.queue(4)
    page = desk.page
    page.keyboard.press("Enter")
    on_disk(page)
    other = desk.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Save 4 pictures").click()
    expect(other.get_by_text("Saved 4 pictures")).to_be_visible(timeout=SLOW)
    page.bring_to_front()
    page.keyboard.press("3")
    said = f"{items[1].name} was saved meanwhile. Your label, cat, is in the history."
    expect(page.get_by_text(said)).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(3000)
    expect(page.get_by_text(said)).to_be_visible()
    with sqlite3.connect(desk.server.data / "image_classification.db") as read:
        found = read.execute(
            "SELECT label, way, queue_order FROM state WHERE reviewed_at IS NOT NULL "
            "AND name IN (?, ?) AND image_id > (SELECT max(image_id) - 4 FROM state)",
            (items[0].name, items[1].name),
        ).fetchall()
    first = items[0].prediction.label
    assert found == [(first, "queue", "uploaded"), ("cat", "queue", "uploaded")]
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.get_by_text(said)).to_have_count(0)
    assert desk.problems == []
