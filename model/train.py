"""Train the network: `python -m model.train --data FOLDER --held-out FOLDER`.

Reads top to bottom: the recipe, the data, the loop, the evaluation.
Without `--data` it trains on torchvision's CIFAR-10. Training is one run from the
first step to the last, so it writes a checkpoint after every epoch and goes on from
there when started again. It ends in a weights file, which `python -m model.publish`
turns into the bundle the page loads: retraining never changes what people use by
itself.

Epochs at a small size are cheap (16 pixels: a quarter of the arithmetic) and teach
nearly as much early on, so the sizes grow. The convolutions learn by Muon, which on
two cores was at the same loss as SGD after two thirds of the pictures, and each epoch
but the last few leaves out a part of what is known already (`model/pruning.py`).
`model/README.md` has what was tried, `weights/README.md` the time and accuracy of the
run that made the weights in this repository.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.augment import training_view
from model.data import Labelled, load_cifar10, load_folder
from model.labels import CLASSES
from model.machine import describe_machine
from model.network import (
    build_network,
    freeze,
    imagenet_weights,
    load_matching,
    start_training,
)
from model.optimizer import Optimizer
from model.preprocess import MEAN, STD
from model.pruning import choose
from model.recipe import Recipe, parse_parts, parse_stages, rate

IMAGENET = "imagenet"


def bf16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 natively; elsewhere it is slower."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def normalise(images: Tensor) -> Tensor:
    """Centre and scale float pictures in 0..1, in the layout convolutions like."""
    mean = torch.tensor(MEAN)[:, None, None]
    std = torch.tensor(STD)[:, None, None]
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def make_optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    """Take on the parameters of a network that is channels_last."""
    return Optimizer(
        network,
        muon_lr=recipe.peak_lr,
        momentum=recipe.momentum,
        sgd_lr=recipe.sgd_lr,
        sgd_momentum=recipe.sgd_momentum,
        weight_decay=recipe.weight_decay,
    )


def make_average(network: nn.Module, recipe: Recipe) -> AveragedModel:
    """A running average of the weights and of batch norm's statistics."""
    # torch gives this function no types
    average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)


@dataclass(frozen=True)
class Batch:
    """Some of the pictures, augmented.

    Attributes:
        chosen: which pictures, [N].
        images: normalised float32, [N, 3, side, side].
        labels: int64, [N].
        counts: how much each counts in the loss, [N].
        progress: how far the run is, 0..1.
    """

    chosen: Tensor
    images: Tensor
    labels: Tensor
    counts: Tensor
    progress: float


class Epoch:
    """One pass over the pictures; its number seeds its own generator."""

    def __init__(
        self, data: Labelled, losses: Tensor, recipe: Recipe, epoch: int
    ) -> None:
        """Choose the pictures by their last losses, [pictures]."""
        self._data = data
        self._recipe = recipe
        self._epoch = epoch
        self._generator = Generator().manual_seed(recipe.seed * 1000 + epoch)
        share = recipe.pruned_in(epoch)
        chosen, counts = choose(losses, share, self._generator)
        # Batch norm has nothing to normalise a single picture by.
        self._parts = [
            part
            for part in zip(
                torch.split(chosen, recipe.batch_size),
                torch.split(counts, recipe.batch_size),
                strict=True,
            )
            if len(part[0]) > 1
        ]

    def __len__(self) -> int:
        """Count the batches."""
        return len(self._parts)

    def __iter__(self) -> Iterator[Batch]:
        """Augment batch after batch."""
        size = self._recipe.sizes[self._epoch]
        for step, (chosen, counts) in enumerate(self._parts):
            done = self._epoch + step / len(self)
            progress = done / len(self._recipe.sizes)
            images = self._data.images[chosen]
            strength = self._recipe.strength(progress)
            view = training_view(images, size, self._generator, strength)
            labels = self._data.labels[chosen]
            yield Batch(chosen, normalise(view), labels, counts, progress)


def read_init(init: str) -> tuple[dict[str, Tensor], str]:
    """Weights to start from: ImageNet's for the word `imagenet`, or a file's.

    Returns:
        The tensors, and what to say of where they are from.

    Raises:
        OSError: they cannot be had.
        ValueError: the file does not hold tensors in the safetensors format.
    """
    if init == IMAGENET:
        return imagenet_weights(), "ImageNet, torchvision's weights of ResNet-18"
    data = Path(init).read_bytes()
    try:
        return load(data), f"weights {hashlib.sha256(data).hexdigest()[:12]}"
    except SafetensorError as problem:
        raise ValueError(f"{init} is not in the safetensors format") from problem


class Run:
    """A training run that can be put down after any epoch and taken up again."""

    def __init__(
        self, recipe: Recipe, pictures: int, checkpoint: Path, init: str = ""
    ) -> None:
        """Start anew on so many pictures, or from `checkpoint` if it exists.

        Args:
            recipe, pictures, checkpoint: what to do, on how many, noted where.
            init: weights to start from, random ones if empty (see `read_init`).
        """
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.losses = torch.full((pictures,), torch.inf)
        self.checkpoint = checkpoint
        self.network = build_network(len(CLASSES))
        self.start = ""
        if init:
            tensors, self.start = read_init(init)
            kept = load_matching(self.network, tensors)
            print(f"starting from {init}; not in it: {', '.join(kept) or 'nothing'}")
        elif recipe.frozen:
            raise ValueError("parts to keep need weights to start from")
        freeze(self.network, recipe.frozen)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.ema = make_average(self.network, recipe)
        self.optimizer = make_optimizer(self.network, recipe)
        self.epoch = 0
        self.seconds = 0.0
        if checkpoint.exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        if state["recipe"] != json.dumps(asdict(self.recipe)):
            raise ValueError(f"{self.checkpoint} belongs to another recipe; remove it")
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        if len(state["losses"]) != len(self.losses):
            raise ValueError(f"{self.checkpoint} belongs to other pictures; remove it")
        self.losses = state["losses"]
        self.epoch = state["epoch"]
        self.seconds = state["seconds"]
        print(f"resuming after epoch {self.epoch}")

    def save(self) -> None:
        """Write the checkpoint beside the old one, then replace it."""
        state = {
            "recipe": json.dumps(asdict(self.recipe)),
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self.losses,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }
        part = self.checkpoint.with_suffix(".checkpoint.part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def train_epoch(self, data: Labelled) -> float:
        """One pass over the data; returns the mean loss in nats."""
        start_training(self.network, self.recipe.frozen)
        losses = []
        began = time.monotonic()
        for batch in Epoch(data, self.losses, self.recipe, self.epoch):
            losses.append(self._step(batch, rate(self.recipe, batch.progress)))
        self.epoch += 1
        self.seconds += time.monotonic() - began
        return sum(losses) / len(losses)

    def _step(self, batch: Batch, share: float) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_fast()):
            logits = self.network(batch.images)
        losses = F.cross_entropy(logits.float(), batch.labels, reduction="none")
        loss = (losses * batch.counts).sum() / batch.counts.sum()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.optimizer.step(share)
        self.ema.update_parameters(self.network)
        self.losses[batch.chosen] = losses.detach()
        return loss.item()

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, half precision: what gets published."""
        state = self.ema.module.state_dict()
        return {
            name: (t.half() if t.is_floating_point() else t).contiguous()
            for name, t in state.items()
        }


@torch.inference_mode()
def top1(network: nn.Module, data: Labelled) -> float:
    """Share of `data` classified right, in percent, by plain torch."""
    network.eval()
    right = 0
    chunks = zip(
        torch.split(data.images, 250), torch.split(data.labels, 250), strict=True
    )
    for images, labels in chunks:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_fast()):
            logits = network(normalise(images.float() / 255))
        right += int((logits.argmax(1) == labels).sum())
    return 100 * right / len(data)


def train(run: Run, data: Labelled, held_out: Labelled | None) -> None:
    """Run the epochs that are left, one line each."""
    epochs = len(run.recipe.sizes)
    while run.epoch < epochs:
        size = run.recipe.sizes[run.epoch]
        loss = run.train_epoch(data)
        run.save()
        figure = (
            f"  held-out {top1(run.ema.module, held_out):5.2f}%" if held_out else ""
        )
        print(
            f"epoch {run.epoch:3}/{epochs}  {size}px  loss {loss:.4f}{figure}"
            f"  {run.seconds / 60:.1f} min",
            flush=True,
        )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m model.train", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of class folders")
    parser.add_argument("--held-out", type=Path, help="the same, never trained on")
    parser.add_argument("--download", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("runs/resnet18.safetensors"))
    parser.add_argument(
        "--init", default="", help=f"a safetensors file to start from, or `{IMAGENET}`"
    )
    parser.add_argument("--stages", type=parse_stages, default=Recipe.stages)
    parser.add_argument("--batch-size", type=int, default=Recipe.batch_size)
    parser.add_argument("--peak-lr", type=float, default=Recipe.peak_lr)
    parser.add_argument("--sgd-lr", type=float, default=Recipe.sgd_lr)
    parser.add_argument("--warm-up", type=float, default=Recipe.warm_up)
    parser.add_argument("--ema-decay", type=float, default=Recipe.ema_decay)
    parser.add_argument("--pruned", type=float, default=Recipe.pruned)
    parser.add_argument("--faded", type=float, default=Recipe.faded)
    parser.add_argument(
        "--frozen", type=parse_parts, default=(), help="keep these: conv1,bn1,layer1"
    )
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    return parser.parse_args(arguments)


def read_data(options: argparse.Namespace) -> tuple[Labelled, Labelled | None]:
    """The pictures to learn from, and those only to watch progress on."""
    if not options.data:
        root = options.download
        return load_cifar10(root, train=True), load_cifar10(root, train=False)
    held_out = load_folder(options.held_out) if options.held_out else None
    return load_folder(options.data), held_out


def write_weights(run: Run, pictures: int, file: Path) -> None:
    """Write the weights with what `model.publish` tells about how they were made."""
    about = {
        "recipe": json.dumps(asdict(run.recipe)),
        "start": run.start,
        "seconds": f"{run.seconds:.0f}",
        "machine": describe_machine(),
        "data": f"{pictures:,} labelled pictures",
    }
    part = file.with_name(f"{file.name}.part")
    save_file(run.weights(), part, metadata=about)
    os.replace(part, file)


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says and write the weights; 1 if that cannot be."""
    options = parse_arguments(arguments)
    recipe = Recipe(
        stages=options.stages,
        batch_size=options.batch_size,
        peak_lr=options.peak_lr,
        sgd_lr=options.sgd_lr,
        warm_up=options.warm_up,
        ema_decay=options.ema_decay,
        pruned=options.pruned,
        faded=options.faded,
        frozen=options.frozen,
        seed=options.seed,
    )
    try:
        data, held_out = read_data(options)
        print(f"{len(data)} pictures, {len(recipe.sizes)} epochs, {recipe}", flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = options.out.with_suffix(".checkpoint")
        run = Run(recipe, len(data), checkpoint, options.init)
    except (OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    train(run, data, held_out)
    write_weights(run, len(data), options.out)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
