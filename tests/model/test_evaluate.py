"""Figures: each one checked against a case whose answer is known beforehand."""

import errno
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import inference
from model import evaluate
from model.calibration import (
    expected_calibration_error,
    fit_temperature,
    left_out,
    negative_log_likelihood,
    reliability,
    softmax,
)
from model.classes import CLASSES
from model.classifier import load_classifier
from model.evaluate import Readings, report
from tests.support.models import class_folders


def pair(confidence: float) -> list[float]:
    """Probabilities of ten classes, the first with this confidence."""
    return [confidence] + [(1 - confidence) / 9] * 9


def test_calibration_error_by_hand() -> None:
    # 0.95: two of four right, a gap of 0.45. 0.75: one of one, a gap of 0.25.
    probabilities = np.array([pair(0.95)] * 4 + [pair(0.75)])
    labels = np.array([0, 0, 1, 1, 0])
    expected = (4 * 0.45 + 1 * 0.25) / 5
    assert math.isclose(expected_calibration_error(probabilities, labels), expected)


def test_gaps_within_one_bin_cancel_and_across_bins_do_not() -> None:
    labels = np.array([0, 1])
    within = np.array([pair(0.52), pair(0.50)])
    across = np.array([pair(0.90), pair(0.12)])
    assert math.isclose(expected_calibration_error(within, labels), 0.01)
    assert math.isclose(expected_calibration_error(across, labels), 0.11)


def test_confidence_of_one_and_of_an_edge_have_a_bin() -> None:
    ones = np.eye(10)[[0, 1, 2]]
    assert expected_calibration_error(ones, np.array([0, 1, 2])) == 0
    assert expected_calibration_error(ones, np.array([1, 2, 3])) == 1
    edge = np.array([pair(6 / 15)])
    assert math.isclose(expected_calibration_error(edge, np.array([0])), 9 / 15)


def test_the_reliability_diagram_adds_up_to_the_error() -> None:
    draw = np.random.default_rng(1)
    probabilities = softmax(draw.normal(0, 2, (500, 10)))
    labels = draw.integers(0, 10, 500)
    rows = reliability(probabilities, labels)
    assert len(rows) == 15
    assert rows[0] == {"n": 0, "confidence": None, "accuracy": None}
    assert sum(row["n"] for row in rows) == 500
    gaps = [r["n"] * abs(r["confidence"] - r["accuracy"]) for r in rows if r["n"]]
    error = expected_calibration_error(probabilities, labels)
    assert sum(gaps) / 500 == pytest.approx(100 * error, abs=0.01)


def test_softmax_survives_large_logits() -> None:
    found = softmax(np.array([[1e4, 0, -1e4], [0, 0, 0]]))
    assert found[0].tolist() == [1, 0, 0]
    assert np.allclose(found[1], 1 / 3)


def test_likelihood_is_exact_where_the_probability_underflows() -> None:
    logits = np.array([[0.0, 5000.0]])
    assert negative_log_likelihood(logits, np.array([0])) == 5000


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(true: float) -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (20_000, 10))
    chances = softmax(logits, true).cumsum(axis=1)
    labels = (draw.random((len(logits), 1)) > chances).sum(axis=1).clip(0, 9)
    found = fit_temperature(logits, labels)
    assert math.isclose(found, true, rel_tol=0.03)
    best = negative_log_likelihood(logits, labels, found)
    for other in (found * 0.99, found * 1.01):
        assert negative_log_likelihood(logits, labels, other) > best
    assert expected_calibration_error(softmax(logits, found), labels) < 0.02


def test_every_row_may_have_a_temperature_of_its_own() -> None:
    logits = np.array([[2.0, 0, 0], [2.0, 0, 0]])
    both, labels = np.array([1.0, 4.0]), np.array([0, 1])
    found = softmax(logits, both)
    assert np.allclose(found[:1], softmax(logits[:1], 1.0))
    assert np.allclose(found[1:], softmax(logits[1:], 4.0))
    nll = negative_log_likelihood(logits, labels, both)
    assert math.isclose(nll, -np.log(found[[0, 1], labels]).mean())


def test_a_picture_left_out_does_not_count_in_its_own_temperature() -> None:
    logits = np.tile([4.0, 0, 0], (20, 1))
    labels = np.zeros(20, np.int64)
    labels[0] = 1  # the only mistake: without it the others could not be too sure
    found = left_out(logits, labels)
    others = fit_temperature(logits[1:], labels[1:])
    assert np.allclose(found[0], softmax(logits[:1], others)[0])
    assert found[0, 0] > 0.99 > found[1, 0] > 0.9


def readings(found: list[str], true: list[str], refused: int = 0) -> Readings:
    logits = np.zeros((len(found), 10), np.float32)
    logits[np.arange(len(found)), [CLASSES.index(name) for name in found]] = 9
    labels = np.array([CLASSES.index(n) for n in true], np.int64)
    features = np.zeros((len(true), 4), np.float32)
    return Readings(logits, features, features, labels, labels < 0, refused)


def test_accuracy_over_pictures_and_over_classes() -> None:
    figures = report(
        readings(["cat", "cat", "dog", "dog"], ["cat", "cat", "cat", "dog"], 3), 1.0
    )
    assert figures.n == 4
    assert figures.top1 == 75
    assert figures.per_class == pytest.approx({"cat": 200 / 3, "dog": 100})
    assert math.isclose(figures.macro, (200 / 3 + 100) / 2)
    assert figures.refused == 3


def test_no_pictures_are_no_figures() -> None:
    with pytest.raises(ValueError, match="none of the files"):
        report(readings([], [], 5), 1.0)


def test_the_command_line_measures_what_the_classifier_answers(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data")
    (data / "cat" / "notes.txt").write_text("not a picture")
    arguments = [f"--data={data}", f"--weights={published}"]
    assert evaluate.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    figures = {"n", "top1", "macro", "ece", "per_class", "refused", "outside"}
    assert set(found) == figures
    assert (found["n"], found["refused"]) == (20, 1)

    classifier = load_classifier(published)
    pictures = [
        (image, label)
        for image, label in evaluate.decode(evaluate.folder_samples(data))
        if image
    ]
    predictions = classifier.predict([image for image, _ in pictures])
    right = [
        CLASSES[label] == prediction.label
        for (_, label), prediction in zip(pictures, predictions, strict=True)
    ]
    assert found["top1"] == 100 * sum(right) / 20

    assert evaluate.main(arguments) == 0
    text = capsys.readouterr().out
    assert f"{found['top1']:.2f}%" in text
    assert "20 pictures, 1 more could not be read" in text


def test_what_is_none_of_the_ten_is_measured_apart(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data", each=2, names=["cat", "dog", "tractor"])
    (data / "tractor" / "cut.png").write_bytes(b"x")
    (data / "none of these").mkdir()
    arguments = [f"--data={data}", f"--weights={folder}"]
    assert evaluate.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    files = sorted((data / "tractor").glob("[0-9].png"))
    answers = load_classifier(folder).predict([Image.open(file) for file in files])
    flagged = sum(not answer.in_scope for answer in answers)
    assert (found["n"], set(found["per_class"])) == (4, {"cat", "dog"})
    assert found["outside"] == {
        "n": 2,
        "flagged": 50.0 * flagged,
        "refused": 1,
        "folders": ["tractor"],
    }
    assert evaluate.main(arguments) == 0
    said = capsys.readouterr().out
    told = "2 pictures of labels it does not know (tractor), 1 more could not be read"
    assert told in said


def test_a_file_that_cannot_be_opened_is_counted_apart(
    published: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = class_folders(tmp_path / "data", each=1)
    shut, real = next((data / "cat").iterdir()), Path.open

    def opened(path: Path, *more, **options):
        if path == shut:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *more, **options)

    monkeypatch.setattr(Path, "open", opened)
    assert evaluate.main([f"--data={data}", f"--weights={published}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = sum(1 for path in data.rglob("*") if path.is_file()) - 1
    assert (found["n"], found["refused"]) == (whole, 1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "not a folder"),
        (lambda root: root.mkdir(), "no pictures"),
        (lambda root: (root / "cat").mkdir(parents=True), "no pictures"),
        (lambda root: (root / "unicorn").mkdir(parents=True), "ten classes"),
    ],
    ids=["missing", "empty", "empty class", "unknown class"],
)
def test_a_folder_that_cannot_be_measured_is_told(
    make, says: str, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "data")
    arguments = [f"--data={tmp_path / 'data'}", f"--weights={published}"]
    assert evaluate.main(arguments) == 1
    assert says in capsys.readouterr().err


def test_a_missing_bundle_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data", each=1)
    assert evaluate.main([f"--data={data}", f"--weights={tmp_path}"]) == 1
    assert "is missing" in capsys.readouterr().err


def test_cifar10_itself_comes_through_the_same_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)

    class Downloaded:
        def __init__(self, root: str, train: bool, download: bool) -> None:
            assert (root, train, download) == (str(tmp_path), False, True)
            self.data, self.targets = pixels, [3, 1, 4]

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Downloaded)
    decoded = list(evaluate.decode(evaluate.cifar10_samples(tmp_path)))
    assert [label for _, label in decoded] == [3, 1, 4]
    assert np.array_equal([np.asarray(image) for image, _ in decoded], pixels)


def test_the_benchmark_compares_every_engine_with_the_naive_one(
    published: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "BATCHES", (1, 2))
    assert inference.main([f"--weights={published}", "--rounds=1", "--json"]) == 0
    timings = json.loads(capsys.readouterr().out)["timings"]
    assert len(timings) == 2 * len({t["engine"] for t in timings}) >= 14
    for batch in (1, 2):
        rows = {t["engine"]: t for t in timings if t["batch"] == batch}
        naive = rows[inference.NAIVE]
        assert naive["ratio"] == 1
        for row in rows.values():
            assert math.isclose(row["ratio"], naive["ms"] / row["ms"])
            assert math.isclose(row["images_per_second"], 1000 * batch / row["ms"])
