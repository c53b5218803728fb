"""Login and the files for a team, as far as they can be checked without containers.

What the proxy does with real requests is in test_proxy.py, the page behind it in
test_team_browser.py.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
import yaml
from PIL import Image

from intake.archive import MAX_ARCHIVE
from routes.login import HEADER, SECRET, Gate, clean_name
from tests.support.paths import ROOT
from tests.support.waiting import run_async

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NGINX = (DEPLOY / "nginx.conf.template").read_text()
PROXY = {b"x-forwarded-user": b"ada", b"x-proxy-secret": b"s3cret"}


def asked(headers: dict[bytes, bytes], path: str = "/", kind: str = "http") -> object:
    """The status that a request gets; "in" where it reaches the application."""
    sent: list[dict] = []

    async def application(*_):
        sent.append({"status": "in"})

    async def send(message):
        sent.append(dict(message))

    page = {b"host": b"localhost", b"origin": b"http://localhost"}
    scope = {"type": kind, "path": path, "headers": list((page | headers).items())}
    run_async(Gate(application)(scope, None, send))
    return sent[0].get("status", sent[0].get("code"))


def test_login_is_off_by_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(HEADER, raising=False)
    assert asked({}) == "in"


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("path", ["/", "/export.zip", "/thumb/a.jpg", "/_stcore/x"])
def test_only_the_proxy_gets_in(path: str):
    assert asked(PROXY, path) == "in"
    for lacking in PROXY:
        rest = {k: v for k, v in PROXY.items() if k != lacking}
        assert asked(rest, path) == 401
        assert asked(rest, path, "websocket") == 1008
    assert asked(PROXY | {b"x-proxy-secret": b"guess"}, path) == 401
    assert asked(PROXY | {b"x-forwarded-user": b" \x00 "}, path) == 401


@pytest.mark.usefixtures("login")
def test_the_health_check_needs_no_login():
    assert asked({}, "/_stcore/health") == "in"


def test_without_a_secret_nobody_gets_in(login: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SECRET, "")
    assert asked(PROXY | {b"x-proxy-secret": b""}) == 401


def test_names_are_text_of_bounded_length():
    assert clean_name(" Ada\x00\x1b[31m Lovelace\n") == "Ada [31m Lovelace"
    assert len(clean_name("a" * 999)) == 64


def test_the_application_stands_behind_the_gate():
    from app import app

    assert isinstance(app, st.App)
    assert Gate in [m.cls for m in app._user_middleware]


def test_every_file_the_containers_need_is_there():
    for place in copied():
        assert place.exists(), place
    made_by_hand = {"htpasswd", "tls"}
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                name = source.removeprefix("./")
                assert name in made_by_hand or (DEPLOY / name).exists(), name
            else:
                assert source in COMPOSE["volumes"]


def copied() -> list[Path]:
    """What the image holds of the repository, as it is asked to be copied."""
    lines = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M)
    return [ROOT / name for name in " ".join(lines).split()]


def test_nothing_that_the_code_imports_is_left_out_of_the_image():
    inside = {place.name.removesuffix(".py") for place in copied()}
    ours = {p.stem for p in [*ROOT.glob("*.py"), *ROOT.glob("*/__init__.py")]}
    ours |= {folder.name for folder in ROOT.iterdir() if [*folder.glob("*.py")]}
    for place in copied():
        for file in place.rglob("*.py") if place.is_dir() else [place]:
            if file.suffix != ".py":
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    room = name.split(".")[0]
                    assert room in inside or room not in ours, f"{file} needs {room}"


def test_what_is_copied_is_handed_to_the_build():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert kept == {place.name for place in copied()}
    assert ".streamlit/secrets.toml" in ignored


def test_the_image_installs_what_is_locked_and_nothing_else():
    files = re.findall(r"-r (\S+)", DOCKERFILE)
    parts = ("cpu", "login", "postgres")
    assert files == [f"requirements/{part}.txt" for part in parts]
    assert DOCKERFILE.count("pip install") == 1
    assert "pip install --require-hashes -r" in DOCKERFILE


def test_the_page_starts_and_answers_without_torch(tmp_path: Path):
    """The image has none."""
    picture = tmp_path / "green.png"
    Image.new("RGB", (64, 64), "green").save(picture)
    files = [f.relative_to(ROOT) for f in (ROOT / "ui").rglob("*.py")]
    parts = {".".join(file.with_suffix("").parts) for file in files}
    parts -= {"ui.page"}  # draws when it is imported, and imports nothing but these
    program = (
        "import sys; sys.modules.update(torch=None, torchvision=None)\n"
        f"import app, db, {', '.join(sorted(parts))}\n"
        "from model import predict\n"
        "raise SystemExit(predict.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(picture)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(picture) in done.stdout


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def client() -> list[str]:
    """Compose, of either kind; it reads and checks the file without an engine."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True)
            if not asked.returncode:
                return command
    return pytest.skip("Compose is not installed (apt-get install docker-compose)")


SETTINGS = {
    "HOST_NAME": "pictures.example.org",
    "DATABASE_PASSWORD": "of-the-database",
    "PROXY_SECRET": "of-the-proxy",
}


def compose(folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Have Compose read the file with these settings, as a `.env` holds them."""
    file = folder / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [*client(), "--env-file", file, "--file", DEPLOY / "compose.yaml"]
    return subprocess.run(
        [*command, "config"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


def test_compose_takes_the_file(tmp_path: Path):
    done = compose(tmp_path, SETTINGS)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert set(read["services"]) == set(COMPOSE["services"])
    for name in ("page1", "page2"):
        page = read["services"][name]
        assert f"--server.allowedHosts={SETTINGS['HOST_NAME']}" in str(page["command"])
        assert page["environment"]["CLASSIFY_PROXY_SECRET"] == SETTINGS["PROXY_SECRET"]


@pytest.mark.parametrize("missing", SETTINGS)
@pytest.mark.parametrize("value", [None, ""])
def test_compose_refuses_to_start_without_a_setting(
    tmp_path: Path, missing: str, value: str | None
):
    rest = {name: given for name, given in SETTINGS.items() if name != missing}
    done = compose(tmp_path, rest if value is None else rest | {missing: value})
    assert done.returncode != 0
    assert "env.example" in done.stderr


def test_the_example_names_every_setting():
    example = (DEPLOY / "env.example").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.M)) == set(SETTINGS)


def test_the_page_runs_with_little_power():
    assert re.search(r"^USER 10001$", DOCKERFILE, re.M)
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("CMD [")
    for name in ("page1", "page2"):
        page = COMPOSE["services"][name]
        assert page["read_only"]
        assert page["cap_drop"] == ["ALL"]
        assert "ports" not in page, "only the proxy may be reached"
        assert page["environment"]["CLASSIFY_LOGIN_HEADER"]
    assert "ports" not in COMPOSE["services"]["database"]
    assert COMPOSE["services"]["proxy"]["ports"] == ["443:443"]


def test_proxy_and_page_fit_each_other():
    for page in ("page1", "page2"):
        assert f"server {page}:8501;" in NGINX
    assert "EXPOSE 8501" in DOCKERFILE
    for header in ("X-Forwarded-User $person", "X-Proxy-Secret ${PROXY_SECRET}"):
        assert f"proxy_set_header {header};" in NGINX
    assert "hash $person$token" in NGINX
    assert "default    $remote_user;" in NGINX
    assert f"client_max_body_size {MAX_ARCHIVE // 2**30}g;" in NGINX
    assert "auth_basic_user_file" in NGINX
    for header in ("Strict-Transport-Security", "X-Content-Type-Options"):
        assert f"add_header {header}" in NGINX


def test_no_secret_is_committed():
    for file in DEPLOY.iterdir():
        assert file.name not in (".env", "htpasswd", "tls")
    for name, value in re.findall(
        r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.M
    ):
        assert name == "HOST_NAME" or not value
