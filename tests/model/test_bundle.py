"""The model on disk: nothing but the very bundle that was published ever loads."""

import hashlib
import json
import os
import pickle
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from intake.pictures import read_picture
from model import publish
from model.bundle import (
    CARD_FILE,
    PHOTOGRAPHS_FILE,
    SCOPE_FILE,
    WEIGHTS,
    WEIGHTS_FILE,
    BundleError,
    activation_names,
    expected_shapes,
    load_bundle,
)
from model.classes import CLASSES
from model.classifier import load_classifier
from model.evaluate import folder_samples
from model.out_of_distribution import METHODS
from model.preprocess import Preprocessing
from model.publishing import fitting, synthetic
from model.publishing.card_text import readme
from tests.support.models import class_folders, edit_card, picture, random_weights


class Trap:
    """Leaves a trace if it is ever unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (os.environ["TRAP"],)


def overwrite(folder: Path, data: bytes, *, believed: bool = False) -> None:
    """Replace the weights; `believed` also makes the card vouch for them."""
    (folder / WEIGHTS_FILE).write_bytes(data)
    if believed:
        card = json.loads((folder / CARD_FILE).read_text())
        sha256 = hashlib.sha256(data).hexdigest()
        edit_card(folder, weights=card["weights"] | {"sha256": sha256})


def edit_tensors(folder: Path, **changes: np.ndarray | None) -> None:
    """Save other tensors under a card that vouches for them; None removes one."""
    file = folder / WEIGHTS_FILE
    tensors = load_file(file) | changes
    save_file({k: v for k, v in tensors.items() if v is not None}, file)
    overwrite(folder, file.read_bytes(), believed=True)


def edit_scope(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    edit_card(folder, scope=card["scope"] | changes)


def bit_flipped(data: bytes) -> bytes:
    return data[:-1000] + bytes([data[-1000] ^ 0x10]) + data[-999:]


def nan() -> np.ndarray:
    return np.full(10, np.nan, np.float16)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda f: (f / WEIGHTS_FILE).unlink(), "is missing"),
    "folder missing": (shutil.rmtree, "is missing"),
    "empty": (lambda f: overwrite(f, b""), "is empty"),
    "html": (lambda f: overwrite(f, b"<!DOCTYPE html><p>404"), "is a web page"),
    "LFS pointer": (
        lambda f: overwrite(f, b"version https://git-lfs.github.com/spec/v1\n"),
        "Git LFS pointer",
    ),
    "truncated": (
        lambda f: overwrite(f, (f / WEIGHTS_FILE).read_bytes()[:-100]),
        "is damaged",
    ),
    "truncated, believed": (
        lambda f: overwrite(f, (f / WEIGHTS_FILE).read_bytes()[:-100], believed=True),
        "safetensors format",
    ),
    "bit flipped": (
        lambda f: overwrite(f, bit_flipped((f / WEIGHTS_FILE).read_bytes())),
        "is damaged",
    ),
    "pickle": (lambda f: overwrite(f, pickle.dumps(Trap())), "pickle"),
    "pickle, believed": (
        lambda f: overwrite(f, pickle.dumps(Trap()), believed=True),
        "safetensors format",
    ),
    "wrong shape": (
        lambda f: edit_tensors(f, **{"fc.weight": np.zeros((100, 512), np.float16)}),
        "another network",
    ),
    "tensor missing": (
        lambda f: edit_tensors(f, **{"fc.bias": None}),
        "another network",
    ),
    "NaN": (lambda f: edit_tensors(f, **{"fc.bias": nan()}), "not numbers"),
    "a folder": (
        lambda f: ((f / WEIGHTS_FILE).unlink(), (f / WEIGHTS_FILE).mkdir()),
        "cannot be read",
    ),
    "card missing": (lambda f: (f / CARD_FILE).unlink(), "is missing"),
    "card of other weights": (
        lambda f: edit_card(f, weights={"sha256": "0" * 64}),
        "not the one its card was made for",
    ),
    "card not JSON": (lambda f: (f / CARD_FILE).write_bytes(b"\xff{"), "not the JSON"),
    "card too deep": (
        lambda f: (f / CARD_FILE).write_text("[" * 99999),
        "not the JSON",
    ),
    "card a list": (lambda f: (f / CARD_FILE).write_text("[1]"), "not arranged"),
    "card null": (lambda f: (f / CARD_FILE).write_text("null"), "not arranged"),
    "card keyless": (lambda f: edit_card(f, temperature=None), "'temperature'"),
    "card nested wrong": (lambda f: edit_card(f, preprocessing=3), "not arranged"),
    "older format": (lambda f: edit_card(f, format=1, scope=None), "format is not"),
    "layer missing": (lambda f: (f / PHOTOGRAPHS_FILE).unlink(), "is missing"),
    "layer damaged": (
        lambda f: (f / PHOTOGRAPHS_FILE).write_bytes(
            bit_flipped((f / PHOTOGRAPHS_FILE).read_bytes())
        ),
        "is damaged",
    ),
    "scope missing": (lambda f: (f / SCOPE_FILE).unlink(), "is missing"),
    "scope damaged": (
        lambda f: (f / SCOPE_FILE).write_bytes(
            bit_flipped((f / SCOPE_FILE).read_bytes())
        ),
        "is damaged",
    ),
    "no scope": (lambda f: edit_card(f, scope=None), "'scope'"),
    "unknown score": (lambda f: edit_scope(f, method="guess"), "scope.method"),
    "no threshold": (lambda f: edit_scope(f, threshold="low"), "scope.threshold"),
    "other classes": (lambda f: edit_card(f, classes=list(CLASSES[::-1])), "classes"),
    "no temperature": (lambda f: edit_card(f, temperature=0), "temperature"),
    "none for photographs": (
        lambda f: edit_card(f, photograph_temperature=-1),
        "temperature",
    ),
    "infinite": (lambda f: edit_card(f, temperature=float("inf")), "temperature"),
}


@pytest.mark.threat("F49")
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_in_one_sentence_that_says_what_to_do(
    kind: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAP", str(tmp_path / "trap"))
    damage, says = DAMAGE[kind]
    damage(folder)
    with pytest.raises(BundleError) as caught:
        load_classifier(folder)
    message = str(caught.value)
    assert says in message
    assert message.endswith("`python -m model.publish`.")
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert not (tmp_path / "trap").exists()


PREPROCESSING = (
    ("size", 64),
    ("views", ["upside-down"]),
    ("views", ["crop-80", "squash", "crop", "crop-mirrored"]),
    ("looks", 9),
    ("sure", 1.5),
    ("filter", "nearest"),
    ("std", [0.2, 0.2, 0]),
    ("mean", [0.5, 0.5]),
)


@pytest.mark.threat("F49")
@pytest.mark.parametrize(("key", "value"), PREPROCESSING)
def test_preprocessing_this_program_cannot_do_is_refused(
    key: str, value: object, folder: Path
) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    changed = card["preprocessing"] | {key: value}
    edit_card(folder, preprocessing=changed)
    with pytest.raises(BundleError, match=key):
        load_bundle(folder)


@pytest.mark.threat("F49")
def test_weights_that_fit_but_answer_otherwise_fail_the_known_picture(
    folder: Path,
) -> None:
    bias = np.zeros(10, np.float16)
    bias[3] = 30
    edit_tensors(folder, **{"fc.bias": bias})
    load_bundle(folder)  # nothing else is wrong with it
    with pytest.raises(BundleError, match="known picture"):
        load_classifier(folder)


@pytest.mark.threat("F49")
def test_unreadable_weights_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BundleError, match=r"cannot be read \(Permission denied\)"):
        load_bundle(folder)


def test_the_version_names_all_that_an_answer_depends_on(folder: Path) -> None:
    """Else what one temperature promised would be held against another."""
    before = load_bundle(folder).version
    assert re.fullmatch(r"[0-9a-f]{12}", before)
    edit_card(folder, name="Renamed", figures={})
    assert load_bundle(folder).version == before
    versions = {before}
    for change in ({"temperature": 1.5}, {"photograph_temperature": 1.5}):
        edit_card(folder, **change)
        versions.add(load_bundle(folder).version)
    edit_scope(folder, threshold=0.123)
    versions.add(load_bundle(folder).version)
    assert len(versions) == 4


def test_shapes_and_activations_are_those_of_the_network(published: Path) -> None:
    from model.graph import Graph
    from model.network import build_network

    state = build_network().state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    shapes = {k: tuple(v.shape) for k, v in state.items() if k not in counters}
    assert expected_shapes() == shapes
    bundle = load_bundle(published)
    graph = Graph(bundle.tensors, bundle.preprocessing)
    assert list(graph.activations) == activation_names()


def command(tmp_path: Path) -> list[str]:
    if not (tmp_path / "data").exists():
        class_folders(tmp_path / "data")
        class_folders(tmp_path / "train", names=CLASSES)
        random_weights(tmp_path / "trained.safetensors")
    return [
        f"--weights={tmp_path / 'trained.safetensors'}",
        f"--data={tmp_path / 'train'}",
        f"--held-out={tmp_path / 'data'}",
        f"--out={tmp_path / 'out'}",
    ]


def photographs(tmp_path: Path) -> Path:
    """Of the ten and of other things, larger than the network's pictures."""
    for name in ("in/cat", "in/truck", "out"):
        folder = tmp_path / "val" / name
        folder.mkdir(parents=True)
        for n in range(10):
            picture(n + len(name), (64, 48)).save(folder / f"{n}.png")
    return tmp_path / "val"


@pytest.mark.long
def test_publish_makes_a_bundle_that_loads_with_figures_and_readme(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    arguments = command(tmp_path)
    sets = [f"--test={data}", f"--photos={data}", f"--outside={tmp_path / 'train'}"]
    more = [f"--val={photographs(tmp_path)}", *sets, "--machine=one abacus"]
    assert publish.main([*arguments, *more]) == 0
    card = load_classifier(tmp_path / "out").bundle.card
    assert {name: f["n"] for name, f in card["figures"].items()} == {
        "held_out": 20,
        "val": 20,
        "test": 20,
        "photographs": 20,
    }
    assert card["training"]["machine"] == "one abacus"
    for found in card["figures"].values():  # eight bits lose a picture in twenty or so
        assert abs(found["top1_float32"] - found["top1"]) <= 10
    text = (tmp_path / "out" / "README.md").read_text()
    assert text == readme(card)
    assert card["weights"]["sha256"] in text
    assert f"{card['figures']['test']['top1']:.2f}%" in text
    assert "squash + crop" in text
    assert [n for n, f in card["figures"].items() if "ece_left_out" in f] == ["val"]
    assert "wrote" in capsys.readouterr().out


@pytest.mark.long
def test_the_card_says_how_the_flag_was_chosen_and_what_it_does(
    tmp_path: Path,
) -> None:
    arguments = command(tmp_path)
    outside = tmp_path / "train"
    val = photographs(tmp_path)
    more = [f"--val={val}", f"--outside={outside}", "--scope=energy"]
    assert publish.main([*arguments, *more]) == 0
    bundle = load_classifier(tmp_path / "out").bundle
    entry = bundle.card["scope"]
    assert entry["method"] == bundle.scope.method == "energy"
    assert entry["outside"] == {
        "val": 10,
        "photographs": len(list(outside.rglob("*.png"))),
    }
    assert {row["method"] for row in entry["compared"]} > set(METHODS) - {"learned"}
    passing = set(entry["outside_that_passes"])
    assert passing == {"val", "photographs", *synthetic.KINDS}
    shares = [bundle.card["figures"][name]["in_scope"] for name in ("held_out", "val")]
    assert min(shares) in (95, 100)  # of 20 or 40, and the one on the line
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| energy (used) |" in text


def test_the_flag_learns_from_the_photographs_of_training(tmp_path: Path) -> None:
    arguments, val = command(tmp_path), photographs(tmp_path)
    more = [f"--val={val}", f"--trained-photos={val}"]
    assert publish.main([*arguments, *more]) == 0
    scope = load_classifier(tmp_path / "out").bundle.scope
    assert scope.method == "learned"
    assert np.abs(scope.weights).max() > 0
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| learned from photographs (used) |" in text


def test_a_learned_flag_needs_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish.main([*command(tmp_path), "--scope=learned"]) == 1
    assert "--trained-photos" in capsys.readouterr().err


def test_a_held_out_picture_counts_crisp_and_as_jpeg(tmp_path: Path) -> None:
    samples = list(folder_samples(class_folders(tmp_path / "data", each=1)))
    both = list(fitting.with_jpeg_twins(samples))
    assert both[::2] == samples
    assert [twin.label for twin in both[1::2]] == [sample.label for sample in samples]
    for crisp, twin in zip(both[::2], both[1::2], strict=True):
        before, after = read_picture(crisp.data), read_picture(twin.data)
        assert (before.format, after.format) == ("PNG", "JPEG")
        gap = np.abs(np.subtract(before.image, after.image, dtype=np.int16))
        assert 0 < gap.mean() < 12


def test_small_photographs_weigh_in_the_temperature(tmp_path: Path) -> None:
    """Guesses get the highest temperature; pictures named as guessed lower it."""
    weights, _ = publish.half_precision(random_weights(tmp_path / "w.safetensors"))
    held_out = class_folders(tmp_path / "held-out")
    draft = publish.draft_bundle(weights, Preprocessing())
    alone = fitting.calibrated(draft, held_out)
    for n, file in enumerate(sorted(held_out.rglob("*.png"))):
        image = read_picture(file.read_bytes()).image
        folder = tmp_path / "photos" / alone.predict([image])[0].label
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{n}.png")
    both = fitting.calibrated(draft, held_out, tmp_path / "photos")
    assert both.bundle.temperature < 0.9 * alone.bundle.temperature


def test_photographs_settle_a_temperature_of_their_own(tmp_path: Path) -> None:
    weights, _ = publish.half_precision(random_weights(tmp_path / "w.safetensors"))
    draft = publish.draft_bundle(weights, Preprocessing())
    held_out = class_folders(tmp_path / "held-out")
    alone = fitting.calibrated(draft, held_out)
    assert alone.bundle.photograph_temperature == alone.bundle.temperature
    for n in range(9):
        folder = tmp_path / "photos" / alone.predict([picture(n, (80, 80))])[0].label
        folder.mkdir(parents=True, exist_ok=True)
        picture(n, (80, 80)).save(folder / f"{n}.png")
    found = fitting.calibrated(draft, held_out, tmp_path / "photos").bundle
    # Right each time, as they are named as guessed: they may be as sure as they like.
    assert 10 * found.photograph_temperature < found.temperature


def test_a_class_without_training_pictures_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(tmp_path)
    shutil.rmtree(tmp_path / "train" / "cat")
    assert publish.main(arguments) == 1
    assert "every one of the classes" in capsys.readouterr().err


def test_the_same_weights_publish_as_the_same_bytes(tmp_path: Path) -> None:
    file = random_weights(tmp_path / "trained.safetensors")
    assert publish.half_precision(file)[0] == publish.half_precision(file)[0]


@pytest.mark.usefixtures("earlier")
def test_weights_beyond_half_precision_are_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(tmp_path)
    file = tmp_path / "trained.safetensors"
    save_file(load_file(file) | {"fc.bias": np.full(10, 1e9, np.float32)}, file)
    assert publish.main(arguments) == 1
    assert "half precision" in capsys.readouterr().err


@pytest.mark.usefixtures("earlier")
def test_a_bundle_that_does_not_load_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"probabilities": [0.1] * 9 + [9.0], "small": [0.1] * 10}
    monkeypatch.setattr(publish, "known_probabilities", lambda _: wrong)
    assert publish.main(command(tmp_path)) == 1
    assert "known picture" in capsys.readouterr().err


@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize("wrong", ["--weights=nowhere", "--held-out=nowhere"])
def test_publish_says_what_is_missing(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish.main([*command(tmp_path), wrong]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_write_cut_short_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "card"
    publish.write_atomically(file, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        publish.write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["card"]


def test_published_files_may_be_read_by_everyone(published: Path) -> None:
    for file in published.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & stat.S_IRUSR


def test_the_bundle_in_this_repository_loads_and_its_readme_fits() -> None:
    bundle = load_classifier(WEIGHTS).bundle
    assert (WEIGHTS / "README.md").read_text() == readme(bundle.card)
    assert bundle.card["figures"]["test"]["n"] > 4000
