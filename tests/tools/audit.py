"""Known holes in the pinned packages: `python -m tests.tools.audit`, `make audit`.

Hands the locked files of what `make` installs to pip-audit, which asks the public OSV
service about each package. Ends with 1 where a hole is known, and with 0 where none is
or where nobody could be asked, which it then says: being offline is no fault of the
packages. requirements/bench.txt is left out: it is for a measurement, on its own.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKED = ("requirements.txt", "requirements/dev.txt")
SECONDS = 90
"""For all packages together; the service answers in a fraction of a second each."""
NO_ANSWER = re.compile(
    r"requests\.exceptions\.|interface\.ServiceError|Could not connect"
)
NOT_CHECKED = "not checked: no answer from the advisory service"


def ask(files: list[Path], *options: str, seconds: float) -> tuple[str, str]:
    """What pip-audit prints and complains of; it ends when its time is up."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--format=json"]
    command += ["--vulnerability-service=osv", "--progress-spinner=off", "--timeout=10"]
    for file in files:
        command += ["--requirement", str(file)]
    try:
        done = subprocess.run(
            [*command, *options],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
    except subprocess.TimeoutExpired:
        return "", "Could not connect in time"
    return done.stdout, done.stderr


def holes(report: dict) -> Iterator[str]:
    """One line a known hole."""
    for package in report["dependencies"]:
        for hole in package.get("vulns", []):
            mended = ", ".join(hole["fix_versions"]) or "no version yet"
            name = f"{package['name']} {package['version']}"
            yield f"{name}: {hole['id']}, mended in {mended}"


def verdict(printed: str, complaints: str) -> tuple[int, str]:
    """The exit status, and what to say."""
    try:
        report = json.loads(printed)
    except ValueError:
        if NO_ANSWER.search(complaints):
            return 0, NOT_CHECKED
        return 2, f"pip-audit failed:\n{complaints}"
    skipped = [p["name"] for p in report["dependencies"] if "skip_reason" in p]
    if skipped:
        return 2, f"pip-audit left out {', '.join(skipped)}"
    found = sorted(set(holes(report)))
    checked = f"{len(report['dependencies'])} packages checked"
    return bool(found), "\n".join([*found, f"{checked}, {len(found)} known holes"])


def main(arguments: list[str] | None = None) -> int:
    """Check the locked files."""
    parser = argparse.ArgumentParser(description="Known holes in pinned packages.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--osv-url", help="an advisory service of your own")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = parser.parse_args(arguments)
    files = asked.files or [ROOT / name for name in LOCKED]
    own = ["--osv-url", asked.osv_url] if asked.osv_url else []
    status, said = verdict(*ask(files, *own, seconds=asked.seconds))
    print(f"Known holes in packages: {said}" if status == 0 else said)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
