"""A small client of `nst app`: sends two pictures, follows the work, saves what comes of it. Standard library only.

python app_client.py photograph.jpg painting.jpg result.jpg --server http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Client:
    """One person at the server: `name` is what they are known by; only under it are their uploads and jobs found."""

    def __init__(self, server: str, name: str, password: str | None = None) -> None:
        self._server = server.rstrip("/")
        self._headers = {"X-Client": name}
        if password:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f":{password}".encode()).decode()

    def upload(self, path: Path) -> str:
        """Send a picture; returns its id, which is good for an hour after it was last used."""
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return str(json.load(self._ask("POST", "/api/uploads", body, kind))["id"])

    def start(self, content: str, style: str, **settings: Any) -> dict[str, Any]:
        """Ask for a picture, of two uploads. Settings: `recipe`, `size`, `strength`; the server has defaults."""
        asked = {"content": {"upload": content}, "style": {"upload": style}, **settings}
        return dict(json.load(self._ask("POST", "/api/jobs", json.dumps(asked).encode())))

    def follow(self, job: str) -> Iterator[dict[str, Any]]:
        """The job whenever something has happened to it, until it is `done`, `failed` or `cancelled`."""
        with self._ask("GET", f"/api/jobs/{job}/events") as events:
            for line in events:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def download(self, job: dict[str, Any], path: Path) -> None:
        """Save the picture of a job that is done."""
        with self._ask("GET", job["result"]) as result:
            path.write_bytes(result.read())

    def cancel(self, job: str) -> None:
        """Take a job back."""
        self._ask("DELETE", f"/api/jobs/{job}").close()

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        headers = self._headers | ({"Content-Type": kind} if body is not None else {})
        request = urllib.request.Request(self._server + path, body, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=60)  # the server says something every 15 seconds
        except urllib.error.HTTPError as error:
            raise SystemExit(f"The server refused: {json.load(error)['error']}") from error


def main() -> None:
    """What the command line does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--name", default=f"client-{secrets.token_hex(8)}")
    parser.add_argument("--password")
    parser.add_argument("--size", type=int)
    chosen = parser.parse_args()
    client = Client(chosen.server, chosen.name, chosen.password)
    settings = {"size": chosen.size} if chosen.size else {}
    job = client.start(client.upload(chosen.content), client.upload(chosen.style), **settings)
    for job in client.follow(job["id"]):  # noqa: B020 (the last state is what counts)
        if job["state"] == "queued":
            print(f"{job['position']} pictures before this one", file=sys.stderr)
        else:
            print(f"{job['state']}: {job['evaluations']} of {job['total']}", file=sys.stderr)
    if job["state"] != "done":
        raise SystemExit(f"It is {job['state']}: {job['error'] or 'as asked'}")
    client.download(job, chosen.result)
    print(chosen.result)


if __name__ == "__main__":
    main()
