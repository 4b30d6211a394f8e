"""Who may ask the app, and what its answers may do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_app import Running, await_state, pick, png, run_config, running, start, upload
from starlette.datastructures import Headers

from nst_core.app import access
from nst_core.app.access import AccessRules, PasswordCheck, check_host, identify_client
from nst_core.app.forwarding import RequestSource
from nst_core.app.request_errors import RequestError
from nst_core.app.server import ServerAddress
from nst_core.errors import UsageError

Make = Callable[..., Path]

LOCAL = AccessRules(None, True, 1000)
OPEN = AccessRules(None, False, 1000, frozenset({"studio.example"}))
ASKED = AccessRules("secret", False, 1000)


def test_another_persons_jobs_and_uploads_are_not_found(app: Running, make_image: Make, tmp_path: Path) -> None:
    me, you = app.person(), app.person()
    job = await_state(me, start(me), "done")
    given = upload(me, png(make_image, tmp_path))
    for method, path in (
        ("GET", f"/api/jobs/{job['id']}"),
        ("GET", job["result"]),
        ("GET", job["preview"]),
        ("GET", f"/api/jobs/{job['id']}/events"),
        ("DELETE", f"/api/jobs/{job['id']}"),
        ("GET", f"/api/uploads/{given}/thumbnail"),
        ("DELETE", f"/api/uploads/{given}"),
    ):
        assert you.request(method, path).status_code == 404, path
    assert you.get("/api/jobs").json() == {"items": []}
    assert [one["id"] for one in me.get("/api/jobs").json()["items"]] == [job["id"]]
    asked = {"content": {"upload": given}, "style": pick(you, "styles")}
    assert you.post("/api/jobs", json=asked).status_code == 404


def test_a_browser_is_known_by_a_cookie_that_no_script_and_no_other_site_can_use(app: Running) -> None:
    person = app.person()
    cookie = person.get("/").headers["set-cookie"]
    assert cookie.startswith("nst_person=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "set-cookie" not in person.get("/").headers


def test_a_client_is_known_by_the_name_it_gives_itself(app: Running) -> None:
    one, same, other = (app.person(headers={"X-Client": name}) for name in ("ann", "ann", "bob"))
    job = start(one)
    assert same.get(f"/api/jobs/{job['id']}").status_code == 200
    assert other.get(f"/api/jobs/{job['id']}").status_code == 404
    assert "set-cookie" not in one.get("/").headers


@pytest.mark.parametrize("path", ["/", "/api/options", "/api/jobs/none", "/gallery/index.html", "/nothing"])
def test_every_answer_carries_the_headers_that_bind_a_browser(app: Running, path: str) -> None:
    headers = app.person().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_the_page_allows_its_own_script_and_no_other(app: Running) -> None:
    page = app.person().get("/")
    policy = page.headers["content-security-policy"]
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
    assert len(nonce) >= 16
    assert page.text.count("<script") == page.text.count(f'nonce="{nonce}"') - page.text.count(
        "<style"
    ) + page.text.count('type="application/json"')
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert nonce not in app.person().get("/").text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 422),
        ({}, 422),
    ],
)
def test_other_sites_pages_can_start_nothing(app: Running, headers: dict[str, str], status: int) -> None:
    answer = app.person(headers=headers).post("/api/jobs", json={})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_its_own_page_may_write(app: Running) -> None:
    answer = app.person(headers={"Origin": app.url}).post("/api/jobs", json={})
    assert answer.status_code == 422


def test_a_foreign_name_that_leads_here_is_not_answered(app: Running) -> None:
    answer = app.person(headers={"Host": "evil.example"}).get("/api/options")
    assert answer.status_code == 421
    assert "recipes" not in answer.text


@pytest.mark.parametrize(
    ("host", "rules", "known"),
    [
        ("localhost:8000", LOCAL, True),
        ("127.0.0.1", LOCAL, True),
        ("[::1]:8000", LOCAL, True),
        ("192.168.1.2:8000", LOCAL, False),
        ("evil.example", LOCAL, False),
        ("", LOCAL, False),
        ("[::1", LOCAL, False),
        ("192.168.1.2:8000", OPEN, True),
        ("studio.example:8000", OPEN, True),
        ("evil.example", OPEN, False),
        ("any.example", ASKED, True),
    ],
)
def test_which_names_of_the_server_are_its_own(host: str, rules: AccessRules, known: bool) -> None:
    with contextlib.nullcontext() if known else pytest.raises(RequestError, match="not known as"):
        check_host(host, rules)


def test_a_cookie_of_our_name_among_others_is_found() -> None:
    assert (
        identify_client(Headers({"cookie": "a=b; nst_person=me; c=d"}), RequestSource("10.0.0.1")).name == "cookie:me"
    )


@pytest.fixture
def locked(tmp_path: Path, make_image: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """An app with a password, which answers wrong ones without delay."""
    monkeypatch.setattr(access, "WRONG_SECONDS", 0.0)
    with running(run_config(tmp_path, make_image), address=ServerAddress(port=0, password="sésame:öffne")) as server:
        yield server


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


def test_without_the_password_nothing_is_answered_and_guessing_is_slow(locked: Running) -> None:
    stranger = locked.person()
    for path in ("/", "/api/options", "/gallery/index.html", "/images/x.jpg", "/api/jobs"):
        answer = stranger.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert "set-cookie" not in answer.headers
    assert locked.person(headers=basic("sésame:öffne")).get("/api/options").status_code == 200
    tries = [stranger.get("/api/options", headers=basic(f"wrong {n}")).status_code for n in range(access.TRIES + 1)]
    assert tries == [401] * access.TRIES + [429]


def test_an_address_that_guesses_locks_out_itself_alone_and_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WRONG_SECONDS", 0.0)
    now = [0.0]
    passwords = PasswordCheck("right", lambda: now[0])

    def status(password: str, address: str) -> int:
        try:
            asyncio.run(passwords.check(basic(password)["Authorization"], address))
        except RequestError as refusal:
            return refusal.status
        return 200

    for _ in range(access.TRIES):
        assert status("wrong", "10.0.0.1") == 401
    assert status("right", "10.0.0.1") == 429
    assert status("right", "10.0.0.2") == 200
    now[0] = access.TRIES_SECONDS + 1
    assert status("right", "10.0.0.1") == 200


@pytest.mark.parametrize("header", ["", "Basic", "Basic ???", "Bearer x", "Basic " + "=" * 5])
def test_headers_that_hold_no_password_are_no_password(header: str) -> None:
    with pytest.raises(RequestError, match="asks for a password"):
        asyncio.run(PasswordCheck("right").check(header, "10.0.0.1"))


def test_other_machines_are_let_in_with_a_password_or_by_a_clear_word_only() -> None:
    said: list[Any] = []
    with pytest.raises(UsageError, match="--password"):
        ServerAddress("0.0.0.0").check(said.append)
    ServerAddress("0.0.0.0", password="secret").check(said.append)
    ServerAddress("127.0.0.1").check(said.append)
    assert said == []
    ServerAddress("0.0.0.0", open_to_all=True).check(said.append)
    assert said[0].startswith("Warning")


@pytest.mark.parametrize(
    "path",
    [
        "/gallery/../run.yaml",
        "/gallery/%2e%2e/run.yaml",
        "/gallery/..%2frun.yaml",
        "/gallery/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/gallery/..%5crun.yaml",
        "/images/../plan/part-00000.parquet",
        "/gallery//etc/passwd",
        "/gallery/link/secret.txt",
        "/gallery/link.txt",
    ],
)
def test_nothing_outside_of_gallery_and_images_is_served(app: Running, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    gallery = app.root / "gallery"
    for link, target in ((gallery / "link", tmp_path), (gallery / "link.txt", tmp_path / "secret.txt")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    request = httpx.Request("GET", app.url, extensions={"target": path.encode()})
    answer = app.person().send(request)
    for name in ("link", "link.txt"):
        (gallery / name).unlink()
    assert answer.status_code in (404, 405)
    assert "secret" not in answer.text
    assert "config" not in answer.text
