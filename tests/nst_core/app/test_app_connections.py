"""One client cannot shut the server: what waits too long is closed, and who takes too much gives way."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hard_clients import HALF, LAST, WHOLE, read_all, serving, status_of
from running_app import until
from starlette.types import Receive, Scope, Send

from nst_core.app import connections, listener
from nst_core.app.connections import Connections, connections_per_address, connections_within
from nst_core.app.log_repetitions import INTERVAL, RepetitionFilter

FOLDER = Path(__file__).parent


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for a fraction of a second where it otherwise waits for many."""
    for name, seconds in (("HEAD_SECONDS", 1.0), ("STALL_SECONDS", 0.4), ("CLOSING_SECONDS", 0.2)):
        monkeypatch.setattr(connections, name, seconds)
    monkeypatch.setattr(listener, "SWEEP_SECONDS", 0.05)


def test_half_sent_requests_of_one_address_keep_nobody_out() -> None:
    with serving(most=64) as door:
        for _ in range(150):
            door.connect(HALF)
        assert len(door.server.table) <= 16  # a fourth of all
        assert door.status("127.0.0.2") == 200
        assert door.status("127.0.0.1") == 200  # not even those of the same address


def test_half_sent_requests_of_many_addresses_keep_nobody_out() -> None:
    with serving(most=32) as door:
        for number in range(120):
            door.connect(HALF, f"127.0.1.{1 + number % 8}")
        assert len(door.server.table) <= 32
        assert door.status("127.0.0.2") == 200


def test_half_a_request_is_answered_and_an_idle_connection_closed_after_a_while(hasty: None) -> None:
    with serving() as door:
        half, idle, over = door.connect(HALF), door.connect(), door.connect(WHOLE)
        for _ in range(2):  # a byte now and then is no request
            time.sleep(0.1)
            half.sendall(b"x")
        answer = read_all(half)
        assert status_of(answer) == 408
        assert b"too slowly" in answer
        assert read_all(idle) == b""
        assert status_of(read_all(over)) == 200
        until(lambda: len(door.server.table) == 0, 10)


def test_a_second_request_must_come_in_time_too(hasty: None) -> None:
    with serving() as door:
        talk = door.connect(WHOLE)
        answer = b""
        while b"0 bytes" not in answer:
            answer += talk.recv(65536)
        talk.sendall(HALF)
        assert status_of(read_all(talk)) == 408


def test_requests_one_after_the_other_on_a_connection_are_answered(hasty: None) -> None:
    with serving() as door:
        talk = door.connect(WHOLE * 3)
        assert read_all(talk).count(b"HTTP/1.1 200") == 3


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that sends as long as somebody reads."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body"})


def test_who_does_not_read_the_answer_is_cut_off(hasty: None) -> None:
    with serving(endless) as door:
        door.connect(WHOLE).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        until(lambda: len(door.server.table) == 1, 10)
        until(lambda: len(door.server.table) == 0, 10)


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers when its client is gone: connections that are at work."""
    if scope["type"] == "http":
        while (await receive())["type"] != "http.disconnect":
            pass


def test_busy_connections_are_not_cut_off_and_one_address_cannot_have_all() -> None:
    with serving(waiting, most=32) as door:
        busy = [door.connect(WHOLE) for _ in range(16)]
        until(lambda: all(one.waiting_since is None for own in door.server.table._open.values() for one in own), 10)
        assert door.status("127.0.0.1") in (503, 0)
        other = door.connect(WHOLE, "127.0.0.2")
        until(lambda: len(door.server.table) == 17, 10)
        for talk in (*busy, other):
            talk.setblocking(False)
            with pytest.raises(BlockingIOError):
                talk.recv(1)


def test_behind_a_proxy_its_address_has_all_connections() -> None:
    with serving(waiting, behind_proxy=True, most=32) as door:
        for _ in range(32):
            door.connect(WHOLE)
        until(lambda: len(door.server.table) == 32, 10)


class FakeConnection:
    """A connection of the table, without a socket."""

    def __init__(self, address: str, waiting_since: float | None = 0.0) -> None:
        self.address, self.waiting_since = address, waiting_since
        self.stalled_since: float | None = None
        self.closing_since: float | None = None
        self.unsent = self.aborted = self.ended = False

    def has_unsent(self) -> bool:
        return self.unsent

    def is_closing(self) -> bool:
        return self.ended

    def end_waiting(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True


def table(*members: FakeConnection, most: int = 100, each: int | None = None, now: float = 0.0) -> Connections:
    found = Connections(most, each, lambda: now)
    for member in members:
        found.add(member)
    return found


def test_the_connection_that_waited_longest_gives_way_and_first_of_the_address_with_most() -> None:
    lone, busy, old, new = (FakeConnection(*values) for values in (("b", 1.0), ("a", None), ("a", 2.0), ("a", 3.0)))
    full = table(lone, busy, old, new, most=4)
    assert full.make_room("c")
    assert [one.aborted for one in (lone, busy, old, new)] == [False, False, True, False]
    assert len(full) == 3


def test_an_answer_that_is_not_sent_yet_is_not_cut_off_for_another_request() -> None:
    sending = FakeConnection("a", 1.0)
    sending.unsent = True
    assert not table(sending, most=1).make_room("b")
    assert not sending.aborted


def test_what_is_being_closed_is_cut_off_in_the_end() -> None:
    now = [0.0]
    closing, found = FakeConnection("a"), Connections(10, None, lambda: now[0])
    found.add(closing)
    now[0] = connections.HEAD_SECONDS + 1
    found.sweep()
    assert (closing.ended, closing.aborted) == (True, False)
    found.sweep()
    now[0] += connections.CLOSING_SECONDS + 1
    found.sweep()
    assert closing.aborted


def test_an_address_that_left_is_forgotten() -> None:
    one = FakeConnection("a")
    found = table(one, most=1)
    found.remove(one)
    found.remove(one)
    assert len(found) == 0
    assert found._open == {}


@pytest.mark.parametrize(("most", "each"), [(1000, 250), (64, 16), (32, 16), (8, 8)])
def test_the_part_of_an_address(most: int, each: int) -> None:
    assert connections_per_address(most) == each


def test_no_more_connections_than_descriptors() -> None:
    assert 8 <= connections_within(10**9) < 10**9


def test_a_message_that_anyone_can_cause_is_logged_once_a_minute_and_counted() -> None:
    now = [0.0]
    repetitions = RepetitionFilter(lambda: now[0])

    def said(message: str, *values: object) -> str | None:
        record = logging.LogRecord("x", logging.WARNING, "", 0, message, values, None)
        return record.getMessage() if repetitions.filter(record) else None

    assert said("Refused: %s", "a") == "Refused: a"
    assert said("Refused: %s", "b") is None
    assert said("Other") == "Other"
    now[0] = INTERVAL + 1
    assert said("Refused: %s", "c") == "Refused: c (1 times more since the last line)"
    assert said("Refused: %s", "d") is None


def test_errors_of_one_place_are_logged_once_and_others_as_well() -> None:
    repetitions = RepetitionFilter()

    def passes(error: type[Exception]) -> bool:
        try:
            raise error
        except Exception:
            record = logging.LogRecord("x", logging.ERROR, "", 0, "Exception", (), sys.exc_info())
        return repetitions.filter(record)

    assert [passes(error) for error in (ValueError, ValueError, KeyError)] == [True, False, True]


FEW_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
from hard_clients import serving
with serving(most={most}) as door:
    print(door.port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("most", [None, 1000])  # as many as there are descriptors for, and far more
def test_idle_connections_at_a_low_limit_of_descriptors_fill_no_log_and_keep_nobody_out(most: int | None) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FEW_DESCRIPTORS.format(most=most)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    talks = [
        socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(f"127.0.0.{1 + number % 9}", 0))
        for number in range(400)
    ]
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=("127.0.0.30", 0)) as talk:
            talk.sendall(LAST)
            assert status_of(read_all(talk)) == 200
        time.sleep(1)
    for talk in talks:
        talk.close()
    _, told = process.communicate("", timeout=60)
    assert told.count("\n") == (0 if most is None else 1), told
    assert "Traceback" not in told
    assert process.returncode == 0
