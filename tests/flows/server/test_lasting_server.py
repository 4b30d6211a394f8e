"""What `nst serve` says where its server cannot start; and the time zone it takes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from server_trial import free_port

from flows.deploy.schedule import local_timezone
from flows.server.lasting_server import lasting_server, server_home
from nst_core.errors import UsageError


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = rf"Port {port} is taken: .* set PREFECT_API_URL=http://127.0.0.1:{port}/api .*--port"
        with pytest.raises(UsageError, match=sentence), lasting_server(tmp_path, port):
            pass


def test_two_servers_do_not_share_a_home(tmp_path: Path) -> None:
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(UsageError, match="Another nst serve keeps its server in"),
        lasting_server(tmp_path, free_port()),
    ):
        pass


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = r"file/home cannot be written .*--server-home"
    with pytest.raises(UsageError, match=sentence), lasting_server(tmp_path / "file" / "home", free_port()):
        pass


def test_the_servers_home_is_with_the_data_not_with_the_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert server_home() == Path("/data/nst/server")


def test_the_time_zone_is_that_of_the_environment_or_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert local_timezone() == "Europe/Berlin"
    monkeypatch.delenv("TZ")
    assert local_timezone()
