"""Train the network: `python -m model.train --data FOLDER --held-out FOLDER`.

Reads top to bottom: the recipe, the data, the optimizer, the loop, the evaluation.
Without `--data` it trains on torchvision's CIFAR-10. Training is one run from the
first step to the last, so it writes a checkpoint after every epoch and goes on from
there when started again. It ends in a weights file, which `python -m model.publish`
turns into the bundle the page loads: retraining never changes what people use by
itself.

Epochs at a small size are cheap (16 pixels: a quarter of the arithmetic) and teach
nearly as much early on, so the sizes grow. The convolutions learn by Muon, which on
two cores was at the same loss as SGD after two thirds of the pictures.
`model/README.md` has what was tried, `weights/README.md` the time and accuracy of the
run that made the weights in this repository.
"""

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.augment import training_view
from model.data import Labelled, load_cifar10, load_folder
from model.labels import CLASSES
from model.machine import describe_machine
from model.network import build_network, load_matching
from model.preprocess import MEAN, STD


@dataclass(frozen=True)
class Recipe:
    """Every number that decides the result; saved with the weights."""

    stages: tuple[tuple[int, int], ...] = ((4, 16), (6, 24), (3, 32))
    """(epochs, side in pixels), in order."""
    batch_size: int = 512
    peak_lr: float = 0.1
    """Of Muon: about the share by which a step changes a kernel."""
    momentum: float = 0.85
    sgd_lr: float = 0.2
    """Peak for what Muon is not made for: first and last layer, norms, biases."""
    sgd_momentum: float = 0.9
    weight_decay: float = 5e-4
    """On the first and last layer's weights only; a kernel's norm is fixed."""
    warm_up: float = 0.15
    """Share of all steps over which the learning rates rise."""
    ema_decay: float = 0.99
    seed: int = 0

    @property
    def sizes(self) -> list[int]:
        """Side in pixels of every epoch."""
        return [size for epochs, size in self.stages for _ in range(epochs)]


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """`4@16,3@32` is four epochs at 16 pixels, then three at 32."""
    pairs = [part.split("@") for part in text.split(",")]
    stages = tuple((int(epochs), int(size)) for epochs, size in pairs)
    if min(number for stage in stages for number in stage) < 1:
        raise ValueError("there are no epochs, or pictures, of size 0")
    return stages


def rate(recipe: Recipe, progress: float) -> float:
    """Share of the peak learning rate: up in a line, then down; `progress` is 0..1."""
    if progress < recipe.warm_up:
        return progress / recipe.warm_up
    return (1 - progress) / (1 - recipe.warm_up)


def bf16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 natively; elsewhere it is slower."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def normalise(images: Tensor) -> Tensor:
    """Centre and scale float pictures in 0..1, in the layout convolutions like."""
    mean = torch.tensor(MEAN)[:, None, None]
    std = torch.tensor(STD)[:, None, None]
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def inner_kernels(network: nn.Module) -> list[nn.Parameter]:
    """Weights of every convolution but the first, whose three inputs are colours."""
    return [
        parameter
        for name, parameter in network.named_parameters()
        if parameter.ndim == 4 and name != "conv1.weight"
    ]


def as_matrix(kernel: Tensor) -> Tensor:
    """View a kernel [out, in, h, w] that is channels_last as [out, h * w * in]."""
    return kernel.permute(0, 2, 3, 1).view(len(kernel), -1)


class Optimizer:
    """Muon (Jordan 2024) for the convolutions, Nesterov SGD for the rest.

    Muon takes matrices: it works on views that share the kernels' memory. Batch norm
    follows every convolution, so a kernel's length means nothing but how fast it
    turns; it is kept at the root of the number of outputs, which makes Muon's learning
    rate the share by which a step changes the kernel.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        """Take on the parameters of a network that is channels_last."""
        self.kernels = inner_kernels(network)
        self.matrices = [nn.Parameter(as_matrix(k.detach())) for k in self.kernels]
        inner = {id(kernel) for kernel in self.kernels}
        rest = [p for p in network.parameters() if id(p) not in inner]
        self.muon = torch.optim.Muon(
            self.matrices,
            lr=0.0,
            weight_decay=0.0,
            momentum=recipe.momentum,
            ns_steps=3,
        )
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in rest if p.ndim > 1],
                "weight_decay": recipe.weight_decay,
            },
            {"params": [p for p in rest if p.ndim <= 1]},
        ]
        self.sgd = torch.optim.SGD(
            groups,
            lr=0.0,
            momentum=recipe.sgd_momentum,
            nesterov=True,
        )
        self._peaks = ((self.muon, recipe.peak_lr), (self.sgd, recipe.sgd_lr))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.sgd.zero_grad()
        for kernel in self.kernels:
            kernel.grad = None

    def step(self, share: float) -> None:
        """Change the weights, at this share of the peak learning rates."""
        for optimizer, peak in self._peaks:
            for group in optimizer.param_groups:
                group["lr"] = share * peak
        for matrix, kernel in zip(self.matrices, self.kernels, strict=True):
            gradient = kernel.grad
            assert gradient is not None  # noqa: S101  # backward() has run
            layout = gradient.contiguous(memory_format=torch.channels_last)
            matrix.grad = as_matrix(layout)
        self.muon.step()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.sgd.step()
        with torch.no_grad():
            for matrix in self.matrices:
                matrix.mul_(len(matrix) ** 0.5 / matrix.norm())

    def state_dict(self) -> dict[str, Any]:
        """What both have accumulated."""
        return {"muon": self.muon.state_dict(), "sgd": self.sgd.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.muon.load_state_dict(state["muon"])
        self.sgd.load_state_dict(state["sgd"])


def make_average(network: nn.Module, recipe: Recipe) -> AveragedModel:
    """A running average of the weights and of batch norm's statistics."""
    # torch gives this function no types
    average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)


def batches(data: Labelled, recipe: Recipe, epoch: int) -> Iterator[tuple[Tensor, ...]]:
    """One epoch of augmented batches; the epoch's number seeds its own generator."""
    generator = Generator().manual_seed(recipe.seed * 1000 + epoch)
    order = torch.randperm(len(data), generator=generator)
    size = recipe.sizes[epoch]
    for chosen in torch.split(order, recipe.batch_size):
        if len(chosen) > 1:
            view = training_view(data.images[chosen], size, generator)
            yield normalise(view), data.labels[chosen]


class Run:
    """A training run that can be put down after any epoch and taken up again."""

    def __init__(self, recipe: Recipe, checkpoint: Path, init: Path | None) -> None:
        """Start anew, or from `checkpoint` if it exists."""
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.checkpoint = checkpoint
        self.network = build_network(len(CLASSES))
        self.start = ""
        if init:
            kept = load_matching(self.network, init)
            print(f"starting from {init}; not in it: {', '.join(kept) or 'nothing'}")
            digest = hashlib.sha256(init.read_bytes()).hexdigest()
            self.start = f"weights {digest[:12]}"
        self.network = self.network.to(memory_format=torch.channels_last)
        self.ema = make_average(self.network, recipe)
        self.optimizer = Optimizer(self.network, recipe)
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
            "epoch": self.epoch,
            "seconds": self.seconds,
        }
        part = self.checkpoint.with_suffix(".checkpoint.part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def train_epoch(self, data: Labelled) -> float:
        """One pass over the data; returns the mean loss in nats."""
        self.network.train()
        steps = math.ceil(len(data) / self.recipe.batch_size)
        total = steps * len(self.recipe.sizes)
        losses = []
        began = time.monotonic()
        for step, (images, labels) in enumerate(batches(data, self.recipe, self.epoch)):
            share = rate(self.recipe, (self.epoch * steps + step) / total)
            losses.append(self._step(images, labels, share))
        self.epoch += 1
        self.seconds += time.monotonic() - began
        return sum(losses) / len(losses)

    def _step(self, images: Tensor, labels: Tensor, share: float) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_fast()):
            logits = self.network(images)
        loss = F.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.optimizer.step(share)
        self.ema.update_parameters(self.network)
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
    parser.add_argument("--init", type=Path, help="safetensors file to start from")
    parser.add_argument("--stages", type=parse_stages, default=Recipe.stages)
    parser.add_argument("--batch-size", type=int, default=Recipe.batch_size)
    parser.add_argument("--peak-lr", type=float, default=Recipe.peak_lr)
    parser.add_argument("--sgd-lr", type=float, default=Recipe.sgd_lr)
    parser.add_argument("--warm-up", type=float, default=Recipe.warm_up)
    parser.add_argument("--ema-decay", type=float, default=Recipe.ema_decay)
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
        seed=options.seed,
    )
    try:
        data, held_out = read_data(options)
        print(f"{len(data)} pictures, {len(recipe.sizes)} epochs, {recipe}", flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        run = Run(recipe, options.out.with_suffix(".checkpoint"), options.init)
    except (OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    train(run, data, held_out)
    write_weights(run, len(data), options.out)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
