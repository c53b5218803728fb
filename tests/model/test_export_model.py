"""A model taken away answers as it does here, without this program."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from model import export
from model.classifier import Classifier
from model.engines import TorchEngine
from tests.support.lessons import learned_version


def versions(classifier: Classifier) -> list[Classifier]:
    return [classifier, learned_version(classifier, 0), learned_version(classifier, 2)]


def expected(
    version: Classifier, pixels: np.ndarray, photographs: bool = False
) -> np.ndarray:
    """Logits as torch computes them, in float32."""
    seen = TorchEngine(version.bundle)(pixels)
    kinds = np.full(len(pixels), photographs)
    seen = seen._replace(logits=version.bundle.logits(seen.features, kinds))
    return version.head.layer.logits(*seen) if version.head else seen.logits


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_onnx_files_answer_the_same_in_onnx_runtime(
    which: int, two_layers: Classifier, pixels: np.ndarray, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    version = versions(two_layers)[which]
    export.write(version, tmp_path / "out")
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    for name in ("model.onnx", "photographs.onnx"):
        session = onnxruntime.InferenceSession(
            tmp_path / "out" / name, providers=["CPUExecutionProvider"]
        )
        (found,) = session.run(["logits"], {"pixels": planes})
        wanted = expected(version, pixels, name == "photographs.onnx")
        assert np.ptp(wanted) > 1
        assert np.abs(found - wanted).max() < 1e-3


@pytest.mark.parametrize("photographs", [False, True])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_lines_in_the_card_load_it(
    which: int,
    photographs: bool,
    two_layers: Classifier,
    pixels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = versions(two_layers)[which]
    folder = tmp_path / "out"
    export.write(version, folder)
    monkeypatch.chdir(folder)
    blocks = re.findall(
        r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S
    )
    assert len(blocks[0].splitlines()) == 6
    names: dict = {}
    if not photographs:
        del blocks[1]
    for block in blocks:
        exec(block, names)  # our own card, a few lines above
    names["model"].eval()
    told = json.loads((folder / "config.json").read_text())
    mean, std = (torch.tensor(told["preprocessing"][name]) for name in ("mean", "std"))
    x = ((torch.from_numpy(pixels) / 255 - mean) / std).permute(0, 3, 1, 2)
    with torch.inference_mode():
        found = names.get("logits", names["model"])(x).numpy()
    assert np.abs(found - expected(version, pixels, photographs)).max() < 2e-3
    assert told["classes"] == list(version.classes)
    assert told["version"] == version.version


def test_a_file_that_answers_otherwise_is_not_written(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export.OnnxGraph

    def wrong(bundle, layer=None):
        other = learned_version(classifier, 0)
        return whole(other.bundle, other.head.layer)

    monkeypatch.setattr(export, "OnnxGraph", wrong)
    with pytest.raises(ValueError, match="answers otherwise"):
        export.write(classifier, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(
    classifier: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="is there already"):
        export.write(classifier, tmp_path)
    assert export.main([f"--out={tmp_path}", "--weights=nowhere"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_the_card_opens_as_hugging_face_reads_it(classifier: Classifier) -> None:
    import yaml

    text = export.readme(classifier)
    front = yaml.safe_load(text.split("---")[1])
    assert front["pipeline_tag"] == "image-classification"
    assert front["library_name"] == "torchvision"


def test_the_same_files_come_as_one_zip(classifier: Classifier, tmp_path: Path) -> None:
    version = learned_version(classifier, 2)
    (tmp_path / "model.zip").write_bytes(export.zipped(version))
    export.write(version, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == there
