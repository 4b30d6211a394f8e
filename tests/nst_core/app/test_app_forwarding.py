"""What is believed of what proxies say: the last hops of the known number, and nothing else."""

from __future__ import annotations

from unittest import mock

import pytest
from running_app import Running
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from nst_core.app.access import AccessRules, check_host, check_origin, identify_client
from nst_core.app.forwarding import Forwarding, RequestSource, address_group
from nst_core.app.log_repetitions import REPETITIONS
from nst_core.app.middleware import AccessMiddleware
from nst_core.app.request_errors import RequestError

PEER = "10.9.9.9"


def source(forwarding: Forwarding, *headers: tuple[str, str]) -> RequestSource:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return forwarding.source({"client": (PEER, 1234)}, Headers(raw=raw))


@pytest.mark.parametrize(
    ("proxies", "lines", "address"),
    [
        (0, ["203.0.113.9"], PEER),
        (1, [], PEER),
        (1, [""], PEER),
        (1, [" , ,"], PEER),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6", "7.7.7.7, 203.0.113.9:4711"], "203.0.113.9"),
        (2, ["6.6.6.6, 203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        (2, ["203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6,[2001:db8::1]:80"], "2001:db8::/64"),
        (1, ["2001:db8:0:0:ffff::1"], "2001:db8::/64"),
        (1, ["::ffff:203.0.113.9"], "203.0.113.9"),
        (1, ['"6.6.6.6, 203.0.113.9'], "203.0.113.9"),
        (1, ["unknown"], "unknown"),
    ],
)
def test_the_hop_before_our_proxies_is_the_client_whatever_stands_before(
    proxies: int, lines: list[str], address: str
) -> None:
    headers = [("X-Forwarded-For", line) for line in lines]
    assert source(Forwarding(proxies), *headers).address == address


@pytest.mark.parametrize(
    ("proxies", "lines", "address"),
    [
        (0, ["for=203.0.113.9"], PEER),
        (1, ["for=6.6.6.6, for=203.0.113.9"], "203.0.113.9"),
        (1, ["for=6.6.6.6", 'For="203.0.113.9:4711"; Proto=https'], "203.0.113.9"),
        (1, ['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::/64"),
        (2, ['for=6.6.6.6, for=203.0.113.9;by="a, b" , for=10.0.0.1'], "203.0.113.9"),
        (1, ['for="6.6.6.6, for=203.0.113.9'], "203.0.113.9"),  # a quotation mark that takes in what follows
        (1, ['for="6.6.6.6, for="[2001:db8::1]"'], "2001:db8::/64"),
        (1, ['for="6.6.6.6\\', "for=203.0.113.9"], "203.0.113.9"),
        (1, ["for=_hidden"], "_hidden"),
        (1, ["nonsense"], PEER),
        (1, ["for"], PEER),
        (1, ['"' * 8000], PEER),
        (1, ["a=b" + " " * 8000 + '"'], PEER),
    ],
)
def test_the_standard_header_is_read_from_its_end(proxies: int, lines: list[str], address: str) -> None:
    headers = [("Forwarded", line) for line in lines]
    assert source(Forwarding(proxies, standard=True), *headers).address == address


def test_the_header_that_our_proxies_do_not_write_is_not_believed() -> None:
    both = ("Forwarded", "for=6.6.6.6;host=evil.example"), ("X-Forwarded-For", "203.0.113.9")
    assert source(Forwarding(1), *both) == RequestSource("203.0.113.9")
    assert source(Forwarding(1, standard=True), *both) == RequestSource("6.6.6.6", "evil.example")


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("[", "["),
        ("x" * 5000, "x" * 100),
    ],
)
def test_an_ipv6_network_of_a_customer_is_one_address(text: str, group: str) -> None:
    assert address_group(text) == group


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"X-Forwarded-Host": "studio.example", "X-Forwarded-Proto": "https"}, True),
        ({"X-Forwarded-Host": "studio.example:443", "X-Forwarded-Proto": "HTTPS"}, True),
        ({"X-Forwarded-Host": "evil.example, studio.example"}, True),
        ({"Host": "studio.example"}, True),
        ({"X-Forwarded-Host": "studio.example:8443"}, False),
        ({"X-Forwarded-Host": "studio.example", "X-Forwarded-Proto": "http"}, False),
        ({"X-Forwarded-Host": "evil.example"}, False),
        ({"X-Forwarded-Host": "["}, False),
        ({}, False),
    ],
)
def test_the_page_of_the_name_that_a_proxy_was_asked_for_may_write(headers: dict[str, str], allowed: bool) -> None:
    told = Headers({"Host": "127.0.0.1:8000", "Origin": "https://studio.example"} | headers)
    forwarding = Forwarding(1)
    where = forwarding.source({"client": (PEER, 1234)}, told)
    if allowed:
        check_origin("POST", told, where)
        return
    with pytest.raises(RequestError) as refusal:
        check_origin("POST", told, where)
    assert refusal.value.status == 403


@pytest.mark.parametrize(
    "origin",
    ["http://[", "http://[::1", "http://\u212a", "null", "", "://", "http://", "http://me@127.0.0.1:8000", "http://h:x",
     "http://127.0.0.1:8000/x", "http://127.0.0.1:99999", "[", "http://127.0.0.1:8000\x85"],
)  # fmt: skip
def test_an_origin_that_is_none_is_a_foreign_one(origin: str) -> None:
    headers = Headers(raw=[(b"host", b"127.0.0.1:8000"), (b"origin", origin.encode("utf-8"))])
    with pytest.raises(RequestError) as refusal:
        check_origin("POST", headers, RequestSource(PEER))
    assert refusal.value.status == 403


def test_a_malformed_origin_gets_a_sentence_from_the_server(app: Running) -> None:
    for origin in ("http://[", "http://[::1]:x", "http://\u212a".encode()):
        answer = app.person(headers={"Origin": origin}).post("/api/jobs", json={})
        assert answer.status_code == 403
        assert answer.json()["error"]


def test_a_name_that_a_proxy_tells_must_be_ours_too() -> None:
    rules = AccessRules(None, True, 1000, frozenset({"studio.example"}), Forwarding(1))
    check_host("studio.example", rules)
    with pytest.raises(RequestError):
        check_host("evil.example", rules)


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False), (None, False)])
def test_a_cookie_that_came_by_tls_goes_by_tls_alone(scheme: str | None, secure: bool) -> None:
    cookie = identify_client(Headers({}), RequestSource(PEER, None, scheme)).cookie
    assert cookie is not None
    assert cookie.endswith("; Secure") == secure


@pytest.mark.parametrize(("proxies", "lines"), [(0, 1), (1, 0)])
def test_who_is_asked_through_a_proxy_that_nobody_told_of_says_so_once(
    proxies: int, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("here")(scope, receive, send)

    rules = AccessRules(None, True, 1000, forwarding=Forwarding(proxies))
    with caplog.at_level("WARNING"), mock.patch.object(REPETITIONS, "filter", return_value=True):
        client = TestClient(AccessMiddleware(answer, rules), base_url="http://localhost")
        for _ in range(3):
            assert client.get("/", headers={"X-Forwarded-For": "6.6.6.6"}).text == "here"
    assert sum("--proxies" in line for line in caplog.messages) == lines
