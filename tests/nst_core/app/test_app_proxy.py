"""The app behind nginx, set up as docs/app.md says."""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import needs
import pytest
from documents import ROOT, blocks
from running_app import Running, await_state, png, run_config, running, start, until, upload

from nst_core.app import access
from nst_core.app.forwarding import Forwarding
from nst_core.app.server import ServerAddress

pytestmark = pytest.mark.slow

Make = Callable[..., Path]

NAME = "studio.example"

AROUND = """
daemon off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {server}
}}
"""


@dataclass
class Proxied:
    """An app, and the port of the proxy before it."""

    app: Running
    port: int

    def person(self, password: str | None = "secret", source: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """Somebody at an address of this machine, who asks the proxy."""
        told = {"Host": f"{NAME}:{self.port}"} | headers
        if password:
            told["Authorization"] = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
        transport = httpx.HTTPTransport(verify=False, local_address=source)
        person = httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}", transport=transport, headers=told, timeout=60, trust_env=False
        )
        self.app.people.append(person)
        return person


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def write_certificate(folder: Path) -> None:
    needs.needs("openssl", shutil.which("openssl"), "apt-get install openssl")
    names = ["-subj", f"/CN={NAME}", "-keyout", folder / "studio.example.key", "-out", folder / "studio.example.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *map(str, names)]
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def nginx_before(app_port: int, folder: Path) -> Iterator[int]:
    """nginx with the example of the page, on a free port."""
    program, port = needs.nginx(), free_port()
    write_certificate(folder)
    (server,) = (block.text for block in blocks(ROOT / "docs" / "app.md", "nginx"))
    replaced = {"listen 443": f"listen 127.0.0.1:{port}", "/etc/ssl": str(folder), ":8000": f":{app_port}"}
    for told, here in replaced.items():
        assert told in server
        server = server.replace(told, here)
    (folder / "nginx.conf").write_text(AROUND.format(server=server))
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.PIPE, text=True)

    def answers() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        return False

    try:
        until(answers, 30)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def proxied(tmp_path: Path, make_image: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    monkeypatch.setattr(access, "WRONG_SECONDS", 0.0)
    address = ServerAddress(port=0, password="secret", names=(NAME,), forwarding=Forwarding(1))
    (tmp_path / "nginx").mkdir()
    with running(run_config(tmp_path, make_image), address=address) as app:
        port = int(app.url.rpartition(":")[2])
        with nginx_before(port, tmp_path / "nginx") as public:
            yield Proxied(app, public)


def test_the_page_works_behind_the_proxy_of_the_example(proxied: Proxied, make_image: Make, tmp_path: Path) -> None:
    person = proxied.person(Origin=f"https://{NAME}:{proxied.port}")
    assert "; Secure" in person.get("/").headers["set-cookie"]
    given = upload(person, png(make_image, tmp_path))
    job = start(person, content={"upload": given})
    with person.stream("GET", f"/api/jobs/{job['id']}/events") as events:
        last = [line for line in events.iter_lines() if line.startswith("data: ")][-1]
    assert '"state":"done"' in last
    done = await_state(person, job, "done")
    assert person.get(done["result"]).status_code == 200
    for origin in (f"http://{NAME}:{proxied.port}", "https://evil.example", f"https://{NAME}"):
        assert proxied.person(Origin=origin).post("/api/jobs", json={}).status_code == 403
    assert proxied.person(**{"X-Forwarded-Host": "evil.example"}).get("/api/options").status_code == 200  # overwritten


def test_a_guesser_behind_the_proxy_locks_out_its_own_address_whatever_it_sends(proxied: Proxied) -> None:
    def status(number: int, password: str, source: str) -> int:
        invented = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.1.{number}"}
        return proxied.person(password, source, **invented).get("/api/options").status_code

    tries = [status(number, f"wrong {number}", "127.0.0.1") for number in range(access.TRIES + 2)]
    assert tries == [401] * access.TRIES + [429] * 2
    assert status(1, "secret", "127.0.0.1") == 429
    assert status(1, "secret", "127.0.0.2") == 200


def test_half_a_request_does_not_reach_the_app(proxied: Proxied) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    talks: list[Any] = []
    for _ in range(30):
        raw = socket.create_connection(("127.0.0.1", proxied.port), timeout=30)
        talks.append(context.wrap_socket(raw, server_hostname=NAME))
        talks[-1].sendall(
            f"POST /api/uploads HTTP/1.1\r\nHost: {NAME}:{proxied.port}\r\nContent-Length: 1000\r\n\r\nx".encode()
        )
    assert proxied.person().get("/api/options").status_code == 200
    until(lambda: len(proxied.app.server.table) == 0, 10)
    for talk in talks:
        talk.close()
