"""An export dropped on the page, or chosen: its labels are asked for, not lost."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.server import free_port
from db import Database
from model.classes import CLASSES
from tests.support.disk import small_disk
from tests.support.dropzone import choose, mounted, png, said, tray_of
from tests.support.server import Server, start_server
from tests.support.waiting import SLOW
from workflow.tray import MAX_PICTURES


def saved(server: Server) -> Database:
    return Database.open(server.data / "image_classification.db", CLASSES)


def test_a_dropped_export_is_asked_about(
    page: Page,
    server: Server,
    archive: bytes,
):
    choose(page, {"dataset.zip": archive, "a.png": png(1)})
    expect(page.locator(".question")).to_have_text(
        "dataset.zip was downloaded here and has labels."
    )
    page.get_by_role("button", name="Bring pictures and labels").click()
    said(page, "1 picture received. 2 pictures imported; 1 label came with them.")
    expect(page.locator(".ask")).to_be_hidden()
    assert saved(server).statistics().reviewed == 1
    choose(page, {"dataset.zip": archive})
    page.get_by_role("button", name="Classify its pictures as new").click()
    said(page, "2 pictures received, 2 refused.")  # its two lists are no pictures
    assert len(tray_of(page, server).items()) == 3


def test_a_dropped_export_may_be_left_out(
    page: Page,
    server: Server,
    archive: bytes,
):
    choose(page, {"dataset.zip": archive, "a.png": png(1)})
    page.get_by_role("button", name="Leave it out").click()
    said(page, "1 picture received.")
    expect(page.locator(".ask")).to_be_hidden()
    assert saved(server).statistics().total == 0
    assert len(tray_of(page, server).items()) == 1


def test_an_export_is_asked_about_until_there_is_an_answer(
    page: Page,
    archive: bytes,
):
    """Also by a page that showed something else meanwhile; what is dropped waits."""
    choose(page, {"dataset.zip": archive})
    expect(page.locator(".question")).to_be_visible()
    page.get_by_text("History", exact=True).click()
    expect(page.locator(".question")).to_have_count(0, timeout=SLOW)
    page.get_by_text("Classify", exact=True).click()
    expect(page.locator(".question")).to_be_visible(timeout=SLOW)
    choose(page, {"a.png": png(1)})
    page.get_by_role("button", name="Leave it out").click()
    said(page, "1 picture received.")
    expect(page.locator(".ask")).to_be_hidden()


def test_an_export_is_chosen_among_the_data(
    page: Page,
    server: Server,
    archive: bytes,
):
    page.get_by_text("Data set", exact=True).click()
    file = {"name": "x.zip", "mimeType": "application/zip", "buffer": archive}
    chooser = page.locator(".st-key-importer input[type=file]")
    for words in (
        "2 pictures imported; 1 label came with them.",
        "0 pictures imported, 2 here already; 0 labels came with them.",
    ):
        expect(page.get_by_role("button", name="Choose a ZIP")).to_be_enabled()
        chooser.set_input_files([file])
        expect(page.locator(".said")).to_have_text(words, timeout=SLOW)
    expect(page.get_by_text("The database holds 2 pictures.")).to_be_visible(
        timeout=SLOW
    )
    chooser.set_input_files([file | {"buffer": b"no"}])
    expect(page.locator(".said")).to_have_text(
        "Nothing was imported. The ZIP is damaged or incomplete.", timeout=SLOW
    )


def labelled_tree(root: Path) -> Path:
    """Pictures in folders named after classes."""
    for number, label in enumerate(["cat", "dog", "ship"] * 4):
        place = root / "holiday" / label / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(number))
    return root / "holiday"


def test_folders_named_like_labels_are_asked_about_once(
    page: Page, server: Server, tmp_path: Path
):
    tree = labelled_tree(tmp_path)
    page.locator("input[name=folder]").set_input_files(tree)
    expect(page.locator(".question")).to_have_text(
        "Use the folder names (cat, dog, ship) as labels?"
    )
    page.get_by_role("button", name="Yes, bring pictures and labels").click()
    said(page, "12 pictures imported; 12 labels came with them.")
    database = saved(server)
    assert [way.way for way in database.ways()] == ["import"]
    assert database.statistics().reviewed == 12
    assert tray_of(page, server).items() == []
    page.locator("input[name=folder]").set_input_files(tree)
    page.get_by_role("button", name="No, classify the pictures as new").click()
    said(page, "12 pictures received.")
    expect(page.locator(".ask")).to_be_hidden()


def more_than_a_tray_takes() -> bytes:
    """A ZIP of twelve pictures, among thousands of files that nobody means."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(12):
            made.writestr(f"{number}.png", png(number))
        for number in range(MAX_PICTURES):
            made.writestr(f"__MACOSX/{number}", b"")
    return out.getvalue()


def test_more_than_the_tray_takes_goes_into_the_history(page: Page, server: Server):
    file = {"name": "many.zip", "mimeType": "application/zip"}
    chooser = page.locator("input[name=files]")
    for words, answer in (
        ("12 pictures.", "12 pictures imported"),
        ("12 pictures; 12 are here already.", ""),
    ):
        chooser.set_input_files([file | {"buffer": more_than_a_tray_takes()}])
        if answer:
            expect(page.locator(".question")).to_have_text(
                f"many.zip: {words} Put them into the history in the background?",
                timeout=SLOW,
            )
            page.get_by_role("button", name="Put them into the history").click()
        expect(page.locator(".summary .text")).to_contain_text(
            answer or words, timeout=SLOW
        )
    assert saved(server).statistics().total == 12
    assert tray_of(page, server).items() == []
    page.get_by_text("Data set", exact=True).click()
    page.get_by_text("Earlier imports").click()
    ours = page.locator(".imports li", has_text="many.zip")  # others' stay as well
    expect(ours).to_have_count(2)
    expect(ours.last).to_contain_text("12 pictures imported")


@pytest.mark.threat("E47")
def test_a_zip_that_the_disk_has_no_room_for_is_refused_in_words(
    browser: Browser, tmp_path: Path, archive: bytes
):
    """Chromium hears the answer although it has not sent the whole of it."""
    ballast = tmp_path / "ballast.zip"
    ballast.write_bytes(bytes(40 * 2**20))
    with small_disk(tmp_path / "disk", 64) as disk:
        server = start_server(disk, free_port())
        tab = browser.new_page()
        try:
            tab.goto(server.url)
            mounted(tab)
            tab.locator("input[name=files]").set_input_files(ballast)
            expect(tab.locator(".refusals")).to_contain_text(
                "Not sent: The server's disk has no room for this.",
                timeout=SLOW,
            )
            choose(tab, {"dataset.zip": archive})
            tab.get_by_role("button", name="Bring pictures and labels").click()
            said(tab, "2 pictures imported; 1 label came with them.")
        finally:
            tab.close()
            server.stop()


LOOK_AT_SIZE = """(input) => input.addEventListener(
  "change", () => input.files[0].size, { capture: true })"""


def test_a_zip_that_cannot_be_read_costs_only_itself(
    page: Page,
    archive: bytes,
    tmp_path: Path,
):
    """Each is looked into before anything is sent, here once a question is answered.

    A browser that has not asked for a file's size before then takes it for empty.
    """
    gone = [tmp_path / "gone.zip", tmp_path / "unsized.zip"]
    for file in gone:
        file.write_bytes(b"PK")
    (tmp_path / "a.png").write_bytes(png(1))
    choose(page, {"dataset.zip": archive})
    expect(page.locator(".question")).to_be_visible(timeout=SLOW)
    chooser = page.locator("input[name=files]")
    chooser.evaluate(LOOK_AT_SIZE)
    chooser.set_input_files([*gone, tmp_path / "a.png"])
    for file in gone:
        file.unlink()
    page.get_by_role("button", name="Leave it out").click()
    said(page, "1 picture received, 2 refused.")
    expect(page.locator(".refusals li")).to_have_text(
        [f"{f.name}: Cannot be read: changed or removed meanwhile" for f in gone]
    )
