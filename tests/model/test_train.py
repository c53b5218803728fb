"""Training: it learns, it can be put down and taken up, and a seed fixes it."""

import hashlib
import json
import urllib.error
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import resnet18

from model import train
from model.bundle import expected_shapes
from model.network import build_network, features, load_matching
from model.train import Run
from model.training.data import Labelled, load_folder
from model.training.epochs import Batch, Epoch
from model.training.recipe import Recipe, parse_parts
from tests.support.training import command


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) for k in one
    )


def test_training_writes_weights_with_their_provenance(whole: Path) -> None:
    weights = load_file(whole)
    shapes = {k: tuple(v.shape) for k, v in weights.items() if k in expected_shapes()}
    assert shapes == expected_shapes()
    assert all(v.dtype == torch.float16 for k, v in weights.items() if k in shapes)
    with safe_open(whole, "np") as file:
        about = file.metadata()
    recipe = json.loads(about["recipe"])
    assert (recipe["stages"], recipe["batch_size"]) == ([[1, 8], [1, 16]], 8)
    assert about["data"] == "20 labelled pictures"
    assert about["start"] == ""
    assert int(about["seconds"]) >= 0
    assert "CPU core" in about["machine"]


def test_the_same_seed_gives_the_same_weights(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.safetensors"
    assert train.main(command(data, again)) == 0
    assert same(load_file(again), load_file(whole))


def first_batch(pictures: Labelled, recipe: Recipe) -> Batch:
    unseen = torch.full((len(pictures),), torch.inf)
    return next(iter(Epoch(pictures, unseen, recipe, 0)))


def test_another_seed_begins_and_goes_on_otherwise(data: Path, tmp_path: Path) -> None:
    pictures = load_folder(data)
    recipes = [Recipe(seed=seed, batch_size=8) for seed in (0, 1, 0)]
    nothing = tmp_path / "none"
    starts = [Run(recipe, 20, nothing).weights() for recipe in recipes]
    views = [first_batch(pictures, recipe).images for recipe in recipes]
    assert same(starts[0], starts[2])
    assert not same(starts[0], starts[1])
    assert torch.equal(views[0], views[2])
    assert not torch.equal(views[0], views[1])


def test_a_loss_counts_pictures_as_the_epoch_says(data: Path, tmp_path: Path) -> None:
    pictures = load_folder(data)
    recipe = Recipe(stages=((1, 8),), batch_size=20, peak_lr=0.0, sgd_lr=0.0)
    run = Run(recipe, 20, tmp_path / "none")
    batch = first_batch(pictures, recipe)
    batch.counts[:10] = 3.0
    loss = run._step(batch, 0.0)
    each = run.losses[batch.chosen]
    assert loss == pytest.approx(float((3 * each[:10]).sum() + each[10:].sum()) / 40)
    assert torch.isfinite(run.losses).all()


def test_a_checkpoint_of_other_pictures_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "resnet18.checkpoint"
    Run(Recipe(), 20, file).save()
    with pytest.raises(ValueError, match="other pictures"):
        Run(Recipe(), 21, file)


def test_an_interrupted_run_ends_where_the_whole_one_does(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "resnet18.safetensors"
    save = Run.save

    def save_and_stop(run: Run) -> None:
        save(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train.main(command(data, out))
    monkeypatch.setattr(Run, "save", save)
    assert not out.exists()
    ran = []
    train_epoch = Run.train_epoch
    monkeypatch.setattr(Run, "train_epoch", lambda *a: ran.append(1) or train_epoch(*a))
    assert train.main(command(data, out)) == 0
    assert len(ran) == 1
    assert same(load_file(out), load_file(whole))


def test_a_checkpoint_of_another_recipe_is_refused(
    data: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = whole.read_bytes()
    assert train.main(command(data, whole, "--peak-lr=0.3")) == 1
    assert "another recipe" in capsys.readouterr().err
    assert whole.read_bytes() == before


def test_a_checkpoint_cut_short_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "resnet18.checkpoint"
    run = Run(Recipe(), 20, file)
    run.save()
    before = file.read_bytes()

    def fail(_: object, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space"):
        run.save()
    assert file.read_bytes() == before


def test_a_few_steps_lower_the_loss(data: Path, tmp_path: Path) -> None:
    recipe = Recipe(stages=((8, 16),), batch_size=10, peak_lr=0.05, sgd_lr=0.02)
    run = Run(recipe, 20, tmp_path / "resnet18.checkpoint")
    pictures = load_folder(data)
    losses = [run.train_epoch(pictures) for _ in recipe.sizes]
    assert losses[-1] < losses[0] - 0.3


def test_missing_data_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(command(tmp_path / "nowhere", tmp_path / "out")) == 1
    assert "nowhere" in capsys.readouterr().err
    (tmp_path / "data" / "unicorn").mkdir(parents=True)
    assert train.main(command(tmp_path / "data", tmp_path / "out")) == 1
    assert "no pictures in folders named after" in capsys.readouterr().err


def test_weights_of_another_network_lend_what_fits(whole: Path, tmp_path: Path) -> None:
    network = build_network(classes=7)
    kept = load_matching(network, load_file(whole))
    assert kept == ["fc.bias", "fc.weight"]
    published = load_file(whole)["layer3.0.conv1.weight"].float()
    assert torch.equal(network.layer3[0].conv1.weight, published)


def test_a_run_can_start_from_given_weights(data: Path, whole: Path) -> None:
    recipe = Recipe(seed=5)
    run = Run(recipe, 20, whole.with_name("none"), str(whole))
    given = load_file(whole)["conv1.weight"].float()
    assert torch.equal(run.network.conv1.weight, given)
    digest = hashlib.sha256(whole.read_bytes()).hexdigest()
    assert run.start == f"weights {digest[:12]}"
    assert torch.equal(run.ema.module.conv1.weight, given)


def test_a_run_can_start_from_imagenet(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stand-in where torch keeps what it downloaded: torchvision's own network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    kept.parent.mkdir(parents=True)
    given = resnet18(weights=None).state_dict()
    torch.save(given, kept)
    run = Run(Recipe(), 20, tmp_path / "none", "imagenet")
    said = capsys.readouterr().out
    assert said.endswith("not in it: conv1.weight, fc.bias, fc.weight\n")
    assert torch.equal(
        run.network.layer4[1].conv2.weight, given["layer4.1.conv2.weight"]
    )
    assert run.network.fc.weight.shape == (10, 512)
    out = tmp_path / "resnet18.safetensors"
    assert train.main(command(data, out, "--init=imagenet")) == 0
    with safe_open(out, "np") as file:
        assert file.metadata()["start"].startswith("ImageNet")


@pytest.mark.parametrize("wrong", ["nowhere.safetensors", "imagenet", "text"])
def test_weights_to_start_from_that_cannot_be_had_are_told(
    wrong: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("not weights")
    assert train.main(command(data, tmp_path / "out", f"--init={wrong}")) == 1
    said = capsys.readouterr().err
    assert ("no network" if wrong == "imagenet" else wrong) in said


def test_features_are_what_the_last_layer_sees() -> None:
    network = build_network().eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = features(network, images)
        assert found.shape == (2, 512)
        assert torch.allclose(network.fc(found), network(images), atol=1e-5)


def test_frozen_parts_keep_their_weights_and_statistics(
    data: Path, whole: Path
) -> None:
    recipe = Recipe(stages=((1, 16),), batch_size=10, frozen=("conv1", "bn1", "layer1"))
    run = Run(recipe, 20, whole.with_name("none"), str(whole))
    before = {name: t.clone() for name, t in run.network.state_dict().items()}
    run.train_epoch(load_folder(data))
    after = run.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(recipe.frozen)}
    assert changed == set(before) - frozen
    kept = run.ema.module.layer1[0].conv1.weight
    assert torch.allclose(kept, before["layer1.0.conv1.weight"], atol=1e-6)


def test_parts_to_freeze_must_exist_and_have_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_parts("conv1,layer4") == ("conv1", "layer4")
    with pytest.raises(ValueError, match="no layer9"):
        parse_parts("bn1,layer9")
    assert train.main(command(data, tmp_path / "out", "--frozen=conv1")) == 1
    assert "weights to start from" in capsys.readouterr().err


def test_looking_ahead_changes_where_a_step_leads(data: Path, tmp_path: Path) -> None:
    pictures = load_folder(data)
    ends = []
    for sam, begins in ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)):
        recipe = Recipe(
            stages=((1, 8),), batch_size=20, muon=False, sam=sam, sam_from=begins
        )
        run = Run(recipe, 20, tmp_path / "none")
        run.train_epoch(pictures)
        ends.append(run.network.fc.weight.detach())
    assert not torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])  # it had not begun


def test_short_epochs_are_not_all_written_down(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(Run, "save", lambda run: written.append(run.epoch))
    run = Run(Recipe(stages=((4, 8),)), 20, tmp_path / "none")
    for epoch, seconds in enumerate((1.0, 10.0, 25.0, 26.0), 1):
        run.epoch, run.seconds = epoch, seconds
        run.save_now_and_then()
        run._saved_at = max(run._saved_at, 1.0 if epoch < 3 else 25.0)
    assert written == [1, 3, 4]


def test_compiled_training_learns_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as for a compiler, and run as it is: to compile takes a minute."""
    traced = []

    def as_it_is(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        traced.append(graph)
        return graph.forward

    pictures = load_folder(data)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=as_it_is))
    losses = []
    for compile_it in (False, True):
        recipe = Recipe(stages=((2, 8),), batch_size=10)
        run = Run(recipe, 20, tmp_path / "none", compile_it=compile_it)
        losses.append([run.train_epoch(pictures) for _ in recipe.sizes])
        assert len(traced) == compile_it  # once for all steps
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_every_number_of_the_recipe_can_be_given() -> None:
    options = train.parse_arguments(
        ["--stages=2@8", "--no-muon", "--wide", "--sam=0.1", "--cutout=12", "--seed=3"]
    )
    recipe = train.recipe_of(options)
    given = Recipe(stages=((2, 8),), muon=False, wide=True, sam=0.1, cutout=12, seed=3)
    assert recipe == given
    assert train.recipe_of(train.parse_arguments([])) == Recipe()
