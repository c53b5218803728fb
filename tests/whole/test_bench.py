"""The benchmarks run, compare like with like, and say what they compared."""

import json
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.Element_pb2 import Element

from bench import pictures, sessions, startup
from bench.streamlit_client import Visitor, Wrong
from model.bundle import load_bundle
from model.engines import TorchEngine
from tests.support.models import picture
from tests.support.server import Server


def test_onnx_computes_what_torch_computes(published: Path) -> None:
    pytest.importorskip("onnxruntime")
    from bench.onnx_engine import OnnxEngine

    bundle = load_bundle(published)
    pixels = np.stack([np.asarray(picture(n)) for n in range(5)])
    ours, theirs = OnnxEngine(bundle, threads=1)(pixels), TorchEngine(bundle)(pixels)
    assert np.abs(theirs.logits).max() > 1
    assert np.abs(ours.logits - theirs.logits).max() < 1e-3
    assert np.abs(ours.features - theirs.features).max() < 1e-3
    assert np.abs(ours.early - theirs.early).max() < 1e-3


def test_pictures_are_timed_and_compared_in_every_way(
    published: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGE", (1200, 900))
    arguments = [f"--weights={published}", "--large=2", "--small=3", "--json"]
    assert pictures.main(arguments) == 0
    large, small = json.loads(capsys.readouterr().out)["results"]
    assert (large["pictures"], small["pictures"]) == (2, 3)
    for found in (large, small):
        assert set(found["seconds"]) == set(pictures.WAYS)
        for name, taken in found["seconds"].items():
            assert math.isclose(
                found["ratios"][name], found["seconds"]["naive"] / taken
            )
    assert small["labels_changed"] == 0  # 400x300 is not reduced at all
    assert small["largest_change"] < 1e-6


def test_a_start_ends_with_an_answer(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert startup.main([f"--weights={published}", "--rounds=1", "--json"]) == 0
    starts = json.loads(capsys.readouterr().out)["starts"]
    assert {each["engine"] for each in starts} == set(startup.ENGINES)
    for each in starts:
        assert each["seconds"] > 0
        assert each["resident_mb"] > 20


@pytest.mark.long
@pytest.mark.threat("G52")
def test_sessions_click_send_and_save_without_an_error(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--sessions=2", "--minutes=0.1", "--pause=0.3", "--settle=0", "--json"]
    code = sessions.main([f"--weights={published}", *few])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["errors"]) == (0, {})
    assert found["clicks"] > 2
    assert found["pictures"] >= 2  # each of the two has sent some
    assert found["requests"] > found["clicks"] + found["pictures"]
    assert 0 < found["click_median_s"] <= found["click_slowest_s"]
    assert found["peak_mb"] >= found["after_mb"] > 50


def test_a_visitor_does_what_a_browser_does(server: Server) -> None:
    """It saves what it sent; what was not taken is an error."""
    with Visitor(server.url) as visitor:
        assert visitor.choose("view", "Data set") > 0
        visitor.choose("view", "Classify")
        visitor.upload(sessions._pictures(3))
        visitor.run()
        visitor.run(pressed="save")
        with sqlite3.connect(server.data / "image_classification.db") as saved:
            assert saved.execute("SELECT count(*) FROM images").fetchone() == (3,)
        with pytest.raises(Wrong, match="Not a picture"):
            visitor.upload({"a.jpg": b"text"})
        visitor.tray = "x"
        with pytest.raises(Wrong, match="upload: 404"):
            visitor.upload(sessions._pictures(1))
    saved.close()


@pytest.mark.parametrize("shown", ["alert", "exception"])
def test_an_error_on_the_page_is_one(shown: str) -> None:
    element = Element()
    if shown == "alert":
        element.alert.format, element.alert.body = Alert.ERROR, "The history is off"
    else:
        element.exception.message = "The history is off"
    assert Visitor("")._look(element) == {"The history is off"}
    element.alert.format = Alert.INFO
    assert Visitor("")._look(element) == set()


def test_memory_is_that_of_the_children_too() -> None:
    alone = sessions.tree_mb(os.getpid())
    code = "data = b'x' * 2**26; print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        child.stdout.readline()
        assert sessions.tree_mb(os.getpid()) > alone + 60
        child.communicate(b"\n")


@pytest.mark.parametrize("bench", [pictures, sessions, startup])
def test_without_a_model_there_is_nothing_to_measure(
    bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main([f"--weights={tmp_path}"]) == 1
    assert "is missing" in capsys.readouterr().err
