"""The contact sheet expects more mistakes where reviews have shown more."""

from playwright.sync_api import expect

from intake.pictures import read_pictures
from tests.support.desk import Desk, confirm_ticked, on_disk
from tests.support.judging import label_all
from tests.support.waiting import SLOW
from workflow.tray import Arrival, Item


def sure(item: Item) -> float:
    return item.prediction.confidence


def from_half(desk: Desk) -> None:
    slider = desk.page.get_by_label("Tick those at least")
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")


def test_mistakes_found_so_far_are_allowed_for(desk: Desk):
    """First those in the tray count, then, once saved, those of the history."""
    items = [item for item in desk.fill(120) if sure(item) >= 0.5]
    reviewed, rest = items[:60], items[60:]
    wrong = reviewed[::2]
    verdicts = {item.sha256: item.prediction.label for item in reviewed}
    label_all(desk.tray, verdicts | {item.sha256: "blotch" for item in wrong})
    page = desk.page
    desk.show("Contact sheet")
    from_half(desk)
    said = f"You found {len(wrong)} mistakes in 60 like these"
    expect(page.locator(".experience")).to_have_text(f"{said}, so we expect more.")
    by_confidence = sum(1 - sure(item) for item in rest)
    told = page.locator(".expect").inner_text()
    assert told.startswith(f"{len(rest)} ticked, about ")
    expected = int(told.split("about ")[1].split()[0])
    assert expected > 1.3 * by_confidence
    proposed = page.get_by_text("Suggested: ").inner_text()

    tile = page.locator(f"[data-id='{rest[0].sha256}']")
    tile.click()  # a verdict given here counts at once
    confirm_ticked(page, len(rest) - 1)
    expect(page.locator(".experience")).to_contain_text(
        f" in {59 + len(rest)} like these"
    )
    page.get_by_role("button", name="Undo", exact=True).click()
    on_disk(page)

    for item in desk.tray.items():
        if item.label is None:
            desk.tray.remove([item])
    page.reload()
    page.get_by_role("button", name="Save 60 pictures").click()
    expect(page.get_by_text("Saved 60 pictures")).to_be_visible(timeout=SLOW)
    more = desk.fill(40, items[0].prediction.model_version)
    desk.show("Contact sheet")
    expect(page.locator(".tile")).to_have_count(len(more))
    from_half(desk)
    expect(page.locator(".experience")).to_contain_text(said)
    assert page.get_by_text("Suggested: ").inner_text() == proposed == "Suggested: 99%"


def test_a_picture_saved_and_reviewed_again_counts_once(desk: Desk):
    items = desk.fill(40)
    labels = {item.sha256: item.prediction.label for item in items}
    pictures = list(read_pictures([desk.tray.data(item.sha256) for item in items]))
    label_all(desk.tray, labels)
    desk.show("Cards")
    desk.page.get_by_role("button", name="Save 40 pictures").click()
    expect(desk.page.get_by_text("Saved 40 pictures")).to_be_visible(timeout=SLOW)
    desk.tray.add_many(
        Arrival(picture, item.name, prediction=item.prediction)
        for picture, item in zip(pictures, items, strict=True)
    )
    label_all(desk.tray, labels)
    desk.show("Contact sheet")
    from_half(desk)
    expect(desk.page.locator(".experience")).to_have_text(
        f"You found 0 mistakes in {sum(sure(item) >= 0.5 for item in items)} "
        "like these."
    )


def test_verdicts_on_an_older_models_answers_do_not_count(desk: Desk):
    """They stay with what they were given on, in the same tray."""
    older = desk.fill(40)
    label_all(desk.tray, {item.sha256: "blotch" for item in older})
    desk.fill(10)
    desk.show("Contact sheet")
    from_half(desk)
    expect(desk.page.locator(".expect")).to_contain_text("ticked")
    expect(desk.page.locator(".experience")).to_have_text("")


def test_few_reviews_are_no_experience(desk: Desk):
    items = desk.fill(30)
    label_all(desk.tray, {item.sha256: "blotch" for item in items[:10]})
    desk.show("Contact sheet")
    from_half(desk)
    expect(desk.page.locator(".expect")).to_contain_text("ticked")
    expect(desk.page.locator(".experience")).to_have_text("")
