"""Pictures, weights and classifiers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from model import train
from model.bundle import WEIGHTS
from model.classifier import Classifier, load_classifier
from tests.support.models import picture, publish_random, random_weights
from tests.support.training import command


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
