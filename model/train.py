"""Train the network: `python -m model.train --data FOLDER --held-out FOLDER`.

Reads top to bottom: the recipe, the loop, the evaluation; `model/training/epochs.py`
has the data. Without `--data` it trains on torchvision's CIFAR-10. It computes on a GPU
where torch finds one. Training is one run from the first step to the last, so it writes
a checkpoint as it goes and goes on from there when started again. It ends in a weights
file, which `python -m model.publish` turns into the bundle the page loads: retraining
never changes what people use by itself.

The recipe as it stands is for two cores. Epochs at a small size are cheap (16 pixels:
a quarter of the arithmetic) and teach nearly as much early on, so the sizes grow. The
convolutions learn by Muon, which on two cores was at the same loss as SGD after two
thirds of the pictures, and each epoch but the last few leaves out a part of what is
known already (`model/training/sample_pruning.py`). On a GPU a long run can do more:
learn from wide teachers (`--teachers`), look for flat minima (`--sam`), blend pictures
(`--mixed`).
`model/README.md` has what was tried and the commands that made the published weights,
`weights/README.md` their time and accuracy.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import ResNet

from model.classes import CLASSES
from model.network import (
    build_network,
    freeze,
    imagenet_weights,
    load_matching,
    read_weights,
    start_training,
)
from model.training.data import Labelled, load_cifar10, load_folder
from model.training.device import autocast, choose_device, compiled, describe
from model.training.ema import Average
from model.training.epochs import Batch, Epoch, MixedEpoch, normalise
from model.training.optimizer import Optimizer
from model.training.photographs import Mixture, load_mixture
from model.training.recipe import Recipe, parse_parts, parse_stages, rate
from model.training.sam import climb, descend
from model.training.teachers import Teachers
from model.training.weight_gradients import use_products

IMAGENET = "imagenet"

SPACING_S = 20.0
"""Seconds of training between two checkpoints at least; an epoch can be shorter."""


def make_optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    """Take on the parameters of a network that is channels_last."""
    return Optimizer(
        network,
        muon=recipe.muon,
        muon_lr=recipe.peak_lr,
        momentum=recipe.momentum,
        sgd_lr=recipe.sgd_lr,
        sgd_momentum=recipe.sgd_momentum,
        weight_decay=recipe.weight_decay,
    )


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
    tensors, name = read_weights(Path(init))
    return tensors, f"weights {name}"


class Run:
    """A training run that can be put down after any epoch and taken up again."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: int,
        checkpoint: Path,
        init: str = "",
        *,
        device: torch.device | None = None,
        teachers: Teachers | None = None,
        mixture: Mixture | None = None,
        compile_it: bool = False,
    ) -> None:
        """Start anew on so many pictures, or from `checkpoint` if it exists.

        Args:
            recipe, pictures, checkpoint: what to do, on how many, noted where.
            init: weights to start from, random ones if empty (see `read_init`).
            device: where to compute.
            teachers: whose answers to learn, besides the labels.
            mixture: photographs to learn from beside the pictures.
            compile_it: whether to compile the network.
        """
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = device or torch.device("cpu")
        self.teachers = teachers
        self.mixture = mixture
        self.losses = torch.full((pictures,), torch.inf, device=self.device)
        self.checkpoint = checkpoint
        self.start = ""
        self.network = self._make_network(init)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self._forward = compiled(self.network, wanted=compile_it)
        self.ema = Average(self.network, recipe.ema_decay)
        self.optimizer = make_optimizer(self.network, recipe)
        self.epoch = 0
        self.seconds = 0.0
        self._saved_at = -SPACING_S
        if checkpoint.exists():
            self._resume()

    def _make_network(self, init: str) -> ResNet:
        network = build_network(len(CLASSES), wide=self.recipe.wide)
        if init:
            tensors, self.start = read_init(init)
            kept = load_matching(network, tensors)
            print(f"starting from {init}; not in it: {', '.join(kept) or 'nothing'}")
        elif self.recipe.frozen:
            raise ValueError("parts to keep need weights to start from")
        freeze(network, self.recipe.frozen)
        if self.device.type == "cpu":
            use_products(network)
        return network.to(self.device, memory_format=torch.channels_last)

    def _identity(self) -> str:
        """What a checkpoint must agree with to be gone on from."""
        names = self.teachers.names if self.teachers else []
        return json.dumps([asdict(self.recipe), names])

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if state["recipe"] != self._identity():
            raise ValueError(f"{self.checkpoint} belongs to another recipe; remove it")
        self.network.load_state_dict(state["network"])
        self.ema.module.load_state_dict(state["ema"])
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
            "recipe": self._identity(),
            "network": self.network.state_dict(),
            "ema": self.ema.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self.losses,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }
        part = self.checkpoint.with_suffix(".checkpoint.part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)
        self._saved_at = self.seconds

    def train_epoch(self, data: Labelled) -> float:
        """One pass over the data; returns the mean loss in nats."""
        start_training(self.network, self.recipe.frozen)
        losses = []
        before, began = self.seconds, time.monotonic()
        for batch in self._batches(data):
            losses.append(self._step(batch, rate(self.recipe, batch.progress)))
            self.seconds = before + time.monotonic() - began
            if self.done:
                break
        mean = float(torch.stack(losses).mean())  # awaits what a GPU has queued
        self.epoch += 1
        self.seconds = before + time.monotonic() - began
        return mean

    @property
    def done(self) -> bool:
        """Whether the time is over or, where none is set, the epochs."""
        if self.recipe.minutes:
            return self.seconds >= 60 * self.recipe.minutes
        return self.epoch >= len(self.recipe.sizes)

    def _progress(self) -> float:
        """How much of its time a run has had, 0..1."""
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def _batches(self, data: Labelled) -> Epoch | MixedEpoch:
        if not self.mixture:
            return Epoch(data, self.losses, self.recipe, self.epoch)
        clock = self._progress if self.recipe.minutes else None
        return MixedEpoch(data, self.mixture, self.recipe, self.epoch, clock)

    def save_now_and_then(self) -> None:
        """Write the checkpoint, unless it is young and another epoch follows."""
        if self.done or self.seconds - self._saved_at >= SPACING_S:
            self.save()

    def _step(self, batch: Batch, share: float) -> Tensor:
        """One step of the optimizer; returns the batch's mean loss, a scalar."""
        soft = None
        if self.teachers:
            small = batch.images[: len(batch.chosen)]
            soft = self.teachers.probabilities(small, self.recipe.softness)
        loss = self._gradients(batch, soft)
        if self.recipe.looks_ahead(batch.progress):
            moves = climb(self.parameters, self.recipe.sam)
            self._gradients(batch, soft)
            descend(self.parameters, moves)
        self.optimizer.step(share)
        self.ema.update()
        return loss

    def _gradients(self, batch: Batch, soft: Tensor | None) -> Tensor:
        """Put the gradients of the mean loss in place; returns that loss, a scalar."""
        with autocast(self.device):
            logits = self._forward(batch.images)
        losses = self._losses(logits.float(), batch.targets, soft)
        loss = (losses * batch.counts).sum() / batch.counts.sum()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.losses[batch.chosen] = losses.detach()[: len(batch.chosen)]
        return loss.detach()

    def _losses(self, logits: Tensor, targets: Tensor, soft: Tensor | None) -> Tensor:
        """Each picture's loss in nats, [N]."""
        hard = F.cross_entropy(logits, targets, reduction="none")
        if soft is None:
            return hard
        # A softened gradient is smaller by the square of the temperature.
        taught, temperature = self.recipe.taught, self.recipe.softness
        asked = len(soft)  # the first of the batch, not the photographs
        told = F.cross_entropy(logits[:asked] / temperature, soft, reduction="none")
        blended = (1 - taught) * hard[:asked] + taught * temperature**2 * told
        return torch.cat((blended, hard[asked:]))

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, half precision: what gets published."""
        state = self.ema.module.state_dict()
        return {
            name: (t.half() if t.is_floating_point() else t).contiguous().cpu()
            for name, t in state.items()
        }


@torch.inference_mode()
def top1(network: nn.Module, data: Labelled, device: torch.device) -> float:
    """Share of `data` classified right, in percent, by plain torch."""
    network.eval()
    right = 0
    chunks = zip(
        torch.split(data.images, 250), torch.split(data.labels, 250), strict=True
    )
    for images, labels in chunks:
        with autocast(device):
            logits = network(normalise(images.to(device).float() / 255))
        right += int((logits.argmax(1).cpu() == labels).sum())
    return 100 * right / len(data)


def train(run: Run, data: Labelled, held_out: Labelled | None) -> None:
    """Run the epochs that are left, one line each."""
    data = data.to(run.device)
    epochs = len(run.recipe.sizes)
    while not run.done:
        size = run.recipe.size(run.epoch)
        loss = run.train_epoch(data)
        run.save_now_and_then()
        figure = ""
        if held_out:
            figure = f"  held-out {top1(run.ema.module, held_out, run.device):5.2f}%"
        print(
            f"epoch {run.epoch:3}/{epochs}  {size}px  loss {loss:.4f}{figure}"
            f"  {run.seconds / 60:.1f} min",
            flush=True,
        )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """One option for every number of the recipe that was worth changing."""
    kinds: dict[str, Callable[[str], object]] = {
        "stages": parse_stages,
        "frozen": parse_parts,
        **dict.fromkeys(("batch_size", "cutout", "seed", "steps"), int),
    }
    for name, default in asdict(Recipe()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(
                option, action=argparse.BooleanOptionalAction, default=default
            )
        else:
            parser.add_argument(option, type=kinds.get(name, float), default=default)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.train",
        description=__doc__,
        epilog="What the others do: model/training/recipe.py.",
    )
    parser.add_argument("--data", type=Path, help="folder of class folders")
    parser.add_argument("--held-out", type=Path, help="the same, never trained on")
    parser.add_argument("--download", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("runs/resnet18.safetensors"))
    parser.add_argument(
        "--init", default="", help=f"a safetensors file to start from, or `{IMAGENET}`"
    )
    parser.add_argument(
        "--jpeg-twins", action="store_true", help="add a JPEG of every lossless picture"
    )
    parser.add_argument(
        "--teachers", type=Path, nargs="+", default=[], help="weights to learn from"
    )
    parser.add_argument(
        "--photos", type=Path, help="folder of `in/<class>/` and `out/` to mix in"
    )
    parser.add_argument("--device", default="", help="`cpu` or `cuda`; the best if not")
    parser.add_argument(
        "--compile", action="store_true", help="compile the networks first"
    )
    add_recipe(parser)
    return parser.parse_args(arguments)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the command line asks for."""
    return Recipe(**{name: getattr(options, name) for name in asdict(Recipe())})


def read_data(options: argparse.Namespace) -> tuple[Labelled, Labelled | None]:
    """The pictures to learn from, and those only to watch progress on."""
    if not options.data:
        root = options.download
        return load_cifar10(root, train=True), load_cifar10(root, train=False)
    held_out = load_folder(options.held_out) if options.held_out else None
    return load_folder(options.data, twins=options.jpeg_twins), held_out


def start(options: argparse.Namespace, pictures: int) -> Run:
    """The run that the command line asks for, new or taken up again."""
    device = choose_device(options.device)
    teachers = None
    if options.teachers:
        teachers = Teachers(options.teachers, device, compile_them=options.compile)
    recipe = recipe_of(options)
    if options.photos and recipe.counts[0] == recipe.batch_size:
        raise ValueError("say by --photographs and --others how many to mix in")
    mixture = load_mixture(options.photos) if options.photos else None
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return Run(
        recipe,
        pictures,
        options.out.with_suffix(".checkpoint"),
        options.init,
        device=device,
        teachers=teachers,
        mixture=mixture.to(device) if mixture else None,
        compile_it=options.compile,
    )


def write_weights(run: Run, pictures: int, file: Path) -> None:
    """Write the weights with what `model.publish` tells about how they were made."""
    about = {
        "recipe": json.dumps(asdict(run.recipe)),
        "start": run.start,
        "teachers": ", ".join(run.teachers.names if run.teachers else []),
        "seconds": f"{run.seconds:.0f}",
        "machine": describe(run.device),
        "data": f"{pictures:,} labelled pictures",
    }
    part = file.with_name(f"{file.name}.part")
    save_file(run.weights(), part, metadata=about)
    os.replace(part, file)


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says and write the weights; 1 if that cannot be."""
    options = parse_arguments(arguments)
    try:
        data, held_out = read_data(options)
        run = start(options, len(data))
    except (OSError, ValueError, RuntimeError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    epochs = len(run.recipe.sizes)
    print(f"{len(data)} pictures, {epochs} epochs, {run.recipe}", flush=True)
    train(run, data, held_out)
    write_weights(run, len(data), options.out)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
