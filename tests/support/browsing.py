"""What people do on the page in a browser."""

import io

from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.support.stand_in import Handler
from tests.support.waiting import SLOW


def picture_bytes(colour: str, side: int = 64, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(out, kind)
    tint = Image.new("RGB", (side, side), colour)
    blended = Image.blend(Image.open(io.BytesIO(out.getvalue())), tint, 0.5)
    out = io.BytesIO()
    blended.save(out, kind)
    return out.getvalue()


class OnePicture(Handler):
    """Serves one JPEG under /boat.jpg and nothing else."""

    def do_GET(self):
        if self.path == "/boat.jpg":
            self.answer(200, picture_bytes("navy", kind="JPEG"), "image/jpeg")
        else:
            self.answer(404)


def upload(page: Page, files: dict[str, bytes]) -> None:
    expect(page.locator(".limits")).not_to_be_empty(timeout=SLOW)  # its script is there
    page.locator("input[name=files]").set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
            for name, data in files.items()
        ]
    )


def cards(page: Page):
    return page.locator('[class*="st-key-card-"]')


def arrived(page: Page, number: int) -> None:
    """Wait until so many cards show their pictures.

    A picture that leaves the tray sooner is asked for when it is gone: a 404.
    """
    expect(cards(page)).to_have_count(number, timeout=SLOW)
    for picture in cards(page).locator("img").all():
        picture.scroll_into_view_if_needed()  # loaded where it is seen
        assert picture.evaluate("(image) => image.decode().then(() => image.width)")


def card(page: Page, name: str):
    return cards(page).filter(has_text=name)


def choose(page: Page, box, option: str) -> None:
    box.get_by_role("combobox").scroll_into_view_if_needed()
    # The list closes when the page scrolls: let that be over before it opens.
    page.evaluate(
        "new Promise((go) => requestAnimationFrame(() => setTimeout(go, 50)))"
    )
    box.get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()


def go_to(page: Page, view: str) -> None:
    page.get_by_role("radio", name=view, exact=True).or_(
        page.get_by_role("button", name=view, exact=True)
    ).first.click()


def grid(page: Page):
    return page.frame_locator("iframe[title*='agGrid'], iframe[title*='st_aggrid']")


def rows(page: Page):
    return grid(page).locator(".ag-center-cols-container .ag-row")


def settled_place(frame: Locator) -> FloatRect | None:
    """Where it is once it has stayed there for a second: a redraw may be under way."""
    before, place = None, frame.bounding_box()
    while before != place:
        frame.page.wait_for_timeout(1000)
        before, place = place, frame.bounding_box()
    return place


def assert_selecting_moves_nothing(page: Page, act: str = "Delete") -> None:
    """Else the next click would meet another row than the one aimed at."""
    frame = page.locator("iframe[title*='agGrid'], iframe[title*='st_aggrid']")
    place = settled_place(frame)
    for button in (f"{act} 1 selected", f"{act} selected"):
        grid(page).locator(".ag-row .ag-checkbox-input").first.click()
        expect(page.get_by_role("button", name=button)).to_be_visible(timeout=SLOW)
        assert settled_place(frame) == place
