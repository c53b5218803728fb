"""Pictures, weights and classifiers."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Generator, Tensor

from db import Database
from model import train
from model.bulk.work import Worker
from model.bundle import WEIGHTS, known_picture
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from model.head import Layer
from model.learning.fit import Lesson, Seen, fit
from model.learning.home import load_home
from model.learning.teaching import teach
from model.preprocess import are_photographs, to_pixels
from tests.support.lessons import HOME, SCALE, lesson
from tests.support.models import class_folders, picture, publish_random, random_weights
from tests.support.training import FIRST_WEIGHTS, SECOND_WEIGHTS, command


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    return [random_weights(folder / f"{seed}.safetensors", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_random(tmp_path_factory.mktemp("published"))


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(published, tmp_path / "weights"))


@pytest.fixture
def earlier(published: Path, tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """What was published before, which a failure must leave as it was."""
    shutil.copytree(published, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    yield before
    after = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert after == before


@pytest.fixture(scope="module")
def real() -> Classifier:
    return load_classifier(WEIGHTS)


@pytest.fixture(scope="module")
def worker(published: Path) -> Worker:
    """Of a bulk run, without Ray."""
    return Worker(str(published), threads=1)


@pytest.fixture(scope="module")
def weights(published: Path) -> str:
    return f"--weights={published}"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """b.png, a.jpg, sub/c.png, a text file, an empty file and a hidden one."""
    root = tmp_path / "pictures"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    picture(1).save(root / "b.png")
    picture(2, (60, 40)).save(root / "a.jpg")
    picture(3).save(root / "sub" / "c.png")
    picture(4).save(root / ".git" / "hidden.png")
    (root / "notes.txt").write_text("not a picture")
    (root / "empty.png").touch()
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("data") / "train", each=4)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "resnet18.safetensors"
    assert train.main(command(data, out, f"--held-out={data}")) == 0
    return out


@pytest.fixture
def training(tmp_path: Path) -> Path:
    root = tmp_path / "train" / "cat"
    root.mkdir(parents=True)
    for n in range(20):
        picture(n).save(root / f"{n}.png")
    return root.parent


@pytest.fixture
def images() -> Tensor:
    """64 pictures in 0..1, no two pixels of one alike."""
    order = torch.rand(64, 3 * 32 * 32, generator=Generator().manual_seed(0)).argsort(
        dim=1
    )
    return order.view(64, 3, 32, 32) / (3 * 32 * 32 - 1)


@pytest.fixture(scope="module")
def classifier(published: Path) -> Classifier:
    return load_classifier(published)


@pytest.fixture
def two_layers(classifier: Classifier) -> Classifier:
    """A model whose last layer for photographs is the negative of the other."""
    bundle = classifier.bundle
    layer = {n: -bundle.tensors[f"fc.{n}"] for n in ("weight", "bias")}
    bundle = replace(bundle, photograph_layer=layer)
    return Classifier(bundle, classifier.compute)


@pytest.fixture(scope="module")
def learned(published: Path, classifier: Classifier) -> bytes:
    """Two classes of one's own, taught by pictures of two sizes."""
    images = [picture(n, (20 + 40 * (n % 2),) * 2) for n in range(60)]
    outputs = classifier.read(images)
    labels = np.where(np.arange(60) % 3 == 0, 10, np.arange(60) % 2)
    labels[1::6] = 11
    temperatures = classifier.bundle.temperatures(are_photographs(images))
    lesson = Lesson(
        Seen(*outputs, temperatures), labels, (*CLASSES, "kite", "Ärmel"), np.arange(60)
    )
    home = load_home(classifier.bundle, published)
    hashes = [f"{n:064x}" for n in range(60)]
    return teach(lesson, home, classifier.bundle, hashes, always=True).head


@pytest.fixture(scope="module")
def pixels(classifier: Classifier) -> np.ndarray:
    images = [known_picture(), *(picture(n) for n in range(5))]
    return to_pixels(images, classifier.bundle.preprocessing)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    return Database.open(url, CLASSES)


@pytest.fixture(scope="module")
def layer() -> Layer:
    return fit(lesson(), HOME, SCALE)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cars and one truck, wider than high, and three of something else."""
    root = tmp_path_factory.mktemp("photos")
    for name, count in (("in/automobile", 4), ("in/truck", 1), ("out", 3)):
        (root / name).mkdir(parents=True)
        for n in range(count):
            picture(n, (128, 96)).save(root / name / f"{n}.jpg", quality=95)
    return root


@pytest.fixture
def two_weights(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "first", tmp_path / "second"]
    notes = {"recipe": "{}", "seconds": "60"}
    for file, tensors in zip(found, (FIRST_WEIGHTS, SECOND_WEIGHTS), strict=True):
        save_file(tensors, file, metadata=notes)
    return found
