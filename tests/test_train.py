"""Training: it learns, it can be put down and taken up, and a seed fixes it."""

import hashlib
import json
import urllib.error
from pathlib import Path

import pytest
import torch
from models import class_folders
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import ResNet, resnet18

from model import train
from model.bundle import expected_shapes
from model.data import Labelled, load_folder
from model.labels import CLASSES
from model.network import build_network, features, load_matching
from model.optimizer import as_matrix
from model.pruning import choose
from model.recipe import Recipe, parse_parts, parse_stages, rate
from model.train import Epoch, Run, make_optimizer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("data") / "train", each=4)


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        f"--data={data}",
        f"--out={out}",
        "--stages=1@8,1@16",
        "--batch-size=8",
        "--ema-decay=0.5",
        *more,
    ]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) for k in one
    )


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "resnet18.safetensors"
    assert train.main(command(data, out, f"--held-out={data}")) == 0
    return out


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


def first_batch(pictures: Labelled, recipe: Recipe, epoch: int = 0) -> train.Batch:
    unseen = torch.full((len(pictures),), torch.inf)
    return next(iter(Epoch(pictures, unseen, recipe, epoch)))


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


def test_every_epoch_draws_anew_and_sees_each_picture_once(data: Path) -> None:
    pictures = load_folder(data)
    recipe = Recipe(stages=((2, 8),), batch_size=20)
    first, second = (first_batch(pictures, recipe, n) for n in (0, 1))
    assert not torch.equal(first.images, second.images)
    assert torch.equal(first.chosen.sort().values, torch.arange(20))
    assert torch.equal(first.labels, pictures.labels[first.chosen])
    assert torch.equal(first.counts, torch.ones(20))


def test_an_epoch_leaves_out_half_of_what_is_easy_and_counts_the_rest_twice() -> None:
    losses = torch.cat([torch.zeros(2000), torch.ones(1000)])
    chosen, counts = choose(losses, 0.5, torch.Generator().manual_seed(0))
    hard = chosen >= 2000
    assert torch.equal(chosen[hard].sort().values, torch.arange(2000, 3000))
    assert 900 < int((~hard).sum()) < 1100
    assert len(chosen.unique()) == len(chosen)
    assert torch.equal(counts, torch.where(hard, 1.0, 2.0))


def test_nothing_is_left_out_before_it_was_seen_or_of_the_last_epochs() -> None:
    generator = torch.Generator().manual_seed(0)
    unseen = torch.full((50,), torch.inf)
    assert len(choose(unseen, 0.5, generator)[0]) == 50
    assert len(choose(torch.rand(50), 0.0, generator)[0]) == 50
    recipe = Recipe(stages=((8, 16),), pruned=0.5, unpruned_end=0.25)
    assert [recipe.pruned_in(epoch) for epoch in range(8)] == [0.5] * 6 + [0.0] * 2


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
    epochs = []
    train_epoch = Run.train_epoch
    monkeypatch.setattr(
        Run, "train_epoch", lambda *a: epochs.append(1) or train_epoch(*a)
    )
    assert train.main(command(data, out)) == 0
    assert len(epochs) == 1
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
    assert "unicorn" in capsys.readouterr().err


def test_folders_get_the_labels_of_their_names(data: Path) -> None:
    pictures = load_folder(data)
    assert pictures.images.shape == (20, 3, 32, 32)
    assert pictures.images.dtype == torch.uint8
    names = [CLASSES[label] for label in pictures.labels]
    assert names == [n for n in sorted(path.name for path in data.iterdir())
                     for _ in range(4)]  # fmt: skip
    navy = pictures.images[pictures.labels == CLASSES.index("airplane")].float()
    assert navy[:, 2].mean() > navy[:, 0].mean()


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


def test_the_learning_rate_rises_and_falls_in_lines() -> None:
    recipe = Recipe(warm_up=0.25)
    shares = [rate(recipe, p) for p in (0, 0.125, 0.25, 0.625, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


def channels_last_network() -> ResNet:
    return build_network().to(memory_format=torch.channels_last)


def test_every_parameter_is_learned_by_one_of_the_two_optimizers() -> None:
    network = channels_last_network()
    optimizer = make_optimizer(network, Recipe())
    decayed, spared = optimizer.sgd.param_groups
    assert decayed["weight_decay"] == Recipe.weight_decay
    assert spared["weight_decay"] == 0
    assert {id(p) for p in decayed["params"]} == {
        id(network.conv1.weight),
        id(network.fc.weight),
    }
    assert {p.ndim for p in spared["params"]} == {1}
    learned = [*optimizer.kernels, *decayed["params"], *spared["params"]]
    assert {id(p) for p in learned} == {id(p) for p in network.parameters()}
    assert len(learned) == len(list(network.parameters()))


def test_muon_turns_kernels_evenly_and_keeps_their_norm() -> None:
    network = channels_last_network()
    optimizer = make_optimizer(network, Recipe(peak_lr=0.1))
    kernel = network.layer2[0].conv2.weight
    before = kernel.detach().clone()
    before *= 128**0.5 / before.norm()
    network(torch.rand(2, 3, 16, 16)).sum().backward()
    optimizer.step(0.0)  # at no learning rate only the norm is set
    assert torch.allclose(kernel, before, atol=1e-6)
    optimizer.step(1.0)
    assert kernel.norm().item() == pytest.approx(128**0.5, rel=1e-5)
    change = as_matrix((kernel - before).detach())
    assert 0.02 < change.norm() / before.norm() < 0.2
    gradient = as_matrix(kernel.grad)
    # Strong directions of the gradient do not drown the weak ones.
    assert evenness(change) > 3 * evenness(gradient)


def evenness(matrix: Tensor) -> float:
    """Smallest over largest singular value: 1 turns every direction alike."""
    singular = torch.linalg.svdvals(matrix)
    return float(singular[-1] / singular[0])


def test_stages_are_read_from_the_command_line() -> None:
    assert parse_stages("4@16,3@32") == ((4, 16), (3, 32))
    assert Recipe(stages=((2, 16), (1, 32))).sizes == [16, 16, 32]
    for wrong in ("", "4", "0@32", "1@2@3", "a@b"):
        with pytest.raises(ValueError):  # noqa: PT011 - argparse words it
            parse_stages(wrong)


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


def test_augmentation_fades_as_a_run_goes_on(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(stages=((2, 8),), batch_size=10, faded=0.5)
    used = []

    def note(images: Tensor, size: int, _: object, strength: float) -> Tensor:
        used.append(strength)
        return images[..., :size, :size] / 255

    monkeypatch.setattr(train, "training_view", note)
    pictures = load_folder(data)
    unseen = torch.full((len(pictures),), torch.inf)
    batches = [b for n in (0, 1) for b in Epoch(pictures, unseen, recipe, n)]
    assert [batch.progress for batch in batches] == [0, 0.25, 0.5, 0.75]
    assert used == [1, 0.875, 0.75, 0.625]
