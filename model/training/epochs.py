"""One pass over the training pictures: which, in what order, how augmented."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from model.classes import CLASSES
from model.preprocess import MEAN, STD
from model.training.augment import mixup, training_view
from model.training.data import Labelled
from model.training.photographs import Mixture
from model.training.recipe import Recipe
from model.training.sample_pruning import choose


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation, [3, 1, 1], copied once: a GPU has to be waited for."""
    mean, std = (
        torch.tensor(each, device=device)[:, None, None] for each in (MEAN, STD)
    )
    return mean, std


def normalise(images: Tensor) -> Tensor:
    """Centre and scale float pictures in 0..1, in the layout convolutions like."""
    mean, std = _statistics(images.device)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Batch:
    """Some of the pictures, augmented.

    Attributes:
        chosen: which pictures; photographs, if there are any, follow them.
        images: normalised float32, [N, 3, side, side].
        targets: probabilities of the classes, [N, classes].
        counts: how much each counts in the loss, [N].
        progress: how far the run is, 0..1.
    """

    chosen: Tensor
    images: Tensor
    targets: Tensor
    counts: Tensor
    progress: float


class Epoch:
    """One pass over the pictures; its number seeds its own generator."""

    def __init__(
        self, data: Labelled, losses: Tensor, recipe: Recipe, epoch: int
    ) -> None:
        """Choose the pictures by their last losses, [pictures], on their device."""
        self._data = data
        self._recipe = recipe
        self._epoch = epoch
        seed = recipe.seed * 1000 + epoch
        self._generator = Generator(losses.device).manual_seed(seed)
        share = recipe.pruned_in(epoch)
        chosen, counts = choose(losses, share, self._generator)
        # Whole batches only, if there is one: another size is compiled anew.
        size = recipe.batch_size
        whole = len(chosen) // size * size or len(chosen)
        self._parts = [
            (chosen[first : first + size], counts[first : first + size])
            for first in range(0, whole, size)
        ]

    def __len__(self) -> int:
        """Count the batches."""
        return len(self._parts)

    def __iter__(self) -> Iterator[Batch]:
        """Augment batch after batch."""
        for step, (chosen, counts) in enumerate(self._parts):
            done = self._epoch + step / len(self)
            progress = done / len(self._recipe.sizes)
            images, targets = self._augmented(chosen, progress)
            yield Batch(chosen, normalise(images), targets, counts, progress)

    def _augmented(self, chosen: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        recipe, generator = self._recipe, self._generator
        images = training_view(
            self._data.images[chosen],
            recipe.sizes[self._epoch],
            generator,
            recipe.strength(progress),
            recipe.cutout,
        )
        labels = self._data.labels[chosen]
        targets = F.one_hot(labels, len(CLASSES)).float()
        if not recipe.mixed:
            return images, targets
        return mixup(images, targets, recipe.mixed_at(progress), generator)


class MixedEpoch:
    """Some batches of pictures drawn at random, with photographs in each."""

    def __init__(
        self,
        data: Labelled,
        mixture: Mixture,
        recipe: Recipe,
        epoch: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Seed it by its number; `clock` tells the progress, if epochs do not."""
        self._data = data
        self._mixture = mixture
        self._recipe = recipe
        self._epoch = epoch
        self._clock = clock
        seed = recipe.seed * 1000 + epoch
        self._generator = Generator(data.images.device).manual_seed(seed)

    def __iter__(self) -> Iterator[Batch]:
        """Draw and augment batch after batch."""
        for step in range(self._recipe.steps):
            done = (self._epoch + step / self._recipe.steps) / len(self._recipe.sizes)
            yield self._batch(self._clock() if self._clock else done)

    def _batch(self, progress: float) -> Batch:
        recipe, generator = self._recipe, self._generator
        counts = recipe.counts
        strength, size = recipe.strength(progress), recipe.size(self._epoch)
        chosen = torch.randint(
            len(self._data), (counts[0],), generator=generator, device=generator.device
        )
        small = training_view(
            self._data.images[chosen], size, generator, strength, recipe.cutout
        )
        labels = F.one_hot(self._data.labels[chosen], len(CLASSES)).float()
        large, targets = self._mixture.draw(
            counts[1:], size, generator, strength, recipe.cutout
        )
        return Batch(
            chosen,
            normalise(torch.cat((small, large))),
            torch.cat((labels, targets)),
            torch.ones(recipe.batch_size, device=generator.device),
            progress,
        )
