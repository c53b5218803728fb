"""Pictures brought in by a browser, and what the page says of them."""

import io
import re

from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.server import Server
from tests.support.waiting import SLOW
from workflow.tray import Tray


def png(n: int) -> bytes:
    """A small picture, another for every number."""
    out = io.BytesIO()
    colour = (n % 256, n // 256 % 256, 128)
    Image.new("RGB", (8, 8), colour).save(out, "PNG", compress_level=1)
    return out.getvalue()


def mounted(page: Page) -> None:
    """Wait for the drop zone's script: only from then on does it hear anything."""
    expect(page.locator(".limits")).not_to_be_empty(timeout=SLOW)


def choose(page: Page, files: dict[str, bytes]) -> None:
    page.locator("input[name=files]").set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
            for name, data in files.items()
        ]
    )


def tray_of(page: Page, server: Server) -> Tray:
    found = re.search(r"tray=([0-9a-f]{20})", page.url)
    assert found
    return Tray(server.data / "temp_images", found[1])


def said(page: Page, text: str, timeout: float = SLOW) -> None:
    expect(page.locator(".summary .text")).to_have_text(text, timeout=timeout)


def cards(page: Page):
    return page.locator('[class*="st-key-card-"]')
