"""Whatever the streams are, a command ends with a status and one sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models import picture
from tests.support.paths import ROOT

COMMANDS = ("predict", "evaluate", "train", "publish", "publishing.leakage")
PREDICT = [sys.executable, "-m", "model.predict"]


def ran(*command: str, **more) -> subprocess.CompletedProcess[str]:
    environment = os.environ | more.pop("env", {})
    return subprocess.run(
        [*PREDICT, *command],
        cwd=ROOT,
        env=environment,
        check=False,
        text=True,
        stderr=subprocess.PIPE,
        **({"stdout": subprocess.PIPE} | more),
    )


@pytest.mark.parametrize("coding", ["cp1252", "ascii", "utf-8"])
def test_no_name_ends_the_run_in_any_encoding(tmp_path: Path, coding: str):
    for name in ("a.png", "猫.png", "ж.txt"):
        (tmp_path / name).write_bytes(b"x")
    picture(1).save(tmp_path / "z.png")
    done = ran(str(tmp_path), env={"PYTHONIOENCODING": coding})
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    assert ("猫" in done.stdout) == (coding == "utf-8")
    assert (r"\u732b.png" in done.stdout) == (coding != "utf-8")


def test_a_full_disk_is_a_sentence(tmp_path: Path):
    with open("/dev/full", "w") as full:
        done = ran(str(tmp_path / "a.png"), stdout=full)
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output cannot be written: No space left on device\n"
    )


def closing(*numbers: int):
    return lambda: [os.close(number) for number in numbers]


def test_without_an_output_nothing_is_begun(tmp_path: Path):
    done = ran(str(tmp_path), stdout=None, preexec_fn=closing(1))
    assert done.returncode == 1
    assert done.stderr == "error: there is no output to write to\n"


def test_closed_streams_are_no_files_that_are_written_into(tmp_path: Path):
    picture(1).save(tmp_path / "a.png")
    done = ran(str(tmp_path), preexec_fn=closing(0, 2))
    assert done.returncode == 0
    assert done.stdout.endswith("a.png\n")


def test_ctrl_c_is_a_sentence_and_a_status():
    process = subprocess.Popen(
        [*PREDICT, *["README.md"] * 60_000],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    stopped = "error: stopped; what was said until then holds\n"
    assert (process.returncode, said) == (130, stopped)


def test_ctrl_c_while_it_loads_is_a_sentence_too():
    code = "from model.command_line import *; say_when_interrupted(); raise {}"
    for problem, said in (("KeyboardInterrupt", "error: stopped"), ("KeyError", "Tra")):
        command = [sys.executable, "-c", code.format(problem)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode != 0
        assert done.stderr.startswith(said)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_alike(name: str):
    source = (ROOT / "model" / f"{name.replace('.', '/')}.py").read_text()
    assert source.endswith('if __name__ == "__main__":\n    run(main)\n')
    assert source.index("say_when_interrupted()") < source.index("\nfrom model.")
