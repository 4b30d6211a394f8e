"""A run's own Prefect server: when it counts as started, and what happens when it does not or dies. Its process is a
stand-in that answers as Prefect's does."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from flows.server.child_server import MAX_STARTS, ChildServer
from flows.server.database import DATABASE, keep_empty_copy, temporary_database

ANSWERS = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
ENDS = "raise SystemExit(1)"
HANGS = "import time; time.sleep(60)"

Begin = Callable[..., list[tuple[int, "subprocess.Popen[bytes]"]]]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Makes a server's processes run these programs, one after the other; returns ports and processes, as they come."""

    def make(*programs: str) -> list[tuple[int, subprocess.Popen[bytes]]]:
        begun: list[tuple[int, subprocess.Popen[bytes]]] = []

        def next_program(server: ChildServer) -> subprocess.Popen[bytes]:
            port = int(server.api_url.removesuffix("/api").rpartition(":")[2])
            command = [sys.executable, "-S", "-c", programs[len(begun)], str(port)]
            begun.append((port, subprocess.Popen(command, stdin=subprocess.PIPE)))
            return begun[-1][1]

        monkeypatch.setattr(ChildServer, "_begin", next_program)
        return begun

    return make


def answers(server: ChildServer) -> bool:
    try:
        return httpx.get(f"{server.api_url}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_where_its_port_was_taken_since_another_is_tried(begin: Begin, tmp_path: Path) -> None:
    begun = begin(ENDS, ANSWERS)
    server = ChildServer(tmp_path)
    server.start(timeout=60)
    assert answers(server)
    (first, ended), (second, runs) = begun
    assert first != second
    server.stop()
    assert (ended.returncode, runs.returncode) == (1, -15)
    assert not answers(server)


def test_one_that_always_ends_is_an_error(begin: Begin, tmp_path: Path) -> None:
    begun = begin(*[ENDS] * MAX_STARTS)
    with pytest.raises(RuntimeError, match="ended with code 1"):
        ChildServer(tmp_path).start(timeout=60)
    assert len(begun) == MAX_STARTS


def test_one_that_does_not_answer_is_an_error(begin: Begin, tmp_path: Path) -> None:
    begun = begin(HANGS)
    server = ChildServer(tmp_path)
    with pytest.raises(RuntimeError, match="no answer within"):
        server.start(timeout=0.3)
    server.stop()
    assert [process.returncode for _, process in begun] == [-15]


def test_one_that_dies_is_started_again_on_its_port(begin: Begin, tmp_path: Path) -> None:
    begun = begin(ANSWERS, ANSWERS)
    server = ChildServer(tmp_path)
    server.start(timeout=60)
    with server.kept_alive():
        begun[0][1].kill()
        deadline = time.monotonic() + 60
        while len(begun) < 2 or not answers(server):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    server.stop()
    assert begun[0][0] == begun[1][0]
    assert begun[1][1].returncode is not None


def test_the_next_database_has_the_schema_but_no_rows_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with temporary_database() as folder:
        assert not (folder / DATABASE).exists()
        with closing(sqlite3.connect(folder / DATABASE)) as first:
            first.execute("CREATE TABLE alembic_version (number TEXT)")
            first.execute("CREATE TABLE flow_run (name TEXT)")
            first.execute("INSERT INTO alembic_version VALUES ('a1')")
            first.execute("INSERT INTO flow_run VALUES ('night')")
            first.commit()
            keep_empty_copy(folder)
    assert not folder.exists()
    with temporary_database() as folder, closing(sqlite3.connect(folder / DATABASE)) as second:
        assert second.execute("SELECT * FROM alembic_version").fetchall() == [("a1",)]
        assert second.execute("SELECT * FROM flow_run").fetchall() == []
