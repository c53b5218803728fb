"""The benchmarks run, compare like with like, and say what they compared."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from models import picture, publish_random

from bench import pictures, startup
from model.bundle import load_bundle
from model.engines import TorchEngine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_random(tmp_path_factory.mktemp("published"))


def test_onnx_computes_what_torch_computes(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    from bench.onnx_graph import OnnxEngine

    bundle = load_bundle(folder)
    pixels = np.stack([np.asarray(picture(n)) for n in range(5)])
    ours, theirs = OnnxEngine(bundle, threads=1)(pixels), TorchEngine(bundle)(pixels)
    assert np.abs(theirs.logits).max() > 1
    assert np.abs(ours.logits - theirs.logits).max() < 1e-3
    assert np.abs(ours.features - theirs.features).max() < 1e-3


def test_pictures_are_timed_and_compared_in_every_way(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGE", (1200, 900))
    arguments = [f"--weights={folder}", "--large=2", "--small=3", "--json"]
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
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert startup.main([f"--weights={folder}", "--rounds=1", "--json"]) == 0
    starts = json.loads(capsys.readouterr().out)["starts"]
    assert {each["engine"] for each in starts} == set(startup.ENGINES)
    for each in starts:
        assert each["seconds"] > 0
        assert each["resident_mb"] > 20


@pytest.mark.parametrize("bench", [pictures, startup])
def test_without_a_model_there_is_nothing_to_measure(
    bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main([f"--weights={tmp_path}"]) == 1
    assert "is missing" in capsys.readouterr().err
