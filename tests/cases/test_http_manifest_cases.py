"""A manifest of URLs on a web server that redirects, refuses and answers with a page: each row by itself."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

CASES = {
    "/img/a.png": None,
    "/img/b.png?X-Amz-Date=1&X-Amz-Signature=HUSH": None,
    "/redir/c.png": None,
    "/img/name-without-suffix": None,
    "/img/get?picture=HUSH": None,
    "/404/d.png": "MissingImage",
    "/403/e.png": "UnavailableImage",
    "/html/f.png": "NotAnImage",
}
"""The error of each address; None where a picture is made."""


@dataclass
class Running:
    url: str
    asked: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def server(
    shared: Path, tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    make_image(tmp_path / "w" / "num" / "content" / "c0.png", 96, 80)
    make_image(tmp_path / "art" / "Monet" / "s.png", 96, 80, seed=1)
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("http_manifest", shared / "cases" / "http_manifest.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    class Handler(generator.H):  # type: ignore[misc, name-defined]
        def log_message(self, *_: object) -> None:
            running.asked[f"{self.command} {self.path}"] += 1

        def do_GET(self) -> None:
            if self.path == "/manifest.csv":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(manifest(running.url, ["/img/a.png"]).encode())
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        running = Running(f"http://127.0.0.1:{http.server_port}")
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield running
        http.shutdown()


def manifest(url: str, paths: list[str]) -> str:
    return "content,style\n" + "".join(f"{url}{path},art/Monet/s.png\n" for path in paths)


def nst(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip


def run_file(manifest: str = "m.csv", allow: bool = True) -> str:
    text = {
        "name": "run",
        "content": {"source": "folder", "path": "w"},
        "style": "art",
        "pairing": {"strategy": "manifest", "manifest": manifest},
        "method": {"recipe": "wavelet", "size": 48, "evaluations": 2},
        "execution": {"allow_private_addresses": allow, "devices": "cpu"},
    }
    Path("run.yaml").write_text(json.dumps(text), encoding="utf-8")
    return "run.yaml"


def errors() -> dict[str, str]:
    with Path("outputs/run/quarantine.csv").open(encoding="utf-8") as file:
        return {row["path"]: row["error_class"] for row in csv.DictReader(file)}


def assert_no_secret_in(folder: Path) -> None:
    for path in filter(Path.is_file, folder.rglob("*")):
        text = (
            str(pd.read_parquet(path).to_dict()) if path.suffix == ".parquet" else path.read_bytes().decode("latin-1")
        )
        assert "HUSH" not in text, path


def test_each_row_comes_to_what_its_server_says_and_is_asked_for_once(server: Running) -> None:
    Path("m.csv").write_text(manifest(server.url, list(CASES)), encoding="utf-8")
    done = nst("run", run_file())
    assert done.returncode == 3, done.stdout + done.stderr
    assert "HUSH" not in done.stdout + done.stderr
    wrong = {path: error for path, error in CASES.items() if error}
    assert errors() == {f"{server.url}{path}": error for path, error in wrong.items()}
    made = sorted(path.name for path in Path("outputs/run/images").rglob("*.jpg"))
    assert len(made) == len(CASES) - len(wrong)
    assert_no_secret_in(Path("outputs"))
    asked = Counter(f"GET {path}" for path in CASES) + Counter(["GET /img/a.png"])  # which the redirection leads to
    assert server.asked == asked, "index, chunks and gallery take the copy of the plan"

    server.asked.clear()
    Path("m.csv").write_text(manifest(server.url, list(CASES)).replace("=HUSH,", "=HUSH,").replace(
        "X-Amz-Signature=HUSH", "X-Amz-Signature=HUSH2"), encoding="utf-8")  # fmt: skip
    again = nst("run", "run.yaml")
    assert "Nothing was left to do" in again.stdout, "a new signature is no new picture"
    assert server.asked.total() == asked.total()
    assert_no_secret_in(Path("outputs"))


def test_what_data_alone_names_inside_the_network_is_not_asked(server: Running) -> None:
    Path("m.csv").write_text(manifest(server.url, ["/img/a.png", "/img/b.png"]), encoding="utf-8")
    done = nst("run", run_file(allow=False))
    assert done.returncode == 3, done.stdout + done.stderr
    assert set(errors().values()) == {"PrivateAddressImage"}
    assert not server.asked


def test_what_the_run_file_names_is_asked_and_data_may_name_the_same_place(server: Running) -> None:
    done = nst("run", run_file(f"{server.url}/manifest.csv", allow=False))
    assert done.returncode == 0, done.stdout + done.stderr
    beside = "GET /art/Monet/s.png"  # the manifest's path of the style, which is on the same server
    assert server.asked == {"GET /manifest.csv": 1, "GET /img/a.png": 1, beside: 1}


def test_a_server_that_refuses_everything_ends_the_run(server: Running) -> None:
    Path("m.csv").write_text(
        manifest(server.url, [f"/403/{number}.png?sig=HUSH" for number in range(8)]), encoding="utf-8"
    )
    for arguments in (("run",), ("--debug", "run")):
        done = nst(*arguments, run_file())
        assert done.returncode == 2, done.stdout + done.stderr
        assert re.search(r"refuses all \d addresses", done.stderr)
        assert "HUSH" not in done.stdout + done.stderr
