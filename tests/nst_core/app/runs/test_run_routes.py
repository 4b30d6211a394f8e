"""The page of runs and its API over HTTP: forms without JavaScript, two visitors, and who is kept out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from finished import finished_run
from running_app import Running, until
from starlette.testclient import TestClient

from nst_core.app.forwarding import Forwarding
from nst_core.app.limits import Limits
from nst_core.app.responses import add_error_handlers
from nst_core.app.runs.run_routes import run_routes
from nst_core.app.runs.settings import RunSettings
from nst_core.app.server import ServerAddress, page_of_runs
from nst_core.config.run_config import parse_config
from nst_core.run_folder.newest_pictures import newest_pictures

GOOD = b"method: {recipe: wavelet, size: 48}\n"


def state(person: httpx.Client, run: str) -> str:
    return str(person.get(f"/api/runs/{run}").json()["state"])


@pytest.fixture
def ended(app: Running) -> Iterator[None]:
    """No run is at work after the test."""
    yield
    person = app.person()
    for run in person.get("/api/runs").json()["items"]:
        if run["can_pause"]:
            until(lambda name=run["id"]: person.get(f"/api/runs/{name}").json()["at_work"])
            person.post(f"/api/runs/{run['id']}/pause")
        until(lambda name=run["id"]: not person.get(f"/api/runs/{name}").json()["state"].endswith("ing"))


@pytest.mark.usefixtures("ended")
def test_two_visitors_see_and_steer_the_same_run(app: Running) -> None:
    me, you = app.person(), app.person()
    started = me.post("/api/runs", files={"file": ("both.yaml", GOOD)})
    assert started.status_code == 201, started.text
    assert started.json()["id"] == "both"
    assert "both" in [run["id"] for run in you.get("/api/runs").json()["items"]]
    assert you.post("/api/runs", files={"file": ("both.yaml", GOOD)}).status_code == 409
    until(lambda: you.get("/api/runs/both").json()["at_work"])
    answers = [each.post("/api/runs/both/pause").status_code for each in (you, me)]
    assert answers == [200, 409]
    until(lambda: state(me, "both") not in ("pausing", "running", "starting"))
    assert [each.post("/api/runs/both/resume").status_code for each in (me, you)] == [200, 409]


@pytest.mark.usefixtures("ended")
def test_the_forms_work_without_javascript(app: Running) -> None:
    person = app.person()
    answer = person.post("/runs/", files={"file": ("plain.yaml", GOOD)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/#run-plain")
    page = person.get("/runs/")
    assert page.headers["referrer-policy"] == "same-origin"
    assert "script-src 'nonce-" in page.headers["content-security-policy"]
    assert 'action="/runs/plain/pause"' in page.text
    until(lambda: person.get("/api/runs/plain").json()["at_work"])
    assert person.post("/runs/plain/pause").status_code == 303
    again = person.post("/runs/plain/pause")
    assert again.status_code == 409
    assert re.search(r'id="page-fault"[^>]*>[^<]*(paused already|Nobody works)', again.text)


def test_what_is_refused_comes_as_a_sentence_on_the_page_and_in_the_api(app: Running) -> None:
    person = app.person()
    hostile = {"file": ("evil.yaml", b"content: /etc\n")}
    told = person.post("/api/runs", files=hostile)
    assert told.status_code == 422
    assert told.json()["error"].startswith("The run file is refused: content.path is '/etc'")
    page = person.post("/runs/", files=hostile)
    assert page.status_code == 422
    assert "none of the folders that may be read here" in page.text
    assert person.post("/api/runs", data={"choice": "../evil.yaml"}).status_code == 404
    assert person.post("/api/runs", data={"choice": ""}).json()["error"] == "Choose a run file first."
    assert person.post("/api/runs", files={"file": ("big.yaml", b"#" * 100_000)}).status_code == 413
    script = person.post("/runs/", files={"file": ("<script>x</script>.yaml", b"content: '/<script>y</script>'")})
    assert "<script>x" not in script.text
    assert "<script>y" not in script.text


def test_another_sites_form_starts_nothing(app: Running) -> None:
    person = app.person()
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/runs/", "/api/runs", "/runs/both/pause", "/api/runs/both/resume"):
            assert person.post(path, headers=headers, files={"file": ("csrf.yaml", GOOD)}).status_code == 403
    assert person.get("/api/runs/csrf").status_code == 404


def test_a_proxy_that_nobody_told_of_opens_runs_to_nobody(app: Running) -> None:
    person = app.person(headers={"X-Forwarded-For": "203.0.113.9"})
    assert person.get("/").status_code == 200
    for method, path in (("GET", "/runs/"), ("GET", "/api/runs"), ("POST", "/api/runs"), ("POST", "/runs/")):
        assert person.request(method, path, files={"file": ("far.yaml", GOOD)}).status_code == 403
    assert person.get("/api/runs/far").status_code == 403


@pytest.mark.parametrize(
    ("address", "private"),
    [
        (ServerAddress(), True),
        (ServerAddress(host="::1"), True),
        (ServerAddress(host="0.0.0.0", password="x"), True),
        (ServerAddress(password="x", forwarding=Forwarding(1), names=("studio.example",)), True),
        (ServerAddress(host="0.0.0.0", open_to_all=True), False),
        (ServerAddress(forwarding=Forwarding(1)), False),
        (ServerAddress(names=("studio.example",)), False),
        (ServerAddress(open_to_all=True), False),
    ],
)
def test_runs_are_there_only_where_not_everybody_is(address: ServerAddress, private: bool) -> None:
    assert address.private is private


def test_where_everybody_is_nothing_of_runs_is_shown_or_started() -> None:
    application = FastAPI()
    add_error_handlers(application)
    for routes in run_routes(None, has_password=False):
        application.include_router(routes)
    with TestClient(application) as person:
        page = person.get("/runs/")
        assert page.status_code == 403
        assert "takes a password" in page.text
        assert "<form" not in page.text
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/a"), ("POST", "/a/pause"), ("GET", "/a/pictures/b")):
            answer = person.request(method, f"/api/runs{path}")
            assert answer.status_code == 403, path
            assert "takes a password" in answer.json()["error"]
        assert person.post("/runs/").status_code == 405
        assert person.post("/runs/a/pause").status_code == 404


def test_a_finished_run_is_shown_with_counts_reasons_and_its_last_pictures(
    tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    finished = finished_run(tmp_path, make_image).run_folder
    runs = page_of_runs(RunSettings(finished.parent, ("nst", "run")), parse_config({"name": "app"}), Limits())
    application = FastAPI()
    add_error_handlers(application)
    for routes in run_routes(runs, has_password=True):
        application.include_router(routes)
    with TestClient(application) as person:
        (shown,) = person.get("/api/runs").json()["items"]
        assert (shown["planned"], shown["success"], shown["failed"], shown["left"]) == (12, 6, 2, 2)
        assert shown["state"] == "incomplete"
        assert shown["resume_text"] == "Try what failed again"
        assert shown["counts_text"] == "6 of 12 pictures, 2 failed, 2 in quarantine, 2 left out"
        assert "OutOfMemory: 2" in shown["reasons"]
        newest = newest_pictures(finished, 6)
        assert [picture["image"].rpartition("/")[2] for picture in shown["pictures"]] == [p.pair_id for p in newest]
        image = shown["pictures"][0]["image"]
        assert person.get(image).headers["content-type"] == "image/webp"
        full = person.get(f"{image}?full=1")
        assert full.content == (finished / newest[0].file_name).read_bytes()
        assert person.get(image.rpartition("/")[0] + "/0123456789abcdef").status_code == 404
        page = person.get("/runs/").text
        assert page.count('class="run"') == 2  # its card, and the empty one for those to come
        assert "OutOfMemory: 2" in page
