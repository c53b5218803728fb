"""The model card as text for people, from the very numbers in the JSON card."""

from typing import Any

LIMITS = """\
## What it is for, and what not

It sorts pictures whose subject is one of ten things, and is meant to be watched: the
page shows how sure it is, and a person confirms or corrects each answer. That is the
only use it was measured for.

- It has never seen anything but those ten. Shown something else it still names one of
  them, sometimes with confidence.
- It looks at 32x32 pixels. Small, distant, cut off or several subjects are often
  missed.
- Photographs are harder for it than CIFAR-10 pictures, and there it is surer than it
  should be: see the figures. The temperature was fitted on CIFAR-10.
- CIFAR-10 was collected from the web in 2008, and shows what was photographed there:
  some breeds, vehicles and places far more than others. Cats and dogs are the classes
  it confuses most.
- It is not for decisions about people, safety or money, nor for counting or locating
  things in a picture.
"""

NAMES = {
    "held_out": "Held out",
    "test": "Test",
    "photographs": "Photographs",
}

ABOUT = {
    "held_out": "pictures never trained on; the temperature was fitted on them, so"
    " their calibration error after it is flattering",
    "test": "pictures of CIFAR-10's test split, used for nothing but this line",
    "photographs": "real photographs of some of the classes, some far more frequent"
    " than others: the mean over classes counts each class alike; the way of looking"
    " was chosen on them",
}


def _duration(seconds: int) -> str:
    return (
        f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    )


def _summary(figures: dict[str, Any]) -> list[str]:
    lines = [
        "| set | pictures | top-1 | mean over classes | ECE before | ECE after |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {NAMES[name]} | {found['n']:,} | {found['top1']:.2f}%"
        f" | {found['macro']:.2f}% | {found['ece_before']:.2f}% | {found['ece']:.2f}% |"
        for name, found in figures.items()
    ]
    notes = [f"- {NAMES[name]}: {ABOUT[name]}." for name in figures]
    return [*lines, "", *notes]


def _per_class(card: dict[str, Any]) -> list[str]:
    figures = card["figures"]
    lines = [
        f"| class | {' | '.join(NAMES[name] for name in figures)} |",
        "|---" * (1 + len(figures)) + "|",
    ]
    for name in card["classes"]:
        found = [each["per_class"].get(name) for each in figures.values()]
        cells = ["no picture" if v is None else f"{v:.1f}%" for v in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _training(training: dict[str, Any]) -> list[str]:
    seconds = training["seconds"]
    spent = (
        f"{_duration(seconds)} on {training['machine']}" if seconds else "not recorded"
    )
    recipe = [f"`{key}` {value}" for key, value in training["recipe"].items()]
    return [
        f"- Data: {training['data'] or 'not recorded'}.",
        f"- Start: {training.get('start') or 'random weights'}.",
        f"- Time: {spent}.",
        f"- Recipe (`model/train.py`): {', '.join(recipe) or 'not recorded'}.",
        "- Augmentation: `model/augment.py`. The weights are a running average of those"
        " trained.",
    ]


def readme(card: dict[str, Any]) -> str:
    """`weights/README.md`, in Markdown."""
    weights, seen = card["weights"], card["preprocessing"]
    lines = [
        f"# {card['name']}",
        "",
        "Written by `python -m model.publish` together with the JSON card beside it;"
        " change neither by hand.",
        "",
        f"`{weights['file']}`: ResNet-18 as torchvision defines it, with a 3x3 first"
        f" convolution of stride 1 and no max-pool. {weights['bytes'] / 1e6:.1f} MB in"
        f" {weights['precision']}, SHA-256 `{weights['sha256']}`.",
        "",
        f"Classes: {', '.join(card['classes'])}.",
        "",
        f"A picture is reduced to {seen['size']}x{seen['size']} pixels with a"
        f" {seen['filter']} filter; the first {seen['looks']} distinct views of"
        f" {', '.join(seen['views'])} are averaged as logits, which are divided by the"
        f" temperature {card['temperature']} and become probabilities.",
        "",
        "## Figures",
        "",
        *_summary(card["figures"]),
        "",
        f"Measured on {card['engine']}, through the path that pictures take in the"
        " page. ECE is the expected calibration error over 15 bins, before and after"
        " dividing by the temperature. To repeat: `python -m model.evaluate --data"
        " FOLDER`.",
        "",
        *_per_class(card),
        "",
        "## Training",
        "",
        *_training(card["training"]),
        "",
        LIMITS,
    ]
    return "\n".join(lines)
