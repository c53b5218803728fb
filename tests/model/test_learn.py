"""`python -m model.learn`: from folders, from the record, and into service."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from db import Database
from model import learn
from model.bundle import load_bundle
from model.classifier import Classifier
from model.evaluate import main as evaluate
from model.learning.reviewed import near_groups
from model.learning.teaching import own_classes
from model.predict import main as predict
from tests.support.models import HOME_PICTURES, picture
from tests.support.reviewed import fill, review
from workflow import resources
from workflow.learned import learn as learn_from_record
from workflow.learner import Learner


def test_from_folders_it_says_what_it_is_worth(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed = fill(tmp_path / "a", {"cat": 20, "ship": 20, "kite": 7}, 0)
    rest = fill(tmp_path / "b", {"cat": 15, "ship": 15, "kite": 4}, 500)
    arguments = ["--reviewed", str(reviewed), "--rest", str(rest)]
    assert learn.main([*arguments, f"--weights={published}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reviewed"] == 40
    assert found["not_taught"] == {"kite": "7 of 20"}
    assert found["before"]["n"] == found["after"]["n"] == 30
    assert found["before"]["other_labels"] == 4
    assert found["after"]["top1"] > found["before"]["top1"] + 30
    assert found["seconds"] < 120
    assert found["reason"]
    assert isinstance(found["proposed"], bool)


def test_a_label_of_ones_own_with_twenty_pictures_is_learned(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed = fill(tmp_path / "a", {"cat": 20, "kite": 20}, 0)
    rest = fill(tmp_path / "b", {"cat": 10, "kite": 10}, 500)
    home = fill(tmp_path / "c", {"ship": 10}, 900)
    arguments = ["--reviewed", str(reviewed), "--rest", str(rest), f"--home={home}"]
    assert learn.main([*arguments, f"--weights={published}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["added"] == ["kite"]
    assert found["before"]["per_class"]["kite"] == 0
    assert found["after"]["per_class_in_first_three"]["kite"] > 80
    assert found["home"]["before"]["n"] == 10


def test_only_corrections_are_refused_and_measured_all_the_same(
    published: Path,
    classifier: Classifier,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = fill(tmp_path / "a", {"cat": 40, "ship": 40}, 0)
    for file in folder.glob("*/*.png"):
        if classifier.predict([Image.open(file)])[0].label == file.parent.name:
            file.unlink()
    rest = fill(tmp_path / "b", {"cat": 5, "ship": 5}, 500)
    arguments = ["--reviewed", str(folder), "--rest", str(rest), "--json"]
    assert learn.main([*arguments, f"--weights={published}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["proposed"], found["rule"]) == (False, "one-sided")
    assert found["after"]["n"] == 10


@pytest.mark.parametrize("what", ["missing", "empty", "one only"])
def test_wrong_folders_are_an_error_in_words(
    what: str, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ["--reviewed", str(tmp_path / what), f"--weights={published}"]
    if what == "one only":
        with pytest.raises(SystemExit):
            learn.main(arguments)
        return
    assert learn.main([*arguments, "--rest", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_from_the_record_it_is_kept_used_and_taken_back(
    published: Path,
    classifier: Classifier,
    record: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = fill(tmp_path / "a", {"cat": 25, "ship": 25}, 0)
    review(record, classifier, folder)
    told: list[float] = []
    kept = learn_from_record(
        record, classifier, published, who="Zoë", progress=told.append
    )
    assert told == sorted(told)
    assert told[-1] == 1
    assert kept.reviewed == 70
    if not kept.kept:
        pytest.fail(kept.learned.verdict.reason)
    (row,) = record.models()
    assert (row.version, row.base) == (kept.learned.version, classifier.version)
    assert row.report["pictures"] == 70
    assert record.serving() is None  # nothing comes into service by itself
    assert learn.main([f"--use={row.version}", f"--weights={published}"]) == 0
    assert record.serving() == row.version
    capsys.readouterr()
    arguments = [str(folder / "cat" / "0.png"), f"--weights={published}", "--json"]
    assert predict([*arguments, f"--model={row.version}"]) == 0
    new = json.loads(capsys.readouterr().out)
    assert predict(arguments) == 0
    old = json.loads(capsys.readouterr().out)
    head = record.model_head(row.version)
    found = classifier.with_head(head).predict([Image.open(folder / "cat" / "0.png")])
    assert new["confidence"] == round(found[0].confidence, 6)
    assert old["probabilities"] != new["probabilities"]
    assert learn.main(["--use=base", f"--weights={published}"]) == 0
    assert record.serving() == classifier.version


def test_the_page_answers_by_the_version_in_service(
    published: Path,
    record: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLASSIFY_WEIGHTS", str(published))
    base = resources.published()
    assert resources.classifier() is base
    review(record, base, fill(tmp_path / "a", {"cat": 25, "ship": 25}, 0))
    kept = learn_from_record(record, base, published)
    version = kept.learned.version
    learn.main([f"--use={version}", f"--weights={published}"])
    image = picture(1)
    served = resources.classifier()
    assert served.version == version
    assert resources.at_work() is served
    head = record.model_head(version)
    assert served.predict([image]) == base.with_head(head).predict([image])
    learn.main(["--use=base", f"--weights={published}"])
    assert resources.classifier() is base
    record.serve("0" * 12, "0" * 12)  # of weights that are gone
    assert resources.classifier() is base


def test_a_version_that_is_not_on_record_cannot_be_used(
    published: Path, record: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn.main(["--use=abc", f"--weights={published}"]) == 1
    assert "no version abc" in capsys.readouterr().err
    assert predict(["x", "--model=abc", f"--weights={published}"]) == 1
    assert "no version abc" in capsys.readouterr().err


def test_evaluate_counts_labels_it_does_not_know_apart(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fill(tmp_path / "a", {"cat": 4, "kite": 3}, 0)
    assert evaluate([f"--data={folder}", f"--weights={published}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["outside"]["n"]) == (4, 3)


def test_labels_become_classes_by_different_pictures() -> None:
    labels = ["kite"] * 30 + ["cat"] * 30 + ["boat"] * 19
    assert own_classes(labels, range(79)) == {"kite": 30}
    assert own_classes(labels, [n % 4 for n in range(79)]) == {}


def test_near_copies_are_in_one_group_and_plain_pictures_in_none() -> None:
    found = near_groups([0b1111, 2**64 - 1, 0b0111, None, None, 2**64 - 2])
    assert found.tolist() == [0, 1, 0, 3, 4, 1]


def test_home_pictures_are_what_the_bundle_says(published: Path) -> None:
    assert load_bundle(published).card["home"]["pictures"] == HOME_PICTURES


def wait_for(learner: Learner, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while learner.progress.running and time.monotonic() < end:
        time.sleep(0.1)
    assert not learner.progress.running


def test_it_learns_beside_the_page_one_at_a_time(
    published: Path, classifier: Classifier, record: Database, tmp_path: Path
) -> None:
    review(record, classifier, fill(tmp_path / "a", {"cat": 25, "ship": 25}, 0))
    learner = Learner(published)
    assert learner.start("Zoë")
    assert not learner.start("Ann")
    wait_for(learner)
    found = learner.progress
    assert found.error == ""
    assert found.found
    assert found.found["pictures"] == 70
    assert [row.who for row in record.models()] == ["Zoë"]


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_stopped_on_the_way_it_leaves_nothing(
    how: str, published: Path, classifier: Classifier, record: Database, tmp_path: Path
) -> None:
    review(record, classifier, fill(tmp_path / "a", {"cat": 25, "ship": 25}, 0))
    learner = Learner(published)
    learner.start()
    end = time.monotonic() + 100
    while not learner.progress.share and time.monotonic() < end:
        time.sleep(0.02)
    if how == "cancel":
        learner.cancel()
    else:
        assert learner._child
        os.kill(learner._child.pid, signal.SIGKILL)
    wait_for(learner)
    assert learner.progress.found is None
    assert learner.progress.error
    assert record.models() == []
    assert record.serving() is None


def test_what_goes_wrong_is_told_in_words(record: Database, tmp_path: Path) -> None:
    learner = Learner(tmp_path)
    learner.start()
    wait_for(learner)
    assert "is missing" in learner.progress.error


def test_too_little_is_told_without_a_fit(
    published: Path, classifier: Classifier, record: Database, tmp_path: Path
) -> None:
    review(record, classifier, fill(tmp_path / "a", {"cat": 2}, 0), confirmed=3)
    kept = learn_from_record(record, classifier, published)
    assert kept.learned.verdict.rule == "few"
    assert not kept.kept
    assert record.models() == []


@pytest.mark.long
def test_killed_while_it_comes_into_service_it_serves_or_does_not(
    published: Path, classifier: Classifier, record: Database, tmp_path: Path
) -> None:
    """A kill at any moment leaves a whole record, and the next try succeeds."""
    review(record, classifier, fill(tmp_path / "a", {"cat": 25, "ship": 25}, 0))
    version = learn_from_record(record, classifier, published).learned.version
    command = [sys.executable, "-m", "model.learn", f"--weights={published}"]
    start = time.monotonic()
    subprocess.run([*command, f"--use={version}"], check=True, capture_output=True)
    whole = time.monotonic() - start
    for share in (0.5, 0.8, 0.9, 1.0):
        before = len(record.services())
        child = subprocess.Popen([*command, "--use=base"])
        time.sleep(share * whole)
        child.kill()
        child.wait()
        assert len(record.services()) in (before, before + 1)
        assert record.serving() in (version, classifier.version)
        record.serve(version, classifier.version)
        assert record.serving() == version
