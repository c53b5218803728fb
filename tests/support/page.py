"""What people do on the page, without a browser."""

import io

from PIL import Image
from streamlit.testing.v1 import AppTest

from db import HistoryRow
from model.bundle import BundleError
from tests.support.paths import ROOT
from tests.support.waiting import patient
from workflow import resources
from workflow.receive import Source, receive


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(out, "PNG")
    return out.getvalue()


def application() -> AppTest:
    """The page, not drawn yet."""
    return AppTest.from_file(str(ROOT / "ui" / "page.py"), default_timeout=patient(60))


def upload(page: AppTest, **files: bytes) -> AppTest:
    """What the route does with a batch; only a browser can drive the drop zone."""
    sources = [Source(f"{name}.png", data) for name, data in files.items()]
    tray = resources.tray(page.query_params["tray"])
    try:
        classifier = resources.classifier()
    except BundleError:
        classifier = None
    assert list(receive(sources, tray, classifier))
    return page.run()


def button(page: AppTest, label: str):
    return next(b for b in page.button if b.label.startswith(label))


def type_label(page: AppTest, text: str) -> None:
    """Give the first card a label of one's own."""
    page.selectbox[0].set_value("Other…").run()
    page.text_input[0].set_value(text).run()


def type_into_box(page: AppTest, text: str) -> None:
    """Type into the first card's list, and take what it offers to add."""
    page.selectbox[0].options.append(text)
    page.selectbox[0].set_value(text).run()


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def row(**changes) -> HistoryRow:
    fields = {
        "image_id": 1,
        "sha256": "0" * 64,
        "name": "a.png",
        "source": "",
        "predicted": "cat",
        "confidence": 0.5,
        "label": None,
        "correct": None,
        "custom": False,
        "model_version": "x",
        "created": "2026-01-01T00:00:00Z",
        "reviewed_at": None,
        "width": 1,
        "height": 1,
    }
    return HistoryRow(**(fields | changes))
