"""The API: what programs ask, as a program asks it."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from db import NONE, Database
from model.classes import CLASSES
from routes import upload as upload_route
from routes.api import table
from routes.api.document import document
from tests.support.client import png
from tests.support.imports import exported, picture
from tests.support.waiting import wait_until
from workflow import resources


def sent(*data: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{n}.png", each)) for n, each in enumerate(data)]


def saved(program: TestClient, number: int = 1) -> list[str]:
    files = sent(*(png(n) for n in range(number)))
    answer = program.post("/classify?save=true", files=files)
    assert answer.status_code == 200, answer.text
    return [picture["sha256"] for picture in answer.json()["pictures"]]


def is_problem(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    return told


def test_files_are_classified_and_only_saved_where_that_is_asked(here: TestClient):
    answer = here.post("/classify", files=sent(png(1), b"no picture"))
    good, bad = answer.json()["pictures"]
    assert good["label"] == max(good["probabilities"], key=good["probabilities"].get)
    assert abs(sum(good["probabilities"].values()) - 1) < 1e-6
    assert len(good["probabilities"]) == 10
    assert good["in_scope"] in (True, False)
    assert good["model_version"] == resources.at_work().version
    assert (bad["name"], bad["sha256"], bad["label"]) == ("1.png", None, None)
    assert bad["refusal"]
    assert here.get("/pictures").json()["total"] == 0
    assert saved(here, 2)
    assert here.get("/statistics").json()["unreviewed"] == 2
    assert saved(here, 2)
    assert here.get("/pictures").json()["total"] == 2


def test_links_are_fetched_by_the_one_door(here: TestClient):
    inside, no = "http://10.0.0.1/a.png", "gopher://a/b"
    answer = here.post("/classify", json={"addresses": [inside, no, inside]})
    told = answer.json()["pictures"]
    assert [picture["name"] for picture in told] == [inside, no, inside]
    assert all(picture["refusal"] for picture in told)


def test_pages_follow_each_other_whatever_is_saved_meanwhile(here: TestClient):
    saved(here, 5)
    for sort in ("created", "confidence", "name", "predicted"):
        names, cursor = [], ""
        while cursor is not None:
            asked = {"limit": 2, "cursor": cursor, "sort": sort, "descending": False}
            page = here.get("/pictures", params=asked).json()
            names += [picture["name"] for picture in page["pictures"]]
            cursor = page["next"]
        assert sorted(names) == [f"{n}.png" for n in range(5)], sort
    first = here.get("/pictures?limit=2").json()
    assert here.post("/classify?save=true", files=[("f", ("9.png", png(9)))])
    rest = here.get("/pictures", params={"limit": 9, "cursor": first["next"]}).json()
    assert [p["name"] for p in rest["pictures"]] == ["2.png", "1.png", "0.png"]
    assert rest["next"] is None


def test_the_filters_are_those_of_the_history(here: TestClient):
    saved(here, 3)
    resources.database().review([1], "cat", "Ada")
    asked = {
        "label=cat": 1,
        "reviewer=Ada": 1,
        "reviewer=Ben": 0,
        "state=unreviewed": 2,
        "version=none": 0,
        "since=2020-01-01": 3,
        "until=2020-01-01T00:00:00": 0,
        "way=queue": 0,
        "state=disputed": 0,
    }
    for query, number in asked.items():
        told = here.get(f"/pictures?{query}").json()
        assert (told["total"], len(told["pictures"])) == (number, number), query
    for wrong in ("way=pigeon", "since=yesterday"):
        is_problem(here.get(f"/pictures?{wrong}"), 422)


def test_a_search_has_pages_too(here: TestClient):
    saved(here, 5)
    first = here.get("/pictures?search=PNG&limit=3").json()
    assert (len(first["pictures"]), first["total"]) == (3, 5)
    asked = {"search": "png", "limit": 3, "cursor": first["next"]}
    assert len(here.get("/pictures", params=asked).json()["pictures"]) == 2
    database = resources.database()
    database.delete([2])
    told = here.get("/pictures", params=asked)
    assert told.status_code == 410 or len(told.json()["pictures"]) == 1


def test_a_picture_tells_its_record_and_gives_its_bytes(here: TestClient):
    (sha256,) = saved(here)
    here.post("/reviews", json={"sha256": sha256, "label": NONE})
    told = here.get(f"/pictures/{sha256}").json()
    assert told["picture"]["own_label"]
    assert len(told["probabilities"]) == 10
    assert [(e["label"], e["way"]) for e in told["record"]] == [(NONE, "api")]
    original = here.get(f"/pictures/{sha256}/original")
    assert original.content == png(0)
    assert original.headers["content-type"] == "image/png"
    assert "attachment" in original.headers["content-disposition"]
    assert here.get(f"/pictures/{sha256}/thumbnail").content[:2] == b"\xff\xd8"
    for end in ("", "/original", "/thumbnail"):
        is_problem(here.get(f"/pictures/{'0' * 64}{end}"), 404)
        is_problem(here.get(f"/pictures/..{end}"), 404)
    resources.database().delete([1])
    is_problem(here.get(f"/pictures/{sha256}/original"), 404)


def test_a_review_is_written_as_the_programs_own(api, here: TestClient):
    (sha256,) = saved(here)
    program = api(token=resources.database().make_token("camera", "write"))
    answer = program.post("/reviews", json={"sha256": sha256, "label": "Sea gull"})
    assert answer.json()["changed"]
    event = resources.database().history(1)[0]
    assert (event.who, event.way, event.label) == ("camera", "api", "Sea gull")
    again = program.post("/reviews", json={"sha256": sha256, "label": "sea gull"})
    assert again.json() == {
        "sha256": sha256,
        "label": "Sea gull",
        "changed": False,
        "respelled": True,
    }


def test_a_conflict_says_whose_label_it_is(here: TestClient):
    (sha256,) = saved(here)
    resources.database().review([1], "cat", "Ada")
    said = {"sha256": sha256, "label": "dog", "expected": None}
    told = is_problem(here.post("/reviews", json=said), 409)
    assert (told["label"], told["who"]) == ("cat", "Ada")
    assert "cat by Ada" in told["detail"]
    assert here.get(f"/pictures/{sha256}").json()["picture"]["label"] == "cat"
    agreed = here.post("/reviews", json=said | {"expected": "cat"})
    assert agreed.json()["changed"]


def test_the_data_set_comes_with_the_pages_options(here: TestClient):
    is_problem(here.get("/export.zip"), 404)
    saved(here, 3)
    here.post("/reviews", json={"sha256": saved(here)[0], "label": "cat"})
    told = here.get("/export.zip?unreviewed=true&split=true")
    names = zipfile.ZipFile(io.BytesIO(told.content)).namelist()
    assert any(name.startswith("train/") for name in names)
    assert sum(name.endswith(".png") for name in names) == 3
    assert here.head("/export.zip").content == b""
    one = here.get("/export.zip?label=cat")
    names = zipfile.ZipFile(io.BytesIO(one.content)).namelist()
    assert sum(name.startswith("cat/") for name in names) == 1
    is_problem(here.get("/export.zip?state=trash"), 422)


def test_figures_and_model_are_told(here: TestClient):
    sha256 = saved(here)[0]
    predicted = here.get(f"/pictures/{sha256}").json()["picture"]["predicted"]
    here.post("/reviews", json={"sha256": sha256, "label": predicted})
    told = here.get("/statistics").json()
    assert (told["pictures"], told["reviewed"], told["right"]) == (1, 1, 1)
    assert told["labels"] == [{"label": predicted, "right": 1, "wrong": 0}]
    assert told["accuracy"] is None
    model = here.get("/model").json()
    assert model["version"] == resources.at_work().version
    assert 0.8 < model["right"]["test"]["low"] < model["right"]["test"]["share"] < 1


def test_an_import_runs_in_the_background_and_tells_how_far_it_is(
    api, here: TestClient, tmp_path: Path
):
    other = Database.open(tmp_path / "other.db", CLASSES)
    other.save([picture(1, "cat"), picture(2, "raft")], "Ada")
    started = here.post("/import?name=two.zip", content=exported(other))
    assert started.status_code == 202, started.text
    place = started.headers["location"].removeprefix(table.PREFIX)
    assert wait_until(lambda: here.get(place).json()["over"])
    told = here.get(place).json()
    assert (told["state"], told["saved"], told["error"]) == ("done", 2, "")
    assert here.get("/pictures").json()["total"] == 2
    stranger = api(token=resources.database().make_token("b", "write"))
    is_problem(stranger.get(place), 404)
    is_problem(here.get("/jobs/..%2f.."), 404)
    bad = here.post("/import", content=b"no ZIP").headers["location"]
    place = bad.removeprefix(table.PREFIX)
    assert wait_until(lambda: here.get(place).json()["over"])
    assert "Nothing was imported" in here.get(place).json()["error"]


MALFORMED = [
    ("/reviews", b"{", 400),
    ("/reviews", b"\xff\xfe", 400),
    ("/reviews", b"[" * 100_000, 422),
    ("/reviews", b"[]", 422),
    ("/reviews", b'{"sha256": "x", "label": "cat"}', 422),
    ("/reviews", json.dumps({"sha256": "0" * 64, "label": 7}).encode(), 422),
    ("/reviews", json.dumps({"sha256": "0" * 64, "label": "a", "b": 1}).encode(), 422),
    ("/reviews", json.dumps({"sha256": "0" * 64, "label": "a"}).encode(), 404),
    ("/reviews", bytes(2**20), 413),
    ("/classify", b'{"addresses": "x"}', 422),
    ("/classify", b'{"addresses": [null]}', 422),
    ("/classify", json.dumps({"addresses": ["http://a/"] * 10_000}).encode(), 413),
]


@pytest.mark.threat("I104")
@pytest.mark.parametrize(("path", "body", "status"), MALFORMED)
def test_what_is_malformed_is_a_clear_problem(
    here: TestClient, path: str, body: bytes, status: int
):
    kind = {"Content-Type": "application/json"}
    is_problem(here.post(path, content=body, headers=kind), status)


@pytest.mark.threat("I104")
@pytest.mark.parametrize("label", ["", " ", "a" * 65, "a\x00b", "\u202ecat"])
def test_a_label_that_is_none_is_refused(here: TestClient, label: str):
    said = {"sha256": saved(here)[0], "label": label}
    answer = here.post("/reviews", json=said)
    if answer.status_code != 200:  # brought into normal form, or refused
        is_problem(answer, 422)
        assert resources.database().history(1) == []
    else:
        assert answer.json()["label"] != label


@pytest.mark.threat("I104")
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "state=gone",
        "sort=label",
        "x=1",
        "cursor=%00",
        "cursor=W10%3D",
        "cursor=" + "a" * 3000,
        "search=a&search=b",
    ],
)
def test_options_are_checked(here: TestClient, query: str):
    is_problem(here.get(f"/pictures?{query}"), 422)


@pytest.mark.threat("I104")
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 415),
        ("multipart/form-data; boundary=a", b"x", 400),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\nno file\r\n--a--\r\n", 422),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disp", 400),
        ("multipart/form-data; boundary=" + "a" * 500, b"x", 400),
    ],
)
def test_forms_are_checked(here: TestClient, kind: str, body: bytes, status: int):
    answer = here.post("/classify", content=body, headers={"Content-Type": kind})
    is_problem(answer, status)


@pytest.mark.threat("I104")
def test_a_form_holds_so_many_files(here: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("routes.api.pictures.MAX_FILES", 2)
    assert upload_route.MAX_FILES == 100
    is_problem(here.post("/classify", files=sent(b"a", b"b", b"c")), 413)


def test_there_is_nothing_else(here: TestClient):
    for method in ("GET", "POST", "PUT", "DELETE"):
        is_problem(here.request(method, "/nothing/here"), 404)


def test_the_document_names_every_endpoint_and_the_page_shows_it(here: TestClient):
    told = here.get("/openapi.json").json()
    assert told == json.loads(json.dumps(document(table.PREFIX, table.ENDPOINTS)))
    assert {(p, m) for p, each in told["paths"].items() for m in each} == {
        (one.path, one.method.lower()) for one in table.ENDPOINTS
    }
    page = here.get("/docs")
    assert "`" not in page.text
    assert "<code>python -m db token create NAME</code>" in page.text
    for one in table.ENDPOINTS:
        assert table.PREFIX + one.path in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_every_reference_of_the_document_leads_somewhere(here: TestClient):
    text = here.get("/openapi.json").text
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(json.loads(text)["components"]["schemas"])
