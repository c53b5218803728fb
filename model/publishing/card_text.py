"""The model card as text for people, from the very numbers in the JSON card."""

from typing import Any

from model.classifier import GRADUAL
from model.preprocess import PANORAMA_SIDE, PHOTOGRAPH_SIDE

LIMITS = """\
## What it is for, and what not

It sorts pictures whose subject is one of ten things, and is meant to be watched: the
page shows how sure it is, and a person confirms or corrects each answer. That is the
only use it was measured for.

- Shown something else than those ten it still names one of them, sometimes with
  confidence. The flag "may be none of the ten" catches a part of that: the figures
  above say how much.
- It looks at 32x32 pixels. Small, distant, cut off or several subjects are often
  missed.
- Photographs are harder for it than CIFAR-10 pictures, and yours may be unlike those
  measured: see what the page says once some are reviewed.
- CIFAR-10 was collected from the web in 2008, and shows what was photographed there:
  some breeds, vehicles and places far more than others. Cats and dogs are the classes
  it confuses most.
- It is not for decisions about people, safety or money, nor for counting or locating
  things in a picture.
"""

NAMES = {
    "held_out": "Held out",
    "val": "Photographs held out",
    "test": "Test",
    "photographs": "Photographs",
}

ABOUT = {
    "held_out": "lossless pictures never trained on; weights were chosen on them; on"
    " them and their JPEG twins (quality 75) the first temperature was fitted",
    "val": "photographs never trained on, of the same sources as those that were;"
    " weights, score and ways of looking were chosen on them, and the photographs'"
    " temperature fitted",
    "test": "pictures of CIFAR-10's test split; nothing was fitted to them",
    "photographs": "photographs from another source, of some of the classes, some far"
    " more frequent than others: the mean over classes counts each class alike; nothing"
    " was fitted to them",
}


def _duration(seconds: int) -> str:
    return (
        f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    )


def _summary(figures: dict[str, Any]) -> list[str]:
    lines = [
        "| set | pictures | top-1 | in float32 | mean over classes | ECE before"
        " | ECE after |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {NAMES[name]} | {found['n']:,} | {found['top1']:.2f}%"
        f" | {found['top1_float32']:.2f}% | {found['macro']:.2f}%"
        f" | {found['ece_before']:.2f}% | {found['ece']:.2f}% |"
        for name, found in figures.items()
    ]
    notes = [
        f"- {NAMES[name]}: {ABOUT[name]}{_left_out(found)}."
        for name, found in figures.items()
    ]
    return [*lines, "", *notes]


def _left_out(found: dict[str, Any]) -> str:
    if "ece_left_out" not in found:
        return ""
    return (
        " (each at the temperature that the others ask for, the ECE is"
        f" {found['ece_left_out']:.2f}%)"
    )


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


SCORES = {
    "softmax": "largest probability",
    "energy": "energy",
    "fdbd": "fDBD",
    "cosine": "cosine with the nearest class mean",
    "learned": "learned from photographs",
    "mahalanobis": "Mahalanobis distance",
}


def _compared(scope: dict[str, Any]) -> list[str]:
    rows = scope["compared"]
    kinds = list(rows[0]["synthetic"])
    lines = [
        f"| score | photographs | mean over classes | {' | '.join(kinds)} |",
        "|---" * (3 + len(kinds)) + "|",
    ]
    for row in rows:
        name = SCORES.get(row["method"], row["method"])
        cells = [row["auroc"], row["macro_auroc"], *row["synthetic"].values()]
        used = " (used)" if row["method"] == scope["method"] else ""
        lines.append(f"| {name}{used} | {' | '.join(f'{v:.1f}%' for v in cells)} |")
    return lines


def _scope(card: dict[str, Any]) -> list[str]:
    """The flag: how it is made, what it lets pass, and what else was tried."""
    scope = card["scope"]
    shares = [
        f"{found['in_scope']:.1f}% of {NAMES[name].lower()}"
        f" ({found['in_scope_if_right']:.1f}% of those labelled right)"
        for name, found in card["figures"].items()
    ]
    lines = [
        f"The score is `{scope['method']}` (`model/out_of_distribution.py`), from the"
        " pass that classifies; what it is compared with or weighed by"
        f" is in `{scope['file']}` (from {scope['training_pictures']:,} training"
        f" pictures and the photographs of training, SHA-256 `{scope['sha256']}`)."
        f" A picture below {scope['threshold']} is flagged. The threshold lets"
        f" {100 * scope['passes']:.0f}% of the held-out"
        " pictures and their JPEG twins, and of the photographs held out, pass or more,"
        " and was fitted on nothing else. It lets pass"
        f" {'; '.join(shares)}.",
    ]
    if "outside" in scope:
        lines += ["", _passing(scope)]
    if "compared" not in scope:
        return lines
    return [
        *lines,
        "",
        "AUROC of the photographs held out against those of something else, over"
        " pictures and as the mean over classes, and against pictures drawn by rule."
        " The last two scores would need a bank of training features:",
        "",
        *_compared(scope),
    ]


def _passing(scope: dict[str, Any]) -> str:
    """What the flag should catch and does not."""
    names = {"val": "those held out", "photographs": "those of the other source"}
    sets = [f"{n} {names[name]}" for name, n in scope["outside"].items()]
    passing = [
        f"{names.get(kind, kind)} {share:.1f}%"
        for kind, share in scope["outside_that_passes"].items()
    ]
    return (
        f"Of photographs of something else ({', '.join(sets)}), and of pictures drawn"
        " by rule (`model/publishing/synthetic.py`), it wrongly lets pass:"
        f" {', '.join(passing)}."
    )


def _views(card: dict[str, Any]) -> list[str]:
    """What other ways of looking would have scored; nothing without photographs."""
    lines = [
        "## Ways of looking at a photograph",
        "",
        "| views | filter | top-1 | mean over classes | negative log-likelihood |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {' + '.join(row['views'])} | {row['filter']} | {row['top1']:.1f}%"
        f" | {row['macro']:.1f}% | {row['nll']:.3f} |"
        for row in card["views_compared"]
    ]
    return [*lines, ""] if card["views_compared"] else []


def _reliability(found: dict[str, Any]) -> list[str]:
    """Confidence against accuracy, the bins that hold a picture."""
    lines = ["| confidence | accuracy | pictures |", "|---|---|---|"]
    lines += [
        f"| {row['confidence']:.1f}% | {row['accuracy']:.1f}% | {row['n']:,} |"
        for row in found["reliability"]
        if row["n"]
    ]
    return lines


def _confidence(card: dict[str, Any]) -> list[str]:
    figures = card["figures"]
    if "test" not in figures:
        return []
    return [
        "## How far to believe a confidence",
        "",
        "Test pictures in fifteen bins by confidence; the same for every set stands in"
        " the JSON card.",
        "",
        *_reliability(figures["test"]),
        "",
    ]


def _near_copies(found: dict[str, Any]) -> str:
    if not found:
        return "- Near copies between these and the pictures measured: not counted."
    counts = "; ".join(
        f"{NAMES[name].lower()}: {each['exact']} exact, {each['near']} near copies"
        f" ({each['other_label']} under another label) among {each['pictures']:,}"
        for name, each in found["sets"].items()
    )
    return (
        "- Also in the training data, mirrored ones included, by a correlation of"
        f" {found['alike']} or more (`model/publishing/leakage.py`): {counts}."
    )


def _training(training: dict[str, Any]) -> list[str]:
    seconds = training["seconds"]
    spent = (
        f"{_duration(seconds)} on {training['machine']}" if seconds else "not recorded"
    )
    recipe = [f"`{key}` {value}" for key, value in training["recipe"].items()]
    taught = training.get("teachers")
    teachers = (
        [f"- Teachers (`model/training/teachers.py`): weights {taught}."]
        if taught
        else []
    )
    mean = training.get("blended")
    blended = [f"- Then averaged (`model/training/blend.py`): {mean}."] if mean else []
    return [
        f"- Data: {training['data'] or 'not recorded'}.",
        _near_copies(training.get("near_copies", {})),
        f"- Start: {training.get('start') or 'random weights'}.",
        *teachers,
        f"- Time: {spent}.",
        f"- Recipe (`model/train.py`): {', '.join(recipe) or 'not recorded'}.",
        *blended,
        "- Augmentation: `model/training/augment.py` and, of photographs,"
        " `model/training/photographs.py`. The weights are a running average of those"
        " trained.",
    ]


def _opening(card: dict[str, Any]) -> list[str]:
    weights, seen = card["weights"], card["preprocessing"]
    layer = card["photograph_layer"]
    return [
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
        f" {', '.join(seen['views'])} (crop-65 is the middle of the crop, 65% of its"
        " side, and there only where that is 32 pixels or more) are averaged as"
        " logits; those of a photograph come from a last layer of its own"
        f" (`{layer['file']}`, fitted to {layer['photographs']:,} of them). They are"
        f" divided by a temperature, {card['temperature']} or, for photographs,"
        f" {card['photograph_temperature']}, and become probabilities. A photograph is"
        f" whose shorter side is {PHOTOGRAPH_SIDE} pixels or more, or whose longer side"
        f" is {PANORAMA_SIDE} or more. Where the first view of"
        " another picture gives a class"
        f" {seen['sure'] + GRADUAL:.0%} or more (before the temperature), no other is"
        f" looked at; from {seen['sure']:.0%} on the others count less and less, so"
        " that no answer hangs on a last bit.",
        "",
    ]


def _about_home(card: dict[str, Any]) -> list[str]:
    home = card.get("home")
    if not home:
        return []
    return [
        f"- Home pictures: {home['pictures']:,} that no weights were chosen on, every"
        " other one of the test split where that is what they are from; the test"
        " figures are then of the others. The temperature of small pictures was fitted"
        " anew on them. What the network makes of them travels with the weights"
        f" (`{home['file']}`), for learning from corrections.",
    ]


def _figures(card: dict[str, Any]) -> list[str]:
    return [
        "## Figures",
        "",
        *_summary(card["figures"]),
        *_about_home(card),
        "",
        f"Measured on {card['engine']}, through the path that pictures take in the"
        ' page; "in float32" is top-1 by the same path, computed exactly. ECE is the'
        " expected calibration error over 15 bins, before and after dividing by the"
        " temperature. To repeat: `python -m model.evaluate --data FOLDER`.",
        "",
        *_per_class(card),
        "",
        "The same picture gets the same probabilities alone, in any batch and after a"
        f" restart, to within {card['same_answer']}; where it was measured, to the bit."
        " Before anything is classified, one known picture must come out as the card"
        f" says, to within {card['check']['tolerance']}.",
        "",
    ]


def readme(card: dict[str, Any]) -> str:
    """`weights/README.md`, in Markdown."""
    lines = [
        *_opening(card),
        *_figures(card),
        *_confidence(card),
        "## May be none of the ten",
        "",
        *_scope(card),
        "",
        *_views(card),
        "## Training",
        "",
        *_training(card["training"]),
        "",
        LIMITS,
    ]
    return "\n".join(lines)
