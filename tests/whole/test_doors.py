"""One door each: nothing in the code goes around them, and imports point down only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = (
    "app.py",
    "bench",
    "dataset",
    "db.py",
    "intake",
    "model",
    "records",
    "routes",
    "ui",
    "workflow",
)

# What each room may import of the others.
MAY_IMPORT = {
    "intake": set(),
    "model": set(),
    "records": set(),
    "db": {"records"},
    "dataset": {"db", "intake"},
    "workflow": {"dataset", "db", "intake", "model"},
    "routes": {"dataset", "db", "intake", "model", "workflow"},
    "ui": {"dataset", "db", "intake", "model", "routes", "workflow"},
    "app": {"dataset", "db", "intake", "model", "routes", "ui", "workflow"},
    "bench": {"dataset", "db", "intake", "model", "routes", "ui", "workflow"},
}

# A tray's item holds a prediction, which is plain data. The command lines take files
# through the same door as the page.
EXCEPTIONS = {
    ("workflow/tray.py", "model"),
    ("model/training/data.py", "intake"),
    ("model/training/photographs.py", "intake"),
    ("model/class_folders.py", "intake"),
    ("model/predict.py", "intake"),
    ("model/bulk/__main__.py", "intake"),
    ("model/bulk/inputs.py", "intake"),
    ("model/bulk/parts.py", "intake"),
    ("model/bulk/tables.py", "intake"),
    ("model/bulk/work.py", "intake"),
    ("model/evaluate.py", "intake"),
    ("model/publish.py", "intake"),
    ("model/learning/reviewed.py", "intake"),
    ("model/learning/trial.py", "intake"),
    ("db.py", "workflow"),  # one of its commands, and only when that is asked for
}

# Optional, and of many megabytes: what knows it, and what measures that.
ONLY_IN = {"ray": ("model/bulk/cluster.py", "bench/bulk.py")}

# Commands that are asked for the record; `model` itself does without.
COMMANDS = {("model/learn.py", "workflow"), ("model/versions.py", "workflow")}

# What the page asks of the routes: who has it open, which trays this browser had, and
# where a download is.
ASKED_BY_PAGE = {"routes.login", "routes.address", "routes.export"}

# What guards the routes asks Streamlit who posts.
KNOWS_STREAMLIT = (
    "routes/login.py",
    "routes/oidc.py",
    "routes/origin.py",
    "routes/xsrf.py",
)

# Visits the page on this machine, and speaks Streamlit's messages for that.
CLIENT = "bench/streamlit_client.py"

BANNED = {
    # Both files in bench/ time going around it.
    "Image.open": ("intake", "bench/pictures.py", "bench/gradio_app.py"),
    "requests.get": "intake/fetch.py",
    "requests.post": "",
    "requests.Session": ("intake/fetch.py", CLIENT),
    "urlopen": "",
    "JsCode": "ui/history/grid.py",
    "st.image": "",
    "read_pickle": "",
}

BANNED_OPTIONS = ("unsafe_allow_html", "unsafe_allow_javascript", "allow_pickle")

# Where a size or a number that is too much is put into words, and of pixels.
LIMITS = ("intake/limits.py", "intake/decode.py")

# What loads objects by running what a file says.
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        place = ROOT / room
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def at_the_top(tree: ast.Module) -> set[str]:
    """What is imported as soon as the module is."""
    later = ast.FunctionDef | ast.AsyncFunctionDef
    now = [node for node in tree.body if not isinstance(node, later)]
    return set(imported(ast.Module(now, [])))


def room_of(name: str) -> str:
    return Path(name).parts[0].removesuffix(".py")


SOURCES = dict(sources())


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_down_only(name: str):
    room, known = room_of(name), EXCEPTIONS | COMMANDS
    for module in imported(SOURCES[name]):
        other = module.split(".")[0]
        if other in MAY_IMPORT and other != room and (name, other) not in known:
            assert other in MAY_IMPORT[room], f"{name} imports {module}"


@pytest.mark.parametrize(("name", "room"), sorted(COMMANDS))
def test_the_model_is_loaded_without_the_record(name: str, room: str):
    tree = SOURCES[name]
    assert room in {module.split(".")[0] for module in imported(tree)}
    assert room not in {module.split(".")[0] for module in at_the_top(tree)}


def test_the_page_asks_little_of_the_routes():
    page = [tree for name, tree in SOURCES.items() if room_of(name) == "ui"]
    asked = {module for tree in page for module in imported(tree)}
    assert {m for m in asked if m.split(".")[0] == "routes"} == ASKED_BY_PAGE


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_page_knows_streamlit(name: str):
    knows = room_of(name) in ("ui", "app") or name in (CLIENT, *KNOWS_STREAMLIT)
    if not knows:
        modules = {module.split(".")[0] for module in imported(SOURCES[name])}
        assert not modules & {"streamlit", "st_aggrid", "streamlit_js_eval"}


def test_the_client_knows_only_the_messages():
    modules = [m for m in imported(SOURCES[CLIENT]) if m.startswith("streamlit")]
    assert modules
    assert all(module.startswith("streamlit.proto.") for module in modules)


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_goes_around_a_door(name: str):
    for node in ast.walk(SOURCES[name]):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        for banned, home in BANNED.items():
            if call == banned or call.endswith(f".{banned}"):
                assert home, f"{name} calls {call}"
                assert name.startswith(home), f"{name} calls {call}"
        if call == "torch.load":
            assert any(
                k.arg == "weights_only" and ast.unparse(k.value) == "True"
                for k in node.keywords
            )
        for keyword in node.keywords:
            assert keyword.arg not in BANNED_OPTIONS


@pytest.mark.threat("H80")
@pytest.mark.parametrize("name", SOURCES)
def test_only_one_place_imports_openvino(name: str):
    """The one that keeps OpenVINO's telemetry from loading."""
    modules = {module.split(".")[0] for module in imported(SOURCES[name])}
    if name == "model/runtime.py":
        assert "openvino" in modules
    else:
        assert not [m for m in modules if m.startswith(("openvino", "nncf"))]


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_optional_is_imported_in_one_place(name: str):
    modules = {module.split(".")[0] for module in imported(SOURCES[name])}
    assert {m for m in modules if name not in ONLY_IN.get(m, name)} == set()


@pytest.mark.parametrize("name", SOURCES)
def test_a_limit_is_worded_in_one_place(name: str):
    made = [n for n in ast.walk(SOURCES[name]) if isinstance(n, ast.JoinedStr)]
    said = [part.value for n in made for part in n.values if is_text(part)]
    units = re.compile(r"^ (KB|MB|GB)\b|[Tt]oo (large|many)")
    own = name in LIMITS or room_of(name) in ("bench", "model")
    assert own or not any(units.search(text) for text in said)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("name", SOURCES)
def test_no_pickle(name: str):
    assert not PICKLES & {module.split(".")[0] for module in imported(SOURCES[name])}


def test_the_rules_can_fail():
    tree = ast.parse("import requests\nx = Image.open(y)\nimport streamlit")
    assert "streamlit" in set(imported(tree))
    calls = [ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)]
    assert calls == ["Image.open"]


@pytest.mark.threat("C30")
def test_scripts_for_the_grid_are_constant_text():
    for node in ast.walk(SOURCES["ui/history/grid.py"]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "JsCode":
            names = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
            assert names <= {"CORRECT", "INCORRECT"}
