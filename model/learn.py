"""Learn from corrections without the page: `python -m model.learn`.

From the record: learns from all reviews to date and keeps what came of it as a version
on offer. `--use VERSION` (or `base`) puts one into service; that is another line of
the record, so going back is the same command. Nothing comes into service by itself.

    python -m model.learn [--add LABEL] [--json]
    python -m model.learn --use VERSION

From folders, to see what it would be worth: learns from `--reviewed FOLDER` (a folder
for each label; what the published model answers counts as the prediction that was
confirmed or corrected) and measures on `--rest FOLDER`, pictures that it has not seen,
and on `--home FOLDER`. Labels that are none of the ten become classes if they have
20 pictures. Nothing is kept.

    python -m model.learn --reviewed FOLDER --rest FOLDER [--home FOLDER] [--json]
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model.bundle import WEIGHTS


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.learn",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reviewed", type=Path, help="a folder for each label")
    parser.add_argument("--rest", type=Path, help="the same, to measure on")
    parser.add_argument("--home", type=Path, help="the same, of pictures at home")
    parser.add_argument("--use", metavar="VERSION", help="serve this one, or `base`")
    parser.add_argument("--who", default="", help="your name, for the record")
    parser.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="LABEL",
        help="a label of your own to make a class; may be given again",
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--engine", choices=["openvino", "torch"])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--nice", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if bool(options.reviewed) != bool(options.rest):
        parser.error("--reviewed and --rest go together")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn as the command line says; 1 if that cannot be."""
    options = parse_arguments(arguments)
    # One thread: two that wait for each other take a busy machine many times as long.
    # Read when numpy is first imported, so that comes after.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.nice(options.nice)
    from model.bundle import BundleError

    try:
        text = _tried(options) if options.reviewed else _from_record(options)
    except (BundleError, OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(text)
    return 0


def _tried(options: argparse.Namespace) -> str:
    from model.learning.trial import as_text, run

    found = run(options)
    return json.dumps(found) if options.json else as_text(found)


def _from_record(options: argparse.Namespace) -> str:
    from workflow.learned import run

    def tell(share: float) -> None:
        if options.progress:
            print(json.dumps({"progress": round(share, 3)}), flush=True)

    found = run(options, tell)
    if options.json:
        return json.dumps(found)
    if "serving" in found:
        return f"Version {found['serving']} serves from now on."
    kept = f"Use it: --use {found['version']}" if found["version"] else "Not offered."
    return f"{found['reason']} {kept}"


if __name__ == "__main__":
    sys.exit(main())
