"""Pictures with a lesson in them: their colour says what people call them."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from db import Database, NewImage
from intake.pictures import Picture, read_picture
from model.classifier import Classifier
from tests.support.models import picture


def tinted(seed: int, label: str) -> Image.Image:
    """What people want told apart: the colour of a picture, whatever is on it."""
    colour = {"cat": (250, 40, 40), "ship": (40, 40, 250), "kite": (40, 250, 40)}[label]
    return Image.blend(picture(seed), Image.new("RGB", (32, 32), colour), 0.6)


def fill(folder: Path, counts: dict[str, int], first: int) -> Path:
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for n in range(count):
            file = folder / label / f"{n}.png"
            tinted(first + 1000 * len(label) + n, label).save(file)
    return folder


def saved(picture: Picture, label: str, classifier: Classifier) -> NewImage:
    (answer,) = classifier.predict([picture.image])
    return NewImage(
        sha256=picture.sha256,
        data=picture.data,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        thumbnail=picture.thumbnail,
        name="x.png",
        source="",
        prediction=answer.label,
        confidence=answer.confidence,
        probabilities=answer.probabilities,
        model_version=answer.model_version,
        label=label,
        dhash=picture.dhash,
    )


def review(
    database: Database, classifier: Classifier, folder: Path, *, confirmed: int = 20
) -> None:
    """Save pictures under the labels of their folders, and some as answered."""
    read = [
        (read_picture(file.read_bytes()), file.parent.name)
        for file in sorted(folder.glob("*/*.png"))
    ]
    entries = [saved(picture, label, classifier) for picture, label in read]
    for n in range(confirmed):
        file = folder / f"{n}.png"
        picture(5000 + n).save(file)
        one = saved(read_picture(file.read_bytes()), "", classifier)
        entries.append(replace(one, label=one.prediction))
    database.save(entries, "Zoë")
