"""What one address can take: of jobs, of kept uploads, of files on their way, of time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hard_clients import read_all, status_of
from running_app import LONG, Running, pick, png, run_config, running, start, until
from starlette.types import Message

from nst_core.app import middleware, request_body
from nst_core.app.access import AccessRules
from nst_core.app.address_slots import AddressSlots
from nst_core.app.fair_queue import FairQueue
from nst_core.app.fair_shares import of_largest_holder
from nst_core.app.forwarding import Forwarding
from nst_core.app.job_queue import JobQueue
from nst_core.app.jobs import Job
from nst_core.app.limits import Limits
from nst_core.app.request_body import BoundedBody
from nst_core.app.request_errors import RequestError
from nst_core.app.uploads import Uploads

Make = Callable[..., Path]

TOO_LARGE = RequestError(413, "Too large.")
UPLOAD_HEAD = (
    "POST /api/uploads HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    "Content-Length: 100000\r\n\r\n"
)


def job_of(client: str, address: str) -> Job:
    """A job that asks for no upload."""
    picture: Any = type("Picture", (), {"source": None})()
    return Job(client, picture, picture, None, 32, 50.0, address=address)  # type: ignore[arg-type]


def test_an_address_has_so_many_jobs_under_whatever_names_and_others_have_theirs(tmp_path: Path) -> None:
    limits = Limits(queue=20, per_person=5, per_address=10)
    queue = JobQueue(limits, Uploads(tmp_path, limits), 1)
    for number in range(10):
        queue.add(job_of(f"client:{number}", "10.0.0.1"))
    with pytest.raises(RequestError, match="from your address") as refusal:
        queue.add(job_of("client:new", "10.0.0.1"))
    assert refusal.value.status == 429
    queue.add(job_of("client:new", "10.0.0.2"))


def test_invented_names_at_one_address_do_not_delay_another_address() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(6):
        queue.add(f"invented {number}", f"a{number}", "10.0.0.1")
    queue.take()
    queue.add("you", "b0", "10.0.0.2")
    queue.add("you", "b1", "10.0.0.2")
    assert queue.order()[:4] == ["b0", "a1", "b1", "a2"]


def test_finished_jobs_of_others_are_remembered_however_many_one_address_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.app.job_queue.MAX_FINISHED", 10)
    limits = Limits()
    queue = JobQueue(limits, Uploads(tmp_path, limits), 1)
    mine = job_of("me", "10.0.0.1")
    for job in (mine, *(job_of(f"client:{number}", "10.0.0.2") for number in range(30))):
        queue.add(job)
        queue.cancel(job)
    assert queue.find("me", mine.id) is mine
    assert len(queue._jobs) == 10


def test_the_largest_holder_is_the_client_with_most_of_the_address_with_most() -> None:
    held = [("a", "1"), ("b", "1"), ("b", "2"), ("c", "9"), ("b", "2"), ("c", "9")]
    assert of_largest_holder(held, lambda one: one) == [("b", "2"), ("b", "2")]
    assert of_largest_holder([], lambda one: ("a", "b")) == []


def test_uploads_of_one_address_push_out_its_own_and_nobody_elses(tmp_path: Path, make_image: Make) -> None:
    now = [0.0]
    uploads = Uploads(tmp_path, Limits(uploads=3, total_uploads=6), lambda: now[0])
    uploads.open()
    file = png(make_image, tmp_path)

    def add(client: str, address: str) -> Path:
        now[0] += 1
        return uploads.add(client, *file, address).path

    mine = [add("me", "10.0.0.1") for _ in range(2)]
    invented = [add(f"client:{number}", "10.0.0.2") for number in range(12)]
    assert all(path.exists() for path in mine)
    assert [path.exists() for path in invented] == [False] * 8 + [True] * 4
    late = add("late", "10.0.0.3")
    assert late.exists()
    assert all(path.exists() for path in mine)


def test_a_slot_is_given_back_whatever_becomes_of_the_request() -> None:
    slots = AddressSlots(3, 2, "Busy.")
    with pytest.raises(ZeroDivisionError), slots.slot("a"):
        raise ZeroDivisionError
    with slots.slot("a"), slots.slot("a"):
        with pytest.raises(RequestError, match="Busy"), slots.slot("a"):
            pass
        with slots.slot("b"), pytest.raises(RequestError), slots.slot("c"):
            pass
    assert slots._taken == {}


def body_of(
    messages: list[Message], seconds_each: float, most: int = 10**9
) -> tuple[BoundedBody, Callable[[], float], list[float]]:
    now = [0.0]

    async def receive() -> Message:
        now[0] += seconds_each
        for _ in range(3):
            await asyncio.sleep(0)  # what is over time is cancelled
        return messages.pop(0)

    return BoundedBody(receive, most, TOO_LARGE, lambda: now[0]), lambda: now[0], now


def part(size: int, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def take(body: BoundedBody) -> list[str]:
    """The types of the messages until the body is complete, or no more of it is taken."""

    async def all_of() -> list[str]:
        found = []
        while True:
            message = await body()
            found.append(message["type"])
            if not message.get("more_body"):
                return found

    return asyncio.run(all_of())


def test_a_body_at_the_least_rate_is_taken_and_a_slower_one_is_not() -> None:
    steady, _, _ = body_of([*(part(request_body.BODY_RATE * 11) for _ in range(20)), part(0, False)], 10.0)
    assert take(steady)[-1] == "http.request"
    assert steady.fault is None
    slow, clock, _ = body_of([part(10) for _ in range(20)], 10.0)
    assert take(slow)[-1] == "http.disconnect"
    assert slow.fault is not None
    assert slow.fault.status == 408
    assert clock() <= request_body.BODY_SECONDS + 20


def test_the_time_that_the_server_takes_is_not_the_clients() -> None:
    body, _, now = body_of([part(10), part(10, False)], 1.0)
    asyncio.run(body())
    now[0] += 1000
    assert take(body) == ["http.request"]


def test_too_much_of_a_body_is_told_as_that() -> None:
    body, _, _ = body_of([part(60), part(60)], 0.0, most=100)
    assert take(body) == ["http.request", "http.disconnect"]
    assert body.fault is TOO_LARGE


def asking_upload(app: Running) -> socket.socket:
    """A connection on which the head of an upload has been sent, and the beginning of its body."""
    host = urlsplit(app.url).netloc
    talk = socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=30)
    talk.sendall(UPLOAD_HEAD.format(host=host).encode() + b"--x\r\n")
    return talk


def person_at(app: Running, address: str, **options: Any) -> httpx.Client:
    """Somebody who asks from another address of this machine."""
    transport = httpx.HTTPTransport(local_address=address)
    return app.person(transport=transport, **options)


def test_slow_uploads_are_cut_off_and_meanwhile_another_address_can_upload(
    app: Running, make_image: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 1.5)
    talks = [asking_upload(app) for _ in range(Limits().address_uploads)]
    file = {"file": png(make_image, tmp_path)}

    def refused() -> Any:
        answer = app.person().post("/api/uploads", files=file)
        return answer if answer.status_code == 503 else None

    assert until(refused, 10).json()["error"]
    assert person_at(app, "127.0.0.2").post("/api/uploads", files=file).status_code == 201
    for talk in talks:
        answer = read_all(talk)
        assert status_of(answer) == 408
        assert b"too slowly" in answer
        talk.close()
    assert app.person().post("/api/uploads", files=file).status_code == 201


def test_a_slow_body_of_another_request_is_cut_off_too(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.3)
    host = urlsplit(app.url).netloc
    with socket.create_connection(("127.0.0.1", int(host.partition(":")[2])), timeout=30) as talk:
        head = (
            f"POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{{"
        )
        talk.sendall(head.encode())
        assert status_of(read_all(talk)) == 408


def test_an_upload_that_is_broken_off_leaves_no_traceback_and_no_slot_taken(
    app: Running, caplog: pytest.LogCaptureFixture, make_image: Make, tmp_path: Path
) -> None:
    for _ in range(2 * Limits().concurrent_uploads):
        asking_upload(app).close()
    file = {"file": png(make_image, tmp_path)}
    until(lambda: app.person().post("/api/uploads", files=file).status_code == 201, 20)
    assert "Traceback" not in caplog.text
    assert "Exception in ASGI" not in caplog.text


def test_requests_of_one_address_have_a_bound_behind_a_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "REQUESTS_PER_ADDRESS", 2)

    async def scenario() -> list[int]:
        release, statuses = asyncio.Event(), list[int]()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        rules = AccessRules(None, True, 1000, forwarding=Forwarding(1))
        served = middleware.AccessMiddleware(slow, rules)

        async def ask(address: str) -> None:
            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            headers = [(b"host", b"localhost"), (b"x-forwarded-for", address.encode())]
            scope = {"type": "http", "path": "/", "method": "GET", "headers": headers, "client": ("127.0.0.1", 1)}
            await served(scope, None, send)  # type: ignore[arg-type]

        tasks = [asyncio.create_task(ask(address)) for address in ("10.0.0.1",) * 3 + ("10.0.0.2",)]
        await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*tasks)
        return statuses

    assert asyncio.run(scenario()) == [503, 200, 200, 200]


@pytest.mark.slow
def test_a_queue_filled_under_invented_names_has_room_for_another_address(tmp_path: Path, make_image: Make) -> None:
    limits = Limits(queue=6, per_person=5, per_address=4)
    with running(run_config(tmp_path, make_image, method=LONG), limits) as app:
        statuses = []
        for number in range(8):
            person = app.person(headers={"X-Client": f"invented {number}"})
            asked = {"content": pick(person), "style": pick(person, "styles")}
            statuses.append(person.post("/api/jobs", json=asked).status_code)
        assert statuses == [201] * 4 + [429] * 4
        other = person_at(app, "127.0.0.2")
        assert start(other)["position"] in (0, None)


@pytest.mark.slow
def test_a_thousand_half_sent_requests_keep_nobody_out_of_the_app(app: Running) -> None:
    host, _, port = urlsplit(app.url).netloc.partition(":")
    talks = []
    for number in range(1050):
        talks.append(socket.create_connection((host, int(port)), timeout=30))
        talks[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ")
        if number % 350 == 349:
            assert person_at(app, "127.0.0.2").get("/api/options").status_code == 200
            assert app.person().get("/api/options").status_code == 200
    for talk in talks:
        talk.close()


def test_before_the_password_no_body_is_read_and_nothing_is_kept(tmp_path: Path) -> None:
    taken = []

    async def receive() -> Message:
        taken.append(1)
        return part(1000)

    async def scenario() -> list[int]:
        statuses = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("it is behind the password")

        served = middleware.AccessMiddleware(app, AccessRules("secret", True, 1000))
        headers = [(b"host", b"localhost"), (b"content-length", b"900")]
        for path in ("/api/uploads", "/api/jobs", "/"):
            scope = {"type": "http", "path": path, "method": "POST", "headers": headers, "client": ("127.0.0.1", 1)}
            await served(scope, receive, send)
        return statuses

    assert asyncio.run(scenario()) == [401] * 3
    assert taken == []
