"""Numbers for whoever runs the server, and nothing of people or pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from routes.metrics import PLACES, ROOMS, part_of
from tests.support.client import png
from tests.support.hostile import encoded, scene
from workflow import resources

Api = Callable[..., TestClient]


def read(program: TestClient) -> dict[tuple, float]:
    answer = program.get("http://localhost/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_pictures_requests_and_seconds_are_counted(here: TestClient):
    before = read(here)
    files = [("f", ("a.png", png(3))), ("f", ("b.png", b"none"))]
    assert here.post("/classify", files=files).status_code == 200
    assert here.get("/pictures?limit=0").status_code == 422
    after = read(here)

    def grew(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grew("classify_pictures_total", "received") == 1
    assert grew("classify_pictures_total", "refused") == 1
    assert grew("classify_work_seconds_total", "decode") > 0
    assert grew("classify_work_seconds_total", "network") > 0
    assert grew("classify_requests_total", "422", "api") == 1
    assert grew("classify_request_seconds_count", "api") == 2
    assert {key[1] for key in after if key[0] == "classify_waiting"} == {*ROOMS}
    assert {key[1] for key in after if key[0] == "classify_held"} == {*PLACES}
    assert after["classify_process_resident_memory_bytes",] > 0


@pytest.mark.threat("I107")
def test_no_name_label_link_or_token_is_among_them(api: Api):
    database = (api(), resources.database())[1]
    secret = database.make_token("Ada-Camera", "write")
    program = api(token=secret)
    files = {"files": ("hidden-name.png", encoded(scene((40, 30))))}
    sha256 = program.post("/classify?save=true", files=files).json()
    sha256 = sha256["pictures"][0]["sha256"]
    program.post("/reviews", json={"sha256": sha256, "label": "hidden-label"})
    program.get("/pictures?search=hidden-search")
    program.get("/hidden-path")
    text = program.get("http://localhost/metrics").text
    for hidden in ("hidden", "Ada", secret, sha256, "127.0.0.1"):
        assert hidden not in text


@pytest.mark.threat("I107")
def test_metrics_go_by_the_rule_of_the_api(api: Api):
    url = "http://localhost/metrics"
    assert api(client="192.168.1.9").get(url).status_code == 401
    assert api(Origin="http://evil.example").get(url).status_code == 403
    secret = resources.database().make_token("prometheus", "read")
    assert api(client="192.168.1.9", token=secret).get(url).status_code == 200


def test_health_tells_what_is_missing(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = api(client="192.168.1.9")
    url = "http://localhost/healthz"
    assert program.get(url).json() == {"database": True, "model": True}
    monkeypatch.setenv("CLASSIFY_WEIGHTS", "/nowhere")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{damaged}")
    answer = program.get(url)
    assert (answer.status_code, answer.json()) == (
        503,
        {"database": False, "model": False},
    )


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/api/v1/x", "api"),
        ("/thumb/a", "thumb"),
        ("/", "page"),
        ("", "page"),
        ("/anything/else", "page"),
        ("*", "page"),
    ],
)
def test_parts_are_few(path: str, part: str):
    assert part_of(path) == part
