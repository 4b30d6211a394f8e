"""What data may have us ask: nothing inside the network, however it is written."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nst_core.config.run_config import parse_config
from nst_core.storage.web_access import (
    PrivateAddress,
    allow_private_addresses,
    is_public,
    name_places,
    permitted_addresses,
    refusal_of_form,
)

PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
    *("100.100.100.200", "192.0.0.192", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::7f00:1", "::127.0.0.1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_the_network_are_none_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0", "::1", "::ffff:10.0.0.1"])
def test_any_spelling_of_a_host_is_checked_by_the_address_that_it_comes_to(host: str) -> None:
    with pytest.raises(PrivateAddress, match="inside the network"):
        permitted_addresses(host, 80)


def test_a_name_that_comes_to_both_is_connected_to_in_public(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, 80)) for address in ("10.0.0.1", "8.8.8.8", "8.8.8.8")]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    assert permitted_addresses("both.example.org", 80) == ["8.8.8.8"]


def test_what_a_person_names_is_permitted_by_host_and_port() -> None:
    name_places(["--set", "content.path=http://localhost:8000/pictures", "s3://bucket/x"])
    assert permitted_addresses("localhost", 8000)
    with pytest.raises(PrivateAddress):
        permitted_addresses("localhost", 8001)


def test_what_a_run_file_names_is_permitted() -> None:
    parse_config({"content": "http://localhost:8002/pictures"})
    assert permitted_addresses("localhost", 8002)


def test_a_key_permits_all() -> None:
    allow_private_addresses(True)
    assert permitted_addresses("localhost", 9)
    assert refusal_of_form("memory://place/a.png") is None


@pytest.mark.parametrize(
    "url",
    [
        "zip::http://169.254.169.254/a.zip",
        "zip://a.png::http://169.254.169.254/a.zip",
        "simplecache::http://10.0.0.1/a.png",
        "filecache::s3://bucket/a.png",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "github://o:r@main/a.png",
        "memory://a.png",
        "ftp://10.0.0.1/a.png",
        "sftp://10.0.0.1/a.png",
        "webhdfs://10.0.0.1/a.png",
        "smb://10.0.0.1/a.png",
        "data://text,x",
        "reference://x",
    ],
)
def test_data_may_name_the_web_and_stores_only(url: str) -> None:
    assert refusal_of_form(url) is not None


@pytest.mark.parametrize(
    "url",
    ["https://e.org/a::b.png", "http://[2606:4700::1111]/a.png", "s3://b/a.png", "gs://b/a", "https://e/?u=zip::x"],
)
def test_their_ordinary_addresses_are_no_chains(url: str) -> None:
    assert refusal_of_form(url) is None


def test_data_may_name_what_lies_below_a_place_that_a_person_named() -> None:
    name_places(["memory://place"])
    assert refusal_of_form("memory://place/a.png") is None
    assert refusal_of_form("memory://place2/a.png") is not None
