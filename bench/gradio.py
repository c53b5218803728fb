"""This page against Gradio, in a browser: `python -m bench.gradio [--json]`.

The same weights through the same `model.classifier`, the same pictures, the same
browser: seconds from giving files to seeing their labels, timed inside the page (see
`bench.browser`), systems and cases in an order drawn anew for every round, a fresh
page for each.

Labels are seen here when the strip below the drop zone has the label and confidence of
every picture given, the last of a hundred too; those further along are scrolled to.
Each is on disk by then. The cards to review them on come after that, once Streamlit
has drawn the page again: `--cards` times this page until the first of them are there
and all pictures are counted.

Gradio is an `Interface` with flagging that answers without a click on Submit, and for a
hundred files one from `Files` to `Dataframe` that asks the model once for all of them
(`bench/gradio_app.py`). Seen is its label, or its table, which gets all rows at once
and shows some ten. `--gradio-loop` and `--gradio-engine torch` make it the plainer
application that most would write.

The small ones are blotches drawn by rule. The model is sure of none of them, so each
costs it a second look, twice the work that most pictures are, on both sides; `--small`
gives pictures from a folder instead.

Then the seconds to correct 20 of 100 pictures. Here: the review queue, by keys, all
100 of them (80 confirmed, 20 corrected) until the last verdict is on disk, with the
time the driver takes to press keys. In Gradio a correction is to choose the picture
again, wait for its label and flag it under another: 20 times that, until the button
says that it is saving, without the driver's time and without the 0.8 s that Gradio
then rests. It keeps nothing of the other 80.

Gradio runs in an environment of its own (`requirements/bench.txt`).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import FilePayload

from bench.browser import (
    Ratio,
    Spread,
    chromium,
    interleaved,
    print_found,
    ratio,
    spread,
)
from bench.drivers import (
    CORRECTED,
    HUNDRED,
    Gradio,
    ThisPage,
    chosen,
    drawn,
    payloads,
    small,
    told_apart,
)
from bench.pictures import LARGE, as_jpegs, sources
from bench.server import ROOT, free_port, served, this_app
from model.bundle import BundleError
from model.classifier import load_classifier

SYSTEMS = ("this page", "gradio")
CASES = ("1 small", "1 of 12 megapixels", "100 small", "correct 20 of 100")

GRADIO_PYTHON = ROOT / ".venv-gradio" / "bin" / "python"

Task = tuple[str, str]
Label = Callable[[list[FilePayload]], float]


@dataclass(frozen=True)
class Comparison:
    """Both systems at one thing."""

    case: str
    seconds: dict[str, Spread]
    gradio_takes: Ratio
    """Times as long as this page."""


def tasks(
    ours: ThisPage,
    gradio: Gradio,
    large: list[FilePayload],
    some: Callable[[Sequence[int]], list[FilePayload]],
    apart: list[int],
) -> dict[Task, Callable[[int], float]]:
    """What is timed, given the number of the round."""
    found: dict[Task, Callable[[int], float]] = {}
    systems: tuple[ThisPage | Gradio, ...] = (ours, gradio)
    for name, system in zip(SYSTEMS, systems, strict=True):

        def one(n: int, label: Label = system.label) -> float:
            return label(some([n]))

        def photograph(n: int, label: Label = system.label) -> float:
            return label([large[n % len(large)]])

        def hundred(n: int, label: Label = system.label) -> float:
            return label(some(range(n * HUNDRED, (n + 1) * HUNDRED)))

        found |= {
            (name, CASES[0]): one,
            (name, CASES[1]): photograph,
            (name, CASES[2]): hundred,
        }
    found["this page", CASES[3]] = lambda n: ours.correct(small(range(HUNDRED)))
    found["gradio", CASES[3]] = lambda n: gradio.correct(small(apart))
    return found


def compare(taken: dict[Task, list[float]]) -> list[Comparison]:
    """Put both systems side by side."""
    return [
        Comparison(
            case,
            {name: spread(taken[name, case]) for name in SYSTEMS},
            ratio(taken["gradio", case], taken["this page", case]),
        )
        for case in dict.fromkeys(case for _, case in taken)
    ]


def as_text(found: Sequence[Comparison]) -> str:
    """A table for a person."""
    head = f"{'':<20}{'system':<11}{'n':>4}{'median':>9}{'least':>8}{'most':>8}"
    lines = [f"{head}  gradio takes (95%)"]
    for each in found:
        for name in SYSTEMS:
            s = each.seconds[name]
            ours = name == "this page"
            line = f"{each.case if ours else '':<20}{name:<11}{s.n:>4}"
            line += f"{s.median:>9.3f}{s.least:>8.3f}{s.most:>8.3f}"
            r = each.gradio_takes
            times = f"  {r.ratio:.2f} times ({r.low:.2f}-{r.high:.2f})"
            lines.append(line if ours else line + times)
    return "\n".join(lines)


def measure(options: argparse.Namespace, apart: list[int]) -> list[Comparison]:
    """Start both systems, give them their pictures, stop them."""
    cases = options.case or CASES
    some = partial(chosen, options.small) if options.small else small
    photographs = payloads(as_jpegs(sources(options.photos), LARGE), "photograph")
    with tempfile.TemporaryDirectory(prefix="bench-gradio-") as folder:
        data, flagged = Path(folder) / "data", Path(folder) / "flagged"
        ports = [free_port(), free_port()]
        command = [options.gradio_python, "-m", "bench.gradio_app"]
        command += ["--ports", *map(str, ports), "--flagged", str(flagged)]
        if options.gradio_engine:
            command.append(f"--engine={options.gradio_engine}")
        if options.gradio_loop:
            command.append("--loop")
        quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        answering = dict.fromkeys(ports, "/")
        log = Path(folder) / "gradio.log"
        with (
            served(command, answering, log, **quiet),
            this_app(data) as (url, _),
            chromium() as browser,
        ):
            ours = ThisPage(browser, url, data, cards=options.cards)
            gradio = Gradio(browser, ports, flagged)
            todo = tasks(ours, gradio, photographs, some, apart)
            asked = {task: run for task, run in todo.items() if task[1] in cases}
            return compare(interleaved(asked, options.rounds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gradio",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--case", action="append", choices=CASES, help="only this one; may be repeated"
    )
    parser.add_argument(
        "--cards",
        action="store_true",
        help="time this page until its cards are drawn, not until labels are seen",
    )
    parser.add_argument(
        "--photos", type=Path, help="photographs to make the large from"
    )
    parser.add_argument(
        "--small", type=Path, help="folder of JPEG files to give as the small ones"
    )
    parser.add_argument(
        "--gradio-python",
        default=str(GRADIO_PYTHON),
        help="a Python with requirements/bench.txt (%(default)s)",
    )
    parser.add_argument(
        "--gradio-engine",
        choices=["openvino", "torch"],
        help="what computes on Gradio's side; by default OpenVINO, as here (torch has"
        " to be installed there first)",
    )
    parser.add_argument(
        "--gradio-loop",
        action="store_true",
        help="a hundred files one after another, as a plain loop would",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if something to measure is missing."""
    options = _parser().parse_args(arguments)
    before = os.getloadavg()[0]
    try:
        answers = load_classifier().predict([drawn(n) for n in range(HUNDRED)])
        pairs = [(answer.label, answer.confidence) for answer in answers]
        found = measure(options, told_apart(pairs, CORRECTED))
    except (BundleError, OSError, RuntimeError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print_found("comparisons", found, as_text(found), before, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
