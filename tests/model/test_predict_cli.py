"""`python -m model.predict`: a line for every file, whatever the files are."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from intake.decode import MAX_BYTES
from intake.files import Found, read_file
from model import predict
from model.classes import CLASSES
from model.classifier import load_classifier
from tests.support.models import picture
from tests.support.paths import ROOT
from tests.support.waiting import patient


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_folders_are_searched_in_order_and_bad_files_end_nothing(
    pictures: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(pictures / "missing.png")
    arguments = [missing, str(pictures), weights, "--json"]
    assert predict.main(arguments) == 1  # a path that was given is not there
    found = lines(capsys)
    names = ["a.jpg", "b.png", "empty.png", "notes.txt", "sub/c.png"]
    assert [line["path"] for line in found] == [
        missing,
        *(str(pictures / name) for name in names),
    ]
    assert [bool(line["error"]) for line in found] == [1, 0, 0, 1, 1, 0]
    assert "No such file" in found[0]["error"]


def test_a_name_too_long_and_a_folder_that_is_shut_are_lines(
    pictures: Path,
    weights: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, shut = os.scandir, str(pictures / "sub")

    def scandir(path: str):
        if str(path) == shut:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert predict.main(["x" * 300, str(pictures), weights, "--json"]) == 1
    monkeypatch.undo()
    found = {line["path"]: line["error"] for line in lines(capsys)}
    assert found["x" * 300] == "File name too long."
    assert found[shut]
    assert found[str(pictures / "b.png")] is None
    assert len(found) == 6


def test_an_empty_folder_is_told(
    tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main([str(tmp_path), weights]) == 1
    assert capsys.readouterr().err == "error: there are no files\n"


def test_json_holds_what_the_classifier_says(
    pictures: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predict.main(
        [str(pictures / "b.png"), str(pictures / "notes.txt"), weights, "--json"]
    )
    good, bad = lines(capsys)
    classifier = load_classifier(Path(weights.partition("=")[2]))
    (expected,) = classifier.predict([picture(1)])
    assert good["label"] == expected.label
    assert good["confidence"] == pytest.approx(expected.confidence, abs=1e-6)
    assert list(good["probabilities"]) == list(CLASSES)
    assert list(good["probabilities"].values()) == pytest.approx(
        expected.probabilities, abs=1e-6
    )
    assert good["scope_score"] == pytest.approx(expected.scope_score, abs=1e-6)
    assert good["in_scope"] is expected.in_scope
    assert good["error"] is None
    assert set(bad) == set(good)
    assert bad["scope_score"] is bad["in_scope"] is None
    assert bad["label"] is bad["confidence"] is bad["probabilities"] is None


def test_text_is_one_line_a_file(
    pictures: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = pictures / "two\nlines\x1b[31m.png"
    picture(5).save(nasty)
    assert predict.main([str(nasty), str(pictures / "empty.png"), weights]) == 0
    good, bad = capsys.readouterr().out.splitlines()
    assert good.split()[0] in CLASSES
    assert "%" in good
    assert good.endswith(r"two\nlines\x1b[31m.png")
    assert bad.startswith("error ")


def test_a_name_that_is_not_unicode_is_a_line_too(pictures: Path, weights: str) -> None:
    odd = os.fsencode(pictures) + b"/\xff.png"
    (pictures / "b.png").rename(os.fsdecode(odd))
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "model.predict", odd, weights, *more],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"\n") == 1


def test_the_status_says_whether_anything_was_classified(
    pictures: Path, tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main([str(pictures / "empty.png"), weights]) == 1
    assert predict.main([str(pictures / "nowhere"), "\0", weights]) == 1
    assert capsys.readouterr().out.count("error ") == 3
    assert predict.main([str(pictures), f"--weights={tmp_path}"]) == 1
    assert "is missing" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        predict.main([])


def test_a_pipe_is_not_waited_for(
    tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert predict.main([str(tmp_path), weights]) == 1
    assert "not a file" in capsys.readouterr().out


def test_a_huge_file_is_not_read_whole(tmp_path: Path, weights: str) -> None:
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(50 * 2**30)  # sparse: takes no room
    found = read_file(huge)
    assert isinstance(found, bytes)
    assert len(found) == MAX_BYTES + 1
    (line,) = predict.classify_files(
        load_classifier(Path(weights.partition("=")[2])), [Found(huge)]
    )
    assert line.error


def test_lines_come_as_they_are_known(
    pictures: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "CHUNK", 2)
    asked = []

    def paths():
        for _ in range(10):
            asked.append(1)
            yield Found(pictures / "b.png")

    classifier = load_classifier(Path(weights.partition("=")[2]))
    next(iter(predict.classify_files(classifier, paths())))
    assert len(asked) == 2


def test_a_reader_that_leaves_is_no_error(pictures: Path, weights: str) -> None:
    command = [sys.executable, "-m", "model.predict", weights]
    process = subprocess.Popen(
        [*command, *[str(pictures / "b.png")] * 100],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(patient(60))
