"""What is installed: pinned, hashed, complete, and checked for known holes."""

import json
import re
import subprocess
import threading
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.server import free_port
from tests.support.paths import ROOT
from tests.support.stand_in import Handler, host
from tests.tools import audit

PARTS = ("base", "bulk", "login", "postgres", "dev", "bench")
LOCKED = (*PARTS, "cpu")
PIN = re.compile(r"([A-Za-z0-9_.-]+)(?:\[([a-z,]+)\])?==([^\s;*]+)(?: ; ([^\\]+?))?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
ONLY_CUDA = ("cuda-", "nvidia-", "triton", "torch")


def short(part: str) -> Path:
    """The file that names what is asked for."""
    return ROOT / "requirements" / f"{part}.in"


def lock_of(part: str) -> Path:
    """The file that pins all of it; what the page needs is where people look first."""
    return ROOT / ("requirements.txt" if part == "base" else f"requirements/{part}.txt")


def asked_for(part: str) -> dict[str, str]:
    """Name and version of every package that a short file names."""
    lines = short(part).read_text().splitlines()
    asked = [line.split()[0] for line in lines if line[:1].isalpha()]
    found = [PIN.fullmatch(pin) for pin in asked]
    assert all(found), asked
    return {canonicalize_name(m[1]): m[3] for m in found if m}


class Entry(NamedTuple):
    """One package of a locked file, and who asked for it."""

    name: str
    version: str
    marker: str
    hashes: list[str]
    reason: str


def entries(part: str) -> list[Entry]:
    """Every package of a locked file."""
    text = lock_of(part).read_text()
    found = []
    for entry in re.split(r"\n(?=[^\s#])", re.sub(r"(?m)^#.*\n?", "", text).strip()):
        first, *rest = re.split(r" \\\n\s+|\n\s+", entry)
        pin = PIN.fullmatch(first)
        assert pin, f"not pinned: {first}"
        hashes, reason = rest[:-1], rest[-1]
        name = canonicalize_name(pin[1])
        found.append(Entry(name, pin[3], pin[4] or "", hashes, reason))
    return found


def names(part: str) -> set[str]:
    return {entry.name for entry in entries(part)}


def pins(part: str) -> set[tuple[str, str]]:
    return {(entry.name, entry.version) for entry in entries(part)}


def holds(marker: str, extra: str = "") -> bool:
    return not marker or Marker(marker).evaluate({"extra": extra})


def brought_along(part: str) -> set[str]:
    """What the installed packages say they need, from those asked for on."""
    lines = short(part).read_text().splitlines()
    waiting = [Requirement(line.split()[0]) for line in lines if "==" in line]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        for needed in map(Requirement, requires(wanted.name) or ()):
            marker = str(needed.marker or "")
            if any(holds(marker, extra) for extra in {"", *wanted.extras}):
                waiting.append(needed)
    return {canonicalize_name(Requirement(wanted).name) for wanted in seen}


@pytest.mark.parametrize("part", PARTS)
def test_every_pin_has_a_reason(part: str):
    for line in short(part).read_text().splitlines():
        if not line.startswith(("#", "-c", "-r")):
            assert re.fullmatch(PIN.pattern + r" +# \S.+", line), line


@pytest.mark.parametrize("part", LOCKED)
def test_everything_is_pinned_with_hashes(part: str):
    for entry in entries(part):
        assert entry.hashes, f"{entry.name} has no hash"
        assert all(HASH.fullmatch(line) for line in entry.hashes), entry.name


@pytest.mark.parametrize("part", LOCKED)
def test_no_locked_file_says_where_to_load_from(part: str):
    text = lock_of(part).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.M)


@pytest.mark.parametrize("part", PARTS)
def test_locked_and_short_files_fit(part: str):
    assert set(asked_for(part).items()) <= pins(part)
    known = names(part) if part == "bench" else names(part) | names("base")
    for name, _, _, _, reason in entries(part):
        assert reason.startswith("# via "), name
        for why in re.findall(r"(?<= )[a-z][\w.-]*", reason.removeprefix("# via")):
            if not why.startswith("requirements"):
                assert canonicalize_name(why) in known, f"{name} is there for {why}"
        if f"-r requirements/{part}.in" in reason:
            assert name in asked_for(part), f"{name} is no longer asked for"


@pytest.mark.parametrize("part", ["base", "dev"])
def test_all_that_is_brought_along_is_locked(part: str):
    try:
        needed = brought_along(part)
    except PackageNotFoundError as problem:
        pytest.skip(f"not installed here: {problem}")
    assert needed <= names(part) | names("base")


def test_one_package_has_one_version():
    """What is installed one file after the other must agree."""
    found = {(e.name, e.marker): e.version for e in entries("base")}
    for part in ("cpu", "bulk", "login", "postgres", "dev"):
        for e in entries(part):
            assert found.setdefault((e.name, e.marker), e.version) == e.version, e.name


def test_the_cpu_build_brings_all_but_torch_and_cuda():
    left_out = pins("base") - pins("cpu")
    assert left_out
    assert all(name.startswith(ONLY_CUDA) for name, _ in left_out)
    assert not [name for name in names("cpu") if name.startswith(ONLY_CUDA)]


def made(venv: Path, *arguments: str) -> str:
    """What `make test` would do in an environment that is there."""
    command = ["make", "--dry-run", f"VENV={venv}", *arguments, "test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_what_changed_in_a_locked_file_is_installed(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    for name in ("bin/python", "runtime", "development"):
        (tmp_path / name).touch()
    assert "--require-hashes" not in made(tmp_path)
    for part in ("base", "dev"):
        changed = lock_of(part).relative_to(ROOT).as_posix()
        assert f"--require-hashes -r {changed}" in made(tmp_path, "-W", changed)
    small = made(tmp_path, "-W", "requirements/cpu.txt", "TORCH=cpu")
    assert "--require-hashes -r requirements/cpu.txt" in small
    assert "--require-hashes -r requirements.txt" not in small


def test_an_unpinned_or_unhashed_line_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("a>=1 \\\n    # via b\n")
    with pytest.raises(AssertionError, match="not pinned"):
        entries("base")
    (tmp_path / "requirements.txt").write_text("a==1\n    # via b\n")
    assert entries("base") == [Entry("a", "1", "", [], "# via b")]


class Advisories(Handler):
    """A stand-in for the advisory service: numpy has a hole, nothing else has."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = asked["package"]["name"]
        fixed = [{"introduced": "0"}, {"fixed": "99.0"}]
        affected = {
            "package": asked["package"],
            "ranges": [{"type": "ECOSYSTEM", "events": fixed}],
        }
        hole = {"id": "TEST-1", "summary": "a hole", "affected": [affected]}
        found = {"vulns": [hole]} if name == "numpy" else {}
        self.answer(200, json.dumps(found).encode(), "application/json")


def test_a_known_hole_fails_the_audit(locked: Path, capsys: pytest.CaptureFixture):
    with host(Advisories) as url:
        assert audit.main([str(locked), "--osv-url", url]) == 1
        assert "numpy 2.4.6: TEST-1, mended in 99.0" in capsys.readouterr().out
        locked.write_text(locked.read_text().splitlines()[1])
        assert audit.main([str(locked), "--osv-url", url]) == 0
        assert "1 packages checked, 0 known holes" in capsys.readouterr().out


def test_no_answer_is_said_and_fails_nothing(
    locked: Path, capsys: pytest.CaptureFixture
):
    closed = f"http://127.0.0.1:{free_port()}/"
    assert audit.main([str(locked), "--osv-url", closed]) == 0
    assert audit.NOT_CHECKED in capsys.readouterr().out


def test_a_silent_service_is_not_waited_for(
    locked: Path, capsys: pytest.CaptureFixture
):
    over = threading.Event()

    class Silent(Handler):
        def do_POST(self):
            over.wait(60)

    with host(Silent) as url:
        try:
            status = audit.main([str(locked), "--osv-url", url, "--seconds", "2"])
        finally:
            over.set()
    assert status == 0
    assert audit.NOT_CHECKED in capsys.readouterr().out


def test_an_audit_that_breaks_is_no_clean_audit(
    locked: Path, capsys: pytest.CaptureFixture
):
    locked.write_text("numpy==\n")
    assert audit.main([str(locked)]) == 2
    assert "pip-audit failed" in capsys.readouterr().out


def test_the_locked_files_can_be_audited():
    """Every package of them is asked about; the real service is not needed for it."""
    with host(Advisories) as url:
        files = [ROOT / name for name in audit.LOCKED]
        printed, complaints = audit.ask(files, "--osv-url", url, seconds=200)
    report = json.loads(printed or pytest.fail(complaints))
    checked = {canonicalize_name(package["name"]) for package in report["dependencies"]}
    wanted = {e.name for p in ("base", "dev") for e in entries(p) if holds(e.marker)}
    assert checked == wanted
    assert audit.verdict(printed, complaints)[0] == 1
