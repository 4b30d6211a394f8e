"""Requests to the app with hard values in every header, path, query and field: an answer, and never a 500."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hard_clients import read_all, status_of
from mutations import HARD_FIELDS, byte_mutations
from running_app import Running, await_state, run_config, running, start
from starlette.types import Message

from nst_core.app import access, connections, listener, request_body
from nst_core.app.access import AccessRules
from nst_core.app.forwarding import Forwarding
from nst_core.app.limits import Limits
from nst_core.app.log_repetitions import REPETITIONS
from nst_core.app.middleware import AccessMiddleware

pytestmark = pytest.mark.slow

COUNT = 300

HARD_HEADERS = (
    "http://[", "http://[::1", "[", "[]", ":", ":80", "a:b:c", "127.0.0.1:99999999", "user@127.0.0.1", "\u212a",
    "text/plain", "multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="',
    "multipart/form-data; boundary=" + "x" * 300, "application/json; charset=nonsense",
    "application/json; charset=utf-16",
    "bytes=", "bytes=0-", "bytes=-1", "bytes=5-2", "bytes=a-b", "bytes=0-1,0-1," * 50, "bytes=99999999999999999999-",
    "bytes=0-99999999999999999999", '"', 'W/"', "*", "Thu, 99 Foo 99999 99:99:99 GMT", "Thu, 01 Jan 0000 00:00:00 GMT",
    "Basic", "Basic =", "Basic ////", "Basic " + "A" * 5000, "Basic \xe9", "Bearer x", "nst_person", "nst_person=;;=;",
    'nst_person="\\777"', "nst_person=" + "x" * 5000, "chunked", "gzip, chunked", "100-continue", "websocket",
    "upgrade",
    "for=", 'for="', "for=;for=", "for=1.2.3.4" * 500, "0", "00012", "1_0", "+5", "\u0661",
)  # fmt: skip
"""Values that headers may take in a hostile or broken request, beside those of any field."""

HEADERS = (
    "Host", "Origin", "Referer", "Content-Type", "Content-Length", "Transfer-Encoding", "Range", "If-Range",
    "If-None-Match", "If-Modified-Since", "Cookie", "Authorization", "X-Client", "X-Forwarded-For", "X-Forwarded-Host",
    "X-Forwarded-Proto", "Forwarded", "Sec-Fetch-Site", "Accept", "Accept-Encoding", "Connection", "Upgrade", "Expect",
    "Access-Control-Request-Method", "TE", "HTTP2-Settings",
)  # fmt: skip

FILE_HEADERS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
FILE_VALUES = tuple(value for value in HARD_HEADERS if value.startswith(("bytes", '"', "W/", "*", "Thu")))

PATHS = (
    "/{}", "/api/contents?q={}", "/api/contents?offset={}", "/api/contents?count={}", "/api/styles?artist={}",
    "/api/styles?{}", "/api/thumbnails/{}/x", "/api/thumbnails/contents/{}", "/api/jobs/{}", "/api/jobs/{}/events",
    "/api/jobs/{}/result?download={}", "/api/jobs/{}/{}", "/api/uploads/{}/thumbnail", "/gallery/{}", "/images/{}",
    "/gallery/{}/../{}",
)  # fmt: skip

FIELDS = ("content", "style", "recipe", "size", "strength", "upload", "id", "artist")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Iterator[tuple[Running, str]]:
    """A server that waits for nobody, believes a proxy, and has made a picture; and the path of that picture's job."""
    patch = pytest.MonkeyPatch()
    for module, name in ((connections, "HEAD_SECONDS"), (request_body, "BODY_SECONDS"), (listener, "SWEEP_SECONDS")):
        patch.setattr(module, name, 0.1)
    patch.setattr(REPETITIONS, "filter", lambda record: True)
    with running(run_config(tmp_path_factory.mktemp("fuzz"), make_image), Limits(upload_bytes=100_000)) as server:
        person = server.person(headers={"X-Client": "me"})
        job = await_state(person, start(person), "done")
        yield server, f"/api/jobs/{job['id']}"
    patch.undo()


def answer(server: Running, request: bytes) -> bytes:
    """What the server answers until it hangs up."""
    port = int(urlsplit(server.url).netloc.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as talk:
        try:
            talk.sendall(request)
            return read_all(talk)
        except ConnectionError:
            return b""


def encoded(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass").replace(b"\n", b" ").replace(b"\r", b" ")


def request_of(server: Running, method: str, path: bytes, headers: dict[str, bytes], body: bytes = b"") -> bytes:
    """A request in bytes; headers given replace those that it needs."""
    needed = {"Host": urlsplit(server.url).netloc.encode(), "Connection": b"close", "X-Client": b"me"}
    if body:
        needed |= {"Content-Length": str(len(body)).encode(), "Content-Type": b"application/json"}
    lines = [b"%s %s HTTP/1.1" % (method.encode(), path)]
    lines += [b"%s: %s" % (name.encode(), value) for name, value in (needed | headers).items()]
    return b"\r\n".join([*lines, b"", body])


def check(server: Running, request: bytes, what: str, caplog: pytest.LogCaptureFixture) -> None:
    status = status_of(answer(server, request))
    assert status < 500, f"{what}: {status}"
    assert "Traceback" not in caplog.text, f"{what}: {caplog.text}"
    assert not [record for record in caplog.records if record.exc_info], f"{what}: {caplog.text}"


def test_hard_values_in_headers(served: tuple[Running, str], caplog: pytest.LogCaptureFixture) -> None:
    server, job = served
    draw = random.Random(1)
    for _ in range(COUNT):
        chosen = draw.sample(HEADERS, draw.choice([1, 1, 2]))
        headers = {name: encoded(draw.choice(HARD_HEADERS + HARD_FIELDS)) for name in chosen}
        method, path = draw.choice(
            [("GET", f"{job}/result"), ("GET", "/api/options"), ("GET", "/gallery/index.html"), ("GET", "/"),
             ("POST", "/api/jobs"), ("POST", "/api/uploads"), ("DELETE", job), ("HEAD", "/"), ("OPTIONS", "/api/jobs"),
             ("BREW", "/api/jobs")]
        )  # fmt: skip
        if draw.random() < 0.3:  # as headers of a file's parts and age mean something for files alone
            headers |= {draw.choice(FILE_HEADERS): encoded(draw.choice(FILE_VALUES + HARD_FIELDS))}
            method, path = "GET", draw.choice([f"{job}/result", "/gallery/index.html"])
        body = b"{}" if method == "POST" else b""
        check(server, request_of(server, method, path.encode(), headers, body), f"{method} {path} {headers}", caplog)


def test_hard_values_in_paths_and_queries(served: tuple[Running, str], caplog: pytest.LogCaptureFixture) -> None:
    server, _ = served
    draw = random.Random(2)
    for _ in range(COUNT):
        value = encoded(draw.choice(HARD_FIELDS + HARD_HEADERS))
        quoted = b"".join(b"%%%02X" % byte for byte in value) if draw.random() < 0.7 else value.replace(b" ", b"+")
        path = draw.choice(PATHS).encode().replace(b"{}", quoted)
        check(server, request_of(server, draw.choice(["GET", "GET", "DELETE"]), path, {}), repr(path), caplog)


def test_hard_values_in_the_fields_of_a_job(served: tuple[Running, str], caplog: pytest.LogCaptureFixture) -> None:
    server, _ = served
    draw = random.Random(3)
    values = [
        *HARD_FIELDS,
        -1,
        0,
        1e999,
        float("nan"),
        2**70,
        True,
        None,
        [],
        {},
        [[]],
        {"upload": {}},
        {"id": "\ud800"},
    ]
    for number in range(COUNT):
        fields = {name: draw.choice(values) for name in draw.sample(FIELDS, 3)}
        body = json.dumps(fields).encode()
        if number % 10 == 0:
            body = draw.choice([b"[" * 60_000, b'{"size":' + b"9" * 50_000 + b"}", b"\xff\xfe{\0}\0", b"\x00", b"nul"])
        check(server, request_of(server, "POST", b"/api/jobs", {}, body), repr(body[:200]), caplog)


def test_small_faults_in_requests(served: tuple[Running, str], caplog: pytest.LogCaptureFixture) -> None:
    server, job = served
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nnonsense\r\n--x--\r\n'
    kind = {"Content-Type": b"multipart/form-data; boundary=x"}
    bases = [
        request_of(server, "POST", b"/api/uploads", kind, form),
        request_of(
            server, "GET", f"{job}/result?download=1".encode(), {"Range": b"bytes=0-9, 20-29", "Cookie": b"a=b"}
        ),
        request_of(server, "POST", b"/api/jobs", {"Origin": server.url.encode()}, b'{"content": {"id": "x"}}'),
    ]
    for base, seed in zip(bases, range(3), strict=True):
        for what, request in byte_mutations(base, COUNT // 3, seed):
            check(server, request, what, caplog)


def test_hard_passwords_and_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """By way of the middleware alone: header values that HTTP does not allow, too."""
    monkeypatch.setattr(access, "WRONG_SECONDS", 0.0)
    draw, statuses = random.Random(4), set()
    values = [
        *map(encoded, HARD_HEADERS + HARD_FIELDS),
        *(b"Basic " + base64.b64encode(encoded(value)) for value in HARD_FIELDS),
        b"Basic " + base64.b64encode(b"\xff:\xfe\xfd"),
        b"Basic " + base64.b64encode(b"me:secret"),
    ]

    async def scenario() -> None:
        async def app(_scope: object, _receive: object, send: Callable[..., object]) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[misc]
            await send({"type": "http.response.body"})  # type: ignore[misc]

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.add(message["status"])

        for _ in range(2 * COUNT):
            forwarding = Forwarding(draw.choice([0, 1, 2]), draw.random() < 0.5)
            rules = AccessRules(draw.choice(["secret", None]), False, 1000, frozenset({"x"}), forwarding)
            names = ("authorization", "host", "origin", "forwarded", "x-forwarded-for", "x-forwarded-host", "cookie",
                     "x-forwarded-proto", "x-client", "content-length")  # fmt: skip
            headers = [(name.encode(), draw.choice(values)) for name in names if draw.random() < 0.5]
            peer = draw.choice([("127.0.0.1", 1), ("::1", 1), ("fe80::1%eth0", 1, 0, 0), None, ("", 0)])
            scope = {"type": "http", "path": "/", "method": "POST", "headers": headers, "client": peer}
            await AccessMiddleware(app, rules)(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(scenario())
    assert statuses <= {200, 401, 403, 413, 421}
    assert {200, 401, 403, 421} <= statuses
