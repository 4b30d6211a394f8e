"""Who asks: by which name for this server, from whose page, with which password, and which person that is."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from nst_core.app.refusals import Refusal

SAFE = ("GET", "HEAD", "OPTIONS")

TRIES, TRIES_SECONDS, WRONG_SECONDS = 10, 60.0, 1.0
"""Wrong passwords that are looked at from one address within so many seconds; how long the answer to each takes."""

ADDRESSES = 1000
"""From which wrong passwords came, that are remembered."""

PERSON = "nst_person"
PERSON_SECONDS = 30 * 86_400
NAME_LENGTH = 200

FOREIGN = "This request came from another site's page: use the page of this server."


@dataclass(frozen=True)
class Rules:
    """What is asked of a request.

    Attributes:
        password: None where everybody may.
        local: whether only this machine can ask.
        hosts: further names of this server.
        upload_bytes: of an uploaded file.
    """

    password: str | None
    local: bool
    upload_bytes: int
    hosts: frozenset[str] = frozenset()


def check_host(host: str, rules: Rules) -> None:
    """Raises Refusal for a name that is not this server's.

    A page of any site may have its own name lead to this machine, and then read what is answered ("DNS rebinding").
    An address in numbers is no name; and where a password is asked for, the browser has none for such a name.
    """
    name = _hostname(host)
    if is_loopback(name) or name.endswith(".localhost") or name in rules.hosts:
        return
    if not rules.local and (rules.password or _address(name)):
        return
    raise Refusal(421, f"This server is not known as {host[:100]}: whoever runs it can add it by --allow-host.")


def check_origin(method: str, headers: Headers) -> None:
    """Raises Refusal where another site's page has somebody's browser change something here."""
    if method in SAFE:
        return
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, FOREIGN)
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        raise Refusal(403, FOREIGN)


class Passwords:
    """Looks at passwords, and makes it slow to guess one."""

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    async def check(self, authorization: str, address: str) -> None:
        """Raises Refusal unless the header has the password, with whatever name."""
        now = self._clock()
        wrong = self._wrong.get(address, deque())
        while wrong and now - wrong[0] > TRIES_SECONDS:
            wrong.popleft()
        if len(wrong) >= TRIES:
            raise Refusal(429, "Too many wrong passwords: try again in a minute.", int(TRIES_SECONDS))
        given = _password(authorization)
        if given is not None:
            if hmac.compare_digest(hashlib.sha256(given).digest(), self._digest):
                return
            wrong.append(now)
            self._remember(address, wrong)
            await asyncio.sleep(WRONG_SECONDS)
        how = {"WWW-Authenticate": 'Basic realm="nst app", charset="UTF-8"'}
        raise Refusal(401, "This page asks for a password.", headers=how)

    def _remember(self, address: str, wrong: deque[float]) -> None:
        self._wrong[address] = wrong
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


def address_of(scope: Scope, headers: Headers) -> str:
    """Where a request comes from: what a proxy on this machine says of it, where it came through one."""
    peer = str((scope.get("client") or ("",))[0])
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded if forwarded and is_loopback(peer) else peer


@dataclass(frozen=True)
class Person:
    """Who asks.

    Attributes:
        name: as clients give themselves one, or of the cookie.
        cookie: to be set, where this is the first time.
    """

    name: str
    cookie: str | None = None


def person_of(headers: Headers) -> Person:
    """By the name that a client gives itself (`X-Client`), or by the cookie that a browser was given."""
    if client := headers.get("x-client"):
        return Person(f"client:{client[:NAME_LENGTH]}")
    if token := cookie_parser(headers.get("cookie", "")).get(PERSON):
        return Person(f"cookie:{token[:NAME_LENGTH]}")
    token = secrets.token_urlsafe(18)
    cookie = f"{PERSON}={token}; Max-Age={PERSON_SECONDS}; Path=/; HttpOnly; SameSite=Strict"
    return Person(f"cookie:{token}", cookie)


def is_loopback(name: str) -> bool:
    """Whether a name or an address is that of this machine to itself."""
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _password(authorization: str) -> bytes | None:
    """The password of HTTP Basic, whatever the name; None where there is none."""
    scheme, _, code = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(code, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None
