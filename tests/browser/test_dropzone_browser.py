"""Pictures come in by every way a browser has, thousands at once."""

import base64
import io
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bench.server import free_port
from tests.support.disk import small_disk
from tests.support.dropzone import cards, choose, mounted, png, said, tray_of
from tests.support.hostile import encoded, scene
from tests.support.server import Server, start_server
from tests.support.waiting import SLOW

MANY = 3_000


@pytest.mark.long
def test_three_thousand_in_one_go(page: Page, server: Server, tmp_path: Path):
    """A folder of 3,000, of which two are copies and three are no pictures."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(MANY):
        (folder / f"{n:04}.png").write_bytes(png(n))
    for name, data in {"0.txt": b"a", "1.txt": b"", "2.txt": b"<svg>"}.items():
        (folder / name).write_bytes(data)
    for n in range(2):
        (folder / f"copy{n}.png").write_bytes(png(n))
    page.locator("input[name=folder]").set_input_files(folder)
    expect(cards(page).first).to_be_visible(timeout=SLOW)
    assert page.locator(".progress").is_visible()  # labels are there before the end
    said(page, "3,000 pictures received, 2 already in the tray, 3 refused.", 200_000)
    expect(page.get_by_role("button", name="Save 3,000 pictures")).to_be_visible(
        timeout=SLOW
    )
    items = tray_of(page, server).items()
    assert len(items) == MANY
    assert all(item.prediction for item in items)


def test_what_is_no_picture_is_named_with_its_reason(page: Page):
    choose(page, {"<b>bad</b>.png": b"x", "good.png": png(1), "empty.png": b""})
    said(page, "1 picture received, 2 refused.")
    refusals = page.locator(".refusals li")
    expect(refusals.first).to_have_text("<b>bad</b>.png: Not a picture")
    expect(refusals.last).to_have_text("empty.png: File is empty")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".summary")).to_be_hidden()


def test_a_zip_is_unpacked(page: Page):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for n in range(30):
            out.writestr(f"cats/{n}.png", png(n))
        out.writestr("readme.txt", "hello")
    choose(page, {"more.png": png(99), "all.zip": archive.getvalue()})
    said(page, "31 pictures received, 1 refused.")
    expect(cards(page)).to_have_count(24)


COUNTS = """() => {
  const [{ done, total }] = [...globalThis.__classifyUploads.values()];
  return [done, total];
}"""


@pytest.mark.parametrize("broken", [False, True])
def test_what_comes_while_a_zip_is_sent_counts(page: Page, broken: bool):
    """Also where the connection breaks off and the ZIP is left to do."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for n in range(3):
            out.writestr(f"{n}.png", png(n))
    held: list[Route] = []
    page.route("**/zip?*", lambda route: held.append(route))
    choose(page, {"all.zip": archive.getvalue()})
    expect(page.locator(".progress .text")).to_have_text("Sending…")
    choose(page, {"a.png": png(7), "b.png": png(8)})
    expect(page.locator(".progress .text")).to_have_text("0 of 3")
    if broken:
        held[0].fulfill(body='{"total": 3}\n{"name": "0.png", "refusal": "x"}\n')
        said(page, "2 pictures received, 1 refused, 1 failed.")
    else:
        held[0].continue_()
        said(page, "5 pictures received.")
    assert page.evaluate(COUNTS) == ([4, 4] if broken else [5, 5])


def test_what_is_packed_otherwise_is_called_no_zip(page: Page):
    packed = {"name": "a.gz", "mimeType": "application/gzip", "buffer": b"\x1f\x8b" * 9}
    page.locator("input[name=files]").set_input_files([packed])
    said(page, "0 pictures received, 1 refused.")
    expect(page.locator(".refusals")).to_contain_text("Not a picture")


def dispatch(page: Page, kind: str, files: dict[str, bytes]) -> None:
    """What the browser does at a drop or a paste; only it can make a real one."""
    page.evaluate(
        """([kind, files]) => {
          const transfer = new DataTransfer();
          for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name, {type: "image/png"}));
          }
          const init = {bubbles: true, cancelable: true};
          document.body.dispatchEvent(kind === "paste"
            ? new ClipboardEvent(kind, {...init, clipboardData: transfer})
            : new DragEvent(kind, {...init, dataTransfer: transfer}));
        }""",
        [kind, [[n, base64.b64encode(d).decode()] for n, d in files.items()]],
    )


def test_a_drop_and_a_paste_anywhere_on_the_page(page: Page, server: Server):
    dispatch(page, "dragenter", {"a.png": png(1)})
    expect(page.locator(".zone.over")).to_be_visible()
    dispatch(page, "drop", {"a.png": png(1), "b.png": png(2)})
    said(page, "2 pictures received.")
    expect(page.locator(".zone.over")).to_have_count(0)
    dispatch(page, "paste", {"image.png": png(3)})
    said(page, "1 picture received.")
    names = [item.name for item in tray_of(page, server).items()]
    assert names[:2] == ["a.png", "b.png"]
    assert re.fullmatch(r"pasted \d\d-\d\d-\d\d 1\.png", names[2])


DROP_A_LINK = """(link) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.setData("text/uri-list", link);
  const init = {bubbles: true, cancelable: true, dataTransfer};
  document.body.dispatchEvent(new DragEvent("drop", init));
}"""


def test_a_link_from_another_page_is_fetched_as_an_address(page: Page):
    """One of this page's own pictures is left where it is."""
    page.evaluate(DROP_A_LINK, f"{page.url.split('?')[0]}tray/x.jpg")
    page.evaluate(DROP_A_LINK, "http://10.0.0.1/cat.png")
    refused = page.locator("ul.refused li")
    expect(refused).to_have_text(
        "http://10.0.0.1/cat.png: This link is not allowed", timeout=SLOW
    )


def test_what_a_stick_of_a_mac_brings_along_is_left_out(page: Page, tmp_path: Path):
    folder = tmp_path / "STICK"
    for name in ("photos/1.png", "photos/._1.png", ".Trashes/2.png", "@eaDir/3.png"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(len(name)))
    page.locator("input[name=folder]").set_input_files(folder)
    said(page, "1 picture received.")


REMOVE_ONCE_LISTED = """() => {
  const real = DataTransferItem.prototype.webkitGetAsEntry;
  DataTransferItem.prototype.webkitGetAsEntry = function () {
    const entry = real.call(this);
    if (!entry?.isDirectory) return entry;
    entry.createReader = () => {
      const reader = Object.getPrototypeOf(entry).createReader.call(entry);
      const read = reader.readEntries.bind(reader);
      reader.readEntries = (yes, no) =>
        read((part) => remove().then(() => yes(part)), no);
      return reader;
    };
    return entry;
  };
}"""


def really_drop(page: Page, *paths: Path) -> None:
    """Files and folders from the disk, dropped as a person does it."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(p) for p in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 500, "y": 500, "data": data}
        session.send("Input.dispatchDragEvent", event)


def test_of_a_drop_what_cannot_be_read_is_named_and_the_rest_comes(
    page: Page, server: Server, tmp_path: Path
):
    """A folder and a file that are removed once they are listed, and one before."""
    pets = tmp_path / "pets"
    for folder in (pets / "cats", pets / "gone"):
        folder.mkdir(parents=True)
    for n, name in enumerate(("a.png", "cats/b.png", "gone/c.png", "lost.png")):
        (pets / name).write_bytes(png(n))
    (tmp_path / "alone.png").write_bytes(png(9))

    def remove() -> None:
        shutil.rmtree(pets / "gone", ignore_errors=True)
        (pets / "lost.png").unlink(missing_ok=True)

    page.expose_function("remove", remove)
    page.evaluate(REMOVE_ONCE_LISTED)
    really_drop(page, pets, tmp_path / "nowhere.png", tmp_path / "alone.png")
    said(page, "3 pictures received, 3 refused.")
    names = {item.name for item in tray_of(page, server).items()}
    assert names == {"pets/a.png", "pets/cats/b.png", "alone.png"}
    unread = "Cannot be read: changed or removed meanwhile"
    assert set(page.locator(".refusals li").all_inner_texts()) == {
        f"pets/gone: {unread}",
        f"pets/lost.png: {unread}",
        "nowhere.png: File is empty",  # the browser's word for it
    }


def test_a_dropped_folder_without_files_is_said_to_be_empty(page: Page, tmp_path: Path):
    (tmp_path / "empty" / "within").mkdir(parents=True)
    (tmp_path / "empty" / ".DS_Store").write_bytes(b"x")
    really_drop(page, tmp_path / "empty")
    said(page, "0 pictures received, 1 refused.")
    expect(page.locator(".refusals li")).to_have_text(
        "empty: The folder holds no files"
    )


def test_cells_of_a_spreadsheet_are_text_to_the_address_box(page: Page):
    """And a picture anywhere else."""
    paste = """([element, text]) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], "image.png", {type: "image/png"}));
      clipboardData.setData("text/plain", "https://example.org/a.png");
      clipboardData.setData("text/html", "<table></table>");
      const init = {bubbles: true, cancelable: true, composed: true, clipboardData};
      const event = new ClipboardEvent("paste", init);
      element.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    picture = base64.b64encode(png(1)).decode()
    page.get_by_role("button", name="Links").click()
    box = page.get_by_label("Links to pictures").element_handle()
    assert not page.evaluate(paste, [box, picture])
    assert page.evaluate(paste, [page.query_selector("body"), picture])
    said(page, "1 picture received.")


@pytest.mark.parametrize(
    ("names", "text"), [(["one.zip"], "Sending…"), (["0.png", "1.png"], "0 of 2")]
)
def test_what_is_under_way_is_not_shown_as_over(
    page: Page, names: list[str], text: str
):
    """Until the server answers, which takes minutes with a large ZIP on a slow line."""
    page.evaluate("() => { globalThis.fetch = () => new Promise(() => {}); }")
    choose(page, {name: png(0) for name in names})
    expect(page.locator(".progress .text")).to_have_text(text, timeout=SLOW)
    expect(page.locator(".progress .cancel")).to_be_visible()
    expect(page.locator(".summary")).to_be_hidden()


def test_cancel_keeps_what_is_done(page: Page, server: Server):
    choose(page, {f"{n}.png": png(n) for n in range(1500)})
    expect(cards(page).first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Cancel").click()
    summary = page.locator(".summary .text")
    expect(summary).to_contain_text("not sent", timeout=SLOW)
    counts = [
        int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", summary.inner_text())
    ]
    assert sum(counts) == 1500
    assert len(tray_of(page, server).items()) >= counts[0]
    expect(cards(page)).to_have_count(24)


def test_cancel_ends_what_nobody_answers(page: Page):
    """As where the network is cut: a request may then wait for a quarter of an hour."""
    page.route("**/upload/**", lambda route: None)
    choose(page, {"0.png": png(0), "1.png": png(1)})
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".progress .left")).to_have_text("Stopping…")
    said(page, "0 pictures received, 2 not sent.")


def test_what_comes_while_an_upload_stops_is_sent(page: Page):
    held: list[Route] = []
    page.route("**/upload/**", lambda route: held.append(route), times=1)
    choose(page, {"0.png": png(0), "1.png": png(1)})
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".progress .left")).to_have_text("Stopping…")
    choose(page, {"2.png": png(2)})
    held[0].continue_()
    said(page, "1 picture received.")
    expect(cards(page)).to_have_count(3, timeout=SLOW)


def test_whoever_leaves_before_all_is_sent_is_asked(page: Page):
    """The browser asks only who has clicked or typed before."""
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("heading", name="Image classification").click()
    choose(page, {"0.png": png(0)})
    said(page, "1 picture received.")
    page.reload()
    mounted(page)
    assert asked == []
    page.get_by_role("heading", name="Image classification").click()
    page.route("**/upload/**", lambda route: None)
    choose(page, {"1.png": png(1)})
    expect(page.locator(".progress")).to_be_visible()
    page.reload()
    assert asked == ["beforeunload"]


def test_a_file_that_is_gone_costs_only_itself(page: Page, tmp_path: Path):
    """It is sent from where it lies, which is later than it was chosen."""
    held: list[Route] = []
    page.route("**/upload/**", lambda route: held.append(route), times=1)
    choose(page, {"first.png": png(99)})
    for n in range(5):
        (tmp_path / f"{n}.png").write_bytes(png(n))
    expect(page.locator(".progress")).to_be_visible()
    files = [tmp_path / f"{n}.png" for n in range(5)]
    page.locator("input[name=files]").set_input_files(files)
    expect(page.locator(".progress .text")).to_have_text("0 of 6", timeout=SLOW)
    files[2].unlink()
    held[0].continue_()
    said(page, "5 pictures received, 1 refused.")
    expect(page.locator(".refusals li")).to_have_text(
        "2.png: Cannot be read: changed or removed meanwhile"
    )


def test_a_dead_server_is_said_and_the_rest_sent_again(page: Page, server: Server):
    server.process.kill()
    server.process.wait()
    choose(page, {f"{n}.png": png(n) for n in range(20)})
    said(page, "0 pictures received, 20 failed.")
    port = int(server.url.rsplit(":", 1)[1])
    again = start_server(server.data, port)
    try:
        page.get_by_role("button", name="Try again").click()
        said(page, "20 pictures received.")
        assert len(tray_of(page, server).items()) == 20
    finally:
        again.stop()


@pytest.mark.threat("D36")
def test_what_the_disk_has_no_room_for_is_tried_again(browser: Browser, tmp_path: Path):
    """It is failed, not refused; of a ZIP some was read, and all is sent once more."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for n in range(3):
            out.writestr(f"{n}.png", png(n))
        out.writestr("readme.txt", "hello")
    (tmp_path / "data").mkdir()
    with small_disk(tmp_path / "data" / "temp_images", 16) as disk:
        ballast = disk / "ballast"  # less than two blocks are left: one for the ZIP
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 206 * 4096))
        server = start_server(tmp_path / "data", free_port())
        tab = browser.new_page()
        try:
            tab.goto(server.url)
            mounted(tab)
            large = {f"{n}.png": encoded(scene((300 + n, 200))) for n in range(2)}
            choose(tab, large | {"no.png": b"x", "all.zip": archive.getvalue()})
            said(tab, "0 pictures received, 4 failed.")
            expect(tab.locator(".refusals li").first).to_contain_text("disk")
            ballast.unlink()
            tab.get_by_role("button", name="Try again").click()
            said(tab, "5 pictures received, 2 refused.")
            expect(tab.locator(".refusals li")).to_have_text(
                ["no.png: Not a picture", "readme.txt: Not a picture"]
            )
            expect(tab.get_by_role("button", name="Try again")).to_be_hidden()
        finally:
            tab.close()
            server.stop()


def test_saving_takes_the_old_summary_away(page: Page):
    choose(page, {"a.png": png(1)})
    said(page, "1 picture received.")
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_text("Saved 1 picture, 0 reviewed.")).to_be_visible()
    expect(page.locator(".summary")).to_be_hidden()
