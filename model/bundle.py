"""The model as one thing on disk: weights and the card that says what they are.

`weights/` holds safetensors files (the weights; the last layer for photographs; what
the flag "may be none of these" compares with) and a JSON model card: class names,
preprocessing, temperature, the recipe and the figures measured. They travel together
and cannot disagree: the card names the SHA-256 of each file, and nothing is read out of
one that has another. A flipped bit or a NaN in weights otherwise loads without any
error and answers nonsense; so shapes and values are checked too, and the classifier
then has to recognise one known picture (`model.classifier`).

Only safetensors are read: a pickle can run code when it is opened.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from safetensors import SafetensorError
from safetensors.numpy import load

from model.classes import CLASSES
from model.out_of_distribution import METHODS, Scope
from model.preprocess import FILTERS, INPUT_SIZE, VIEWS, Preprocessing, always_there

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
WEIGHTS_FILE = "resnet18-cifar10.safetensors"
SCOPE_FILE = "resnet18-cifar10-scope.safetensors"
PHOTOGRAPHS_FILE = "resnet18-cifar10-photographs.safetensors"
HOME_FILE = "resnet18-cifar10-home.safetensors"
CARD_FILE = "resnet18-cifar10.json"
FORMAT = 5
FEATURE_SIZE = 512
"""Numbers that a picture becomes before the last layer."""
EARLY_SIZE = 384
"""Means of the maps after layers 2 and 3."""

Tensors = dict[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int, ...]]

_ANSWERING = (
    "format",
    "preprocessing",
    "temperature",
    "photograph_temperature",
    "activation_ranges",
)

SCOPE_SHAPES: Shapes = {
    "class_means": (len(CLASSES), FEATURE_SIZE),
    "weights": (FEATURE_SIZE + len(CLASSES),),
}
LAYER_SHAPES: Shapes = {
    "weight": (len(CLASSES), FEATURE_SIZE),
    "bias": (len(CLASSES),),
}


class BundleError(Exception):
    """The model cannot be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class Check:
    """What the known picture must come out as, whatever engine computes it."""

    probabilities: tuple[float, ...]
    """As it is, a photograph."""
    small: tuple[float, ...]
    """Reduced to the size of the network's own pictures."""
    tolerance: float
    """Largest difference allowed in any one probability."""


@dataclass(frozen=True)
class Bundle:
    """Verified weights and what their card says."""

    version: str
    """Names the weights and all else that an answer depends on, in 12 hex digits."""
    tensors: Tensors = field(repr=False)
    preprocessing: Preprocessing
    temperature: float
    photograph_temperature: float
    """Of pictures that `model.preprocess.are_photographs`."""
    photograph_layer: Tensors = field(repr=False)
    """Their last layer, in place of the network's own: "weight" and "bias"."""
    ranges: dict[str, float]
    """Largest value of each activation, for arithmetic in eight bits."""
    scope: Scope
    check: Check
    card: dict[str, Any] = field(repr=False)
    """The whole card, figures and recipe included."""

    def temperatures(self, photographs: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What the logits of each picture are divided by, [N]."""
        return np.where(photographs, self.photograph_temperature, self.temperature)

    def last_layer(
        self, photographs: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and biases of the last layer of a kind of picture."""
        if photographs:
            layer = self.photograph_layer
            return layer["weight"], layer["bias"]
        return self.tensors["fc.weight"], self.tensors["fc.bias"]

    def logits(
        self, features: NDArray[np.float32], photographs: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """What the last layer of each picture's kind makes of its features."""
        layers = map(self.last_layer, (False, True))
        small, large = (features @ weight.T + bias for weight, bias in layers)
        return np.where(photographs[:, None], large, small)


def expected_shapes(classes: int = len(CLASSES)) -> Shapes:
    """Name and shape of every tensor of the network, without building it."""
    shapes: Shapes = {}

    def convolution(conv: str, norm: str, out: int, into: int, kernel: int) -> None:
        shapes[f"{conv}.weight"] = (out, into, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = (out,)

    convolution("conv1", "bn1", 64, 3, 3)
    before = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in (f"layer{stage}.0", f"layer{stage}.1"):
            convolution(f"{block}.conv1", f"{block}.bn1", width, before, 3)
            convolution(f"{block}.conv2", f"{block}.bn2", width, width, 3)
            if before != width:
                convolution(f"{block}.downsample.0", f"{block}.downsample.1",
                            width, before, 1)  # fmt: skip
            before = width
    return shapes | {"fc.weight": (classes, FEATURE_SIZE), "fc.bias": (classes,)}


def activation_names() -> list[str]:
    """The inputs of all convolutions but the first, as `model.graph` names them."""
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    pairs = [name for block in blocks for name in (f"{block}.conv1", block)]
    return ["stem", *pairs[:-1]]  # nothing is convolved after the last block


def known_picture() -> Image.Image:
    """A picture drawn by rule, wider than high so that its views differ."""
    rows = np.mgrid[0:48, 0:72][0]
    sky = np.stack([90 + rows, 130 + rows, 255 - 2 * rows], axis=2)
    picture = Image.fromarray(sky.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 34, 71, 47), fill=(60, 110, 50))
    draw.rectangle((14, 22, 58, 36), fill=(170, 40, 30))
    draw.rectangle((24, 14, 48, 22), fill=(60, 70, 90))
    for left in (18, 46):
        draw.rectangle((left, 34, left + 8, 41), fill=(15, 15, 15))
    return picture


def known_pictures() -> list[Image.Image]:
    """The known picture as a photograph and as a small one: each has a last layer."""
    return [known_picture(), known_picture().resize((INPUT_SIZE, INPUT_SIZE))]


def _refuse(file: Path, problem: str) -> NoReturn:
    raise BundleError(
        f"The model file {file.name} {problem}; restore the folder {file.parent.name}"
        " from the repository, or make it again with `python -m model.publish`."
    )


def _read(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        _refuse(file, "is missing")
    except OSError as problem:
        _refuse(file, f"cannot be read ({problem.strerror})")
    if not data:
        _refuse(file, "is empty")
    return data


def _foreign(data: bytes) -> str:
    """What a file is that is not ours, by its first bytes; "" where unknown."""
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "is a web page: a download went wrong"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer: the file itself was not fetched"
    if data.startswith(
        (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    ):
        return "is a pickle or archive, which could run code and is never opened"
    return ""


def _number(value: object, name: str) -> float:
    """A finite number; bool is an int to Python, not to a card."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is not a number")
    if not math.isfinite(value):
        raise ValueError(f"{name} is not finite")
    return float(value)


def _numbers(values: object, count: int, name: str) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{name} is not a list of {count} numbers")
    return tuple(_number(value, name) for value in values)


def _preprocessing(card: dict[str, Any]) -> Preprocessing:
    if card["size"] != INPUT_SIZE:
        raise ValueError(f"size is not {INPUT_SIZE}")
    views = card["views"]
    if not isinstance(views, list) or not views or not set(views) <= set(VIEWS):
        raise ValueError("views are not ones this program has")
    if not always_there(views[0]):
        raise ValueError("the first of the views is one that small pictures lack")
    if card["filter"] not in FILTERS:
        raise ValueError("filter is not one this program has")
    std = _numbers(card["std"], 3, "std")
    if min(std) <= 0:
        raise ValueError("std is not positive")
    looks = card["looks"]
    if not isinstance(looks, int) or not 1 <= looks <= len(views):
        raise ValueError("looks is not a number of views")
    sure = _number(card["sure"], "sure")
    if not 0 <= sure <= 1:
        raise ValueError("sure is not a probability")
    mean = _numbers(card["mean"], 3, "mean")
    return Preprocessing(tuple(views), looks, card["filter"], sure, mean, std)


def _ranges(card: dict[str, Any]) -> dict[str, float]:
    names = activation_names()
    values = _numbers([card[name] for name in names], len(names), "activation_ranges")
    if min(values) <= 0:
        raise ValueError("activation_ranges are not positive")
    return dict(zip(names, values, strict=True))


def _scope(stated: dict[str, Any], tensors: Tensors) -> Scope:
    if stated["method"] not in METHODS:
        raise ValueError("scope.method is not one this program has")
    threshold = _number(stated["threshold"], "scope.threshold")
    return Scope(
        stated["method"], threshold, tensors["class_means"], tensors["weights"]
    )


def _version(card: Any) -> str:
    """Other weights, another way to look, another temperature: another version.

    What was said under one is not asked for again, and is held to its confidence.
    """
    told = [card[name] for name in _ANSWERING]
    told += [card["weights"]["sha256"]]
    told += [card["photograph_layer"]["sha256"]]
    told += [card["scope"][name] for name in ("sha256", "method", "threshold")]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def _interpret(card: Any, tensors: Tensors, layer: Tensors, scope: Tensors) -> Bundle:
    """Check every field used; raises KeyError, TypeError or ValueError."""
    if card["classes"] != list(CLASSES):
        raise ValueError("classes are not the ten this program knows")
    temperature, photographs = (
        _number(card[name], name) for name in ("temperature", "photograph_temperature")
    )
    tolerance = _number(card["check"]["tolerance"], "check.tolerance")
    if min(temperature, photographs) <= 0 or not 0 < tolerance < 1:
        raise ValueError("a temperature or check.tolerance is out of range")
    large, small = (
        _numbers(card["check"][kind], len(CLASSES), f"check.{kind}")
        for kind in ("probabilities", "small")
    )
    return Bundle(
        version=_version(card),
        tensors=tensors,
        preprocessing=_preprocessing(card["preprocessing"]),
        temperature=temperature,
        photograph_temperature=photographs,
        photograph_layer=layer,
        ranges=_ranges(card["activation_ranges"]),
        scope=_scope(card["scope"], scope),
        check=Check(large, small, tolerance),
        card=card,
    )


def _load_card(file: Path) -> Any:
    try:
        return json.loads(_read(file))
    except (ValueError, RecursionError):  # not JSON, not even UTF-8, or a trap
        _refuse(file, "is not the JSON it should be")


def _load_tensors(file: Path, stated: object, shapes: Shapes) -> Tensors:
    try:
        stored = load(_verified(file, stated))
    except (SafetensorError, KeyError, ValueError, TypeError):
        _refuse(file, "does not hold weights in the safetensors format")
    if {name: tensor.shape for name, tensor in stored.items()} != shapes:
        _refuse(file, "holds weights of another network than this program runs")
    tensors = {name: tensor.astype(np.float32) for name, tensor in stored.items()}
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        _refuse(file, "holds values that are not numbers")
    return tensors


def read_home_file(folder: Path, card: dict[str, Any]) -> Tensors:
    """What the network makes of home pictures, checked like weights.

    Only learning needs them, so they are not read with the bundle.

    Raises:
        BundleError: they are missing, or not those the card was made for.
    """
    stated = card.get("home")
    if not isinstance(stated, dict):
        raise BundleError(
            "This model cannot learn: it was published without home pictures"
            " (`python -m model.publish --home FOLDER`)."
        )
    pictures = stated.get("pictures")
    if not isinstance(pictures, int) or pictures < 1:
        _refuse(folder / CARD_FILE, "does not say how many home pictures there are")
    shapes = {
        "features": (pictures, FEATURE_SIZE),
        "early": (pictures, EARLY_SIZE),
        "labels": (pictures,),
        "photographs": (pictures,),
    }
    return _load_tensors(folder / HOME_FILE, stated.get("sha256"), shapes)


def _verified(file: Path, stated: object) -> bytes:
    """The bytes of a file, if they are the ones the card was made for."""
    data = _read(file)
    if hashlib.sha256(data).hexdigest() == stated:
        return data
    _refuse(file, _foreign(data) or "is damaged or not the one its card was made for")


def load_bundle(folder: Path = WEIGHTS) -> Bundle:
    """Read and verify the bundle in `folder`.

    Raises:
        BundleError: anything at all is wrong with it.
    """
    card_file = folder / CARD_FILE
    card = _load_card(card_file)
    try:
        if card["format"] != FORMAT:  # before entries that another one lacks
            raise ValueError(f"format is not {FORMAT}")
        sha256 = card["weights"]["sha256"]
        weights = _load_tensors(folder / WEIGHTS_FILE, sha256, expected_shapes())
        stated = card["photograph_layer"]["sha256"]
        layer = _load_tensors(folder / PHOTOGRAPHS_FILE, stated, LAYER_SHAPES)
        stated = card["scope"]["sha256"]
        scope = _load_tensors(folder / SCOPE_FILE, stated, SCOPE_SHAPES)
        return _interpret(card, weights, layer, scope)
    except KeyError as problem:
        _refuse(card_file, f"lacks the entry {problem}")
    except TypeError:
        _refuse(card_file, "is not arranged as a model card")
    except ValueError as problem:
        _refuse(card_file, f"does not fit this program ({problem})")
