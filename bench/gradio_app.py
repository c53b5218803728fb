"""The baseline of `bench.gradio`: Gradio's `Interface` with flagging, around our model.

    python -m bench.gradio_app --ports 7861 7862 --flagged FOLDER

The first port serves one picture at a time, with a button for each label to flag it
under; the second takes many files and answers with a table. Both answer as soon as
the files are there (`live=True`), without a click on Submit. Gradio pins an older
Pillow than the page, so this runs in an environment of its own
(`requirements/bench.txt`) and imports nothing but `model`.
"""

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from PIL import Image

from model.bundle import WEIGHTS
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier


def one(classifier: Classifier, flagged: str) -> gr.Interface:
    """One picture in, its likeliest labels out."""

    def classify(image: Image.Image | None) -> dict[str, float] | None:
        if image is None:  # the picture was taken away
            return None
        (prediction,) = classifier.predict([image])
        return dict(prediction.top(len(CLASSES)))

    return gr.Interface(
        classify,
        gr.Image(type="pil"),
        gr.Label(num_top_classes=3),
        live=True,
        flagging_mode="manual",
        flagging_options=list(CLASSES),
        flagging_dir=flagged,
    )


def many(classifier: Classifier, flagged: str, *, loop: bool) -> gr.Interface:
    """Many files in, a table of labels out.

    Args:
        classifier: answers.
        flagged: folder for what is flagged.
        loop: ask it for one picture after another, not for all at once.
    """

    def classify(paths: list[str] | None) -> list[list[object]]:
        images = []
        for path in paths or []:
            with Image.open(path) as image:
                images.append(image.convert("RGB"))
        parts = [[image] for image in images] if loop else [images]
        found = [answer for part in parts for answer in classifier.predict(part)]
        return [
            [Path(path).name, prediction.label, round(prediction.confidence, 4)]
            for path, prediction in zip(paths or [], found, strict=True)
        ]

    return gr.Interface(
        classify,
        gr.Files(type="filepath"),
        gr.Dataframe(headers=["file", "label", "confidence"]),
        live=True,
        flagging_mode="manual",
        flagging_options=list(CLASSES),
        flagging_dir=flagged,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve both until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.gradio_app")
    parser.add_argument("--ports", type=int, nargs=2, required=True)
    parser.add_argument("--flagged", required=True, help="folder for what is flagged")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--engine", choices=["openvino", "torch"])
    parser.add_argument("--loop", action="store_true", help="one picture at a time")
    options = parser.parse_args(arguments)
    classifier = load_classifier(options.weights, options.engine)
    interfaces = (
        one(classifier, f"{options.flagged}/one"),
        many(classifier, f"{options.flagged}/many", loop=options.loop),
    )
    for interface, port in zip(interfaces, options.ports, strict=True):
        interface.launch(
            server_name="127.0.0.1",
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
        )
    threading.Event().wait()


if __name__ == "__main__":
    main()
