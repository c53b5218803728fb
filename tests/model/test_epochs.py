"""An epoch: which pictures, in what order, how augmented and how much each counts."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.training import epochs
from model.training.data import Labelled, load_folder
from model.training.epochs import Batch, Epoch
from model.training.recipe import Recipe, parse_stages, rate
from model.training.sample_pruning import choose


def first_batch(pictures: Labelled, recipe: Recipe, epoch: int = 0) -> Batch:
    unseen = torch.full((len(pictures),), torch.inf)
    return next(iter(Epoch(pictures, unseen, recipe, epoch)))


def test_every_epoch_draws_anew_and_sees_each_picture_once(data: Path) -> None:
    pictures = load_folder(data)
    recipe = Recipe(stages=((2, 8),), batch_size=20)
    first, second = (first_batch(pictures, recipe, n) for n in (0, 1))
    assert not torch.equal(first.images, second.images)
    assert torch.equal(first.chosen.sort().values, torch.arange(20))
    assert torch.equal(first.targets.argmax(1), pictures.labels[first.chosen])
    assert torch.equal(first.counts, torch.ones(20))


def test_an_epoch_leaves_out_half_of_what_is_easy_and_counts_the_rest_twice() -> None:
    losses = torch.cat([torch.zeros(2000), torch.ones(1000)])
    chosen, counts = choose(losses, 0.5, torch.Generator().manual_seed(0))
    hard = chosen >= 2000
    assert torch.equal(chosen[hard].sort().values, torch.arange(2000, 3000))
    assert 900 < int((~hard).sum()) < 1100
    assert len(chosen.unique()) == len(chosen)
    assert torch.equal(counts, torch.where(hard, 1.0, 2.0))


def test_pictures_not_seen_yet_do_not_make_all_others_easy() -> None:
    losses = torch.cat([torch.full((5,), torch.inf), torch.zeros(500), torch.ones(500)])
    chosen, counts = choose(losses, 0.5, torch.Generator().manual_seed(0))
    assert {0, 1, 2, 3, 4} <= set(chosen.tolist())
    assert int((chosen >= 505).sum()) == 500
    assert (counts[chosen >= 505] == 1).all()


def test_nothing_is_left_out_before_it_was_seen_or_of_the_last_epochs() -> None:
    generator = torch.Generator().manual_seed(0)
    unseen = torch.full((50,), torch.inf)
    assert len(choose(unseen, 0.5, generator)[0]) == 50
    assert len(choose(torch.rand(50), 0.0, generator)[0]) == 50
    recipe = Recipe(stages=((8, 16),), pruned=0.5, unpruned_end=0.25)
    assert [recipe.pruned_in(epoch) for epoch in range(8)] == [0.5] * 6 + [0.0] * 2


def test_augmentation_fades_as_a_run_goes_on(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(stages=((2, 8),), batch_size=10, faded=0.5)
    used = []

    def note(
        images: Tensor, size: int, _: object, strength: float, hole: int
    ) -> Tensor:
        used.append(strength)
        return images[..., :size, :size] / 255

    monkeypatch.setattr(epochs, "training_view", note)
    pictures = load_folder(data)
    unseen = torch.full((len(pictures),), torch.inf)
    batches = [b for n in (0, 1) for b in Epoch(pictures, unseen, recipe, n)]
    assert [batch.progress for batch in batches] == [0, 0.25, 0.5, 0.75]
    assert used == [1, 0.875, 0.75, 0.625]


def test_the_learning_rate_rises_and_falls_in_lines() -> None:
    recipe = Recipe(warm_up=0.25)
    shares = [rate(recipe, p) for p in (0, 0.125, 0.25, 0.625, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_stages_are_read_from_the_command_line() -> None:
    assert parse_stages("4@16,3@32") == ((4, 16), (3, 32))
    assert Recipe(stages=((2, 16), (1, 32))).sizes == [16, 16, 32]
    for wrong in ("", "4", "0@32", "1@2@3", "a@b"):
        with pytest.raises(ValueError):  # noqa: PT011 - argparse words it
            parse_stages(wrong)


def test_an_epoch_has_whole_batches_only_if_it_has_one(data: Path) -> None:
    pictures = load_folder(data)
    unseen = torch.full((20,), torch.inf)
    for size, sizes in ((8, [8, 8]), (20, [20]), (64, [20])):
        epoch = Epoch(pictures, unseen, Recipe(batch_size=size), 0)
        assert [len(batch.chosen) for batch in epoch] == sizes
        assert len(epoch) == len(sizes)


def test_blending_gives_targets_of_two_classes_and_fades(data: Path) -> None:
    pictures = load_folder(data)
    recipe = Recipe(stages=((5, 8),), batch_size=20, mixed=1.0, faded=1.0)
    first, last = (first_batch(pictures, recipe, epoch) for epoch in (0, 4))
    assert torch.allclose(first.targets.sum(1), torch.ones(20))
    blended = [(batch.targets.max(1).values < 1).sum() for batch in (first, last)]
    assert blended[0] >= 10  # partners of one class leave no trace
    assert blended[1] <= 8
    assert [recipe.mixed_at(p) for p in (0, 0.5, 1)] == [1, 0.5, 0]
