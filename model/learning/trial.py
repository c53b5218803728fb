"""What learning from a folder of reviewed pictures would be worth on others."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intake.files import read_file
from model.calibration import expected_calibration_error
from model.class_folders import label_files
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from model.learning.home import load_home
from model.learning.reviewed import Labelled, lesson_of, near_groups, read_labelled
from model.learning.teaching import CLASS_PICTURES, own_classes, teach

Floats = NDArray[np.float64]


def samples(folder: Path) -> Iterator[tuple[bytes, str]]:
    """The bytes and label of every file in label folders; b"" where unreadable."""
    for path, label in label_files(folder):
        data = read_file(path)
        yield data if isinstance(data, bytes) else b"", label


def _figures(
    found: Labelled, probabilities: Floats, classes: tuple[str, ...], added: set[str]
) -> dict[str, Any]:
    """Accuracy on the pictures that show a class, in percent.

    A class that was added counts as one before, too, when none of them could be
    right: the two figures are of the same pictures.
    """
    known = np.array([label in {*classes, *added} for label in found.labels], bool)
    if not known.any():
        return {"n": 0, "other_labels": len(known)}
    names = [label for label in found.labels if label in {*classes, *added}]
    truth = np.array([classes.index(n) if n in classes else -1 for n in names])
    some = probabilities[known]
    ranks = (-some).argsort(axis=1, kind="stable")
    right, near = ranks[:, 0] == truth, (ranks[:, :3] == truth[:, None]).any(axis=1)

    def share(flags: NDArray[np.bool_]) -> float:
        return round(100 * float(flags.mean()), 2)

    per_class = {n: np.array([name == n for name in names]) for n in sorted({*names})}
    return {
        "n": len(names),
        "top1": share(right),
        "in_first_three": share(near),
        "ece": round(100 * expected_calibration_error(some, truth), 2),
        "per_class": {n: share(right[own]) for n, own in per_class.items()},
        "per_class_in_first_three": {
            n: share(near[own]) for n, own in per_class.items()
        },
        "other_labels": len(known) - len(names),
    }


def _compared(
    found: Labelled, versions: tuple[Classifier, Classifier]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures before and after, on the same pictures."""
    added = set(versions[1].classes) - set(versions[0].classes)
    before, after = (
        _figures(
            found, v.probabilities(found.outputs, found.photographs), v.classes, added
        )
        for v in versions
    )
    if after["n"]:
        wrong, still = 100 - before["top1"], 100 - after["top1"]
        after["error_times"] = round(still / wrong, 3) if wrong else None
    if added and after["other_labels"]:
        after["others_called_so"] = _called(found, versions[1])
    return before, after


def _called(found: Labelled, after: Classifier) -> dict[str, float]:
    """Of pictures of none of the classes: the percentage that gets each added one."""
    others = np.array([label not in after.classes for label in found.labels], bool)
    part = found.part(others)
    told = after.probabilities(part.outputs, part.photographs).argmax(axis=1)
    return {
        name: round(100 * float((told == index).mean()), 2)
        for index, name in enumerate(after.classes)
        if name not in CLASSES
    }


def _at_home(
    options: argparse.Namespace,
    versions: tuple[Classifier, Classifier],
    report: dict[str, Any],
) -> dict[str, Any] | None:
    """What learning costs elsewhere: on the folder given, else held out at home."""
    if options.home:
        found = read_labelled(versions[0], samples(options.home))
        before, after = _compared(found, versions)
        points = round(after["top1"] - before["top1"], 2) if after["n"] else None
        return {"before": before, "after": after, "points": points}
    held = report["home"]
    if held is None:
        return None
    before, after = (
        100 * held[name] / held["pictures"] for name in ("before", "after")
    )
    return {
        "before": {"n": held["pictures"], "top1": round(before, 2)},
        "after": {"n": held["pictures"], "top1": round(after, 2)},
        "points": round(after - before, 2),
    }


def _not_taught(found: Labelled, classes: tuple[str, ...]) -> dict[str, str]:
    """Labels that are too few to become classes: "12 of 20"."""
    others = sorted(set(found.labels) - set(classes))
    return {n: f"{found.labels.count(n)} of {CLASS_PICTURES}" for n in others}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Learn from one folder, measure on the others.

    Raises:
        BundleError, OSError, ValueError: with the reason.
    """
    classifier = load_classifier(options.weights, options.engine)
    home = load_home(classifier.bundle, options.weights)
    start = time.monotonic()
    reviewed = read_labelled(classifier, samples(options.reviewed))
    groups = near_groups(reviewed.dhashes)
    own = own_classes(reviewed.labels, groups.tolist())
    classes = (*CLASSES, *own)
    lesson, hashes = lesson_of(classifier, reviewed, groups, classes)
    if not len(lesson.labels):
        raise ValueError(f"{options.reviewed} holds nothing to learn from")
    learned = teach(lesson, home, classifier.bundle, hashes, always=True)
    seconds = time.monotonic() - start
    versions = classifier, classifier.with_head(learned.head)
    rest = read_labelled(classifier, samples(options.rest))
    before, after = _compared(rest, versions)
    report = learned.report()
    reviewed_ = report["reviewed"]
    return {
        "version": learned.version,
        "base": classifier.version,
        "reviewed": len(lesson.labels),
        "corrections": int((lesson.seen.logits.argmax(axis=1) != lesson.labels).sum()),
        "added": list(own),
        "not_taught": _not_taught(reviewed, classes),
        "before": before,
        "after": after,
        "held_out": reviewed_,
        "home": _at_home(options, versions, report),
        "held_out_home": report["home"],
        "proposed": report["proposed"],
        "rule": report["rule"],
        "reason": report["reason"],
        "chance": report["chance"],
        "suspects": [hashes[place] for place in report["suspects"]],
        "temperature": report["temperature"],
        "seconds": round(seconds, 1),
    }


def as_text(found: dict[str, Any]) -> str:
    """The figures for a person."""

    def line(name: str, figures: dict[str, Any] | None) -> str:
        if not figures or not figures["before"].get("n"):
            return f"{name}: nothing to measure"
        before, after = figures["before"], figures["after"]
        return (
            f"{name}: {before['top1']:.1f}% before, {after['top1']:.1f}% after"
            f" ({before['n']} pictures)"
        )

    return "\n".join(
        [
            f"{found['reviewed']} reviewed, {found['corrections']} corrected,"
            f" {found['seconds']} s",
            line("The rest", found),
            line("Home", found["home"]),
            ("Worth using. " if found["proposed"] else "Not offered. ")
            + found["reason"],
        ]
    )
