"""Access to the server: the checks of host name, origin and password, and the client of a request."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from nst_core.app.forwarding import NO_PROXIES, Forwarding, RequestSource
from nst_core.app.request_errors import RequestError
from nst_core.engine.cache import Cache

SAFE = ("GET", "HEAD", "OPTIONS")

TRIES, TRIES_SECONDS, WRONG_SECONDS = 10, 60.0, 1.0
"""Wrong passwords per address within so many seconds; seconds that the answer to each is delayed."""

MAX_ADDRESSES = 10_000
"""Addresses whose wrong passwords are remembered."""

COOKIE = "nst_person"
COOKIE_SECONDS = 30 * 86_400
NAME_LENGTH = 200

DEFAULT_PORTS = {"http": 80, "https": 443}

FOREIGN = "This request came from another site's page: use the page of this server."


@dataclass(frozen=True)
class AccessRules:
    """The conditions for access.

    Attributes:
        password: None where none is needed.
        local: whether only this machine can reach the server.
        upload_bytes: the most that an uploaded file may have.
        hosts: further names of this server.
        forwarding: the proxies in front of it.
    """

    password: str | None
    local: bool
    upload_bytes: int
    hosts: frozenset[str] = frozenset()
    forwarding: Forwarding = NO_PROXIES


def check_host(host: str, rules: AccessRules) -> None:
    """Raise RequestError for a `Host` that is not this server's: "DNS rebinding".

    A page of any site may have its own name lead to this machine, and then read the answers. A numeric address is no
    name; and where a password is needed, the browser has none for such a name.
    """
    name = _hostname(host)
    if is_loopback(name) or name.endswith(".localhost") or name in rules.hosts:
        return
    if not rules.local and (rules.password or _address(name)):
        return
    raise RequestError(421, f"This server is not known as {host[:100]}: whoever runs it can add it by --allow-host.")


def check_origin(method: str, headers: Headers, source: RequestSource) -> None:
    """Raise RequestError where a page of another site has the browser change something here."""
    if method in SAFE:
        return
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RequestError(403, FOREIGN)
    origin = headers.get("origin")
    if origin is None:
        return
    scheme, _, authority = origin.partition("://")
    asked = _authority(source.host or headers.get("host", ""), scheme)
    if asked is None or _authority(authority, scheme) != asked or scheme != (source.scheme or scheme):
        raise RequestError(403, FOREIGN)


class PasswordCheck:
    """HTTP Basic authentication that makes it slow to guess the password."""

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        self._clock = clock
        self._wrong: Cache[deque[float]] = Cache(MAX_ADDRESSES)

    async def check(self, authorization: str, address: str) -> None:
        """Raise RequestError unless the `Authorization` header has the password, with any user name."""
        now = self._clock()
        wrong = self._wrong.get(address)
        wrong = deque() if wrong is None else wrong
        while wrong and now - wrong[0] > TRIES_SECONDS:
            wrong.popleft()
        if len(wrong) >= TRIES:
            raise RequestError(429, "Too many wrong passwords: try again in a minute.", int(TRIES_SECONDS))
        given = _password(authorization)
        if given is not None:
            if hmac.compare_digest(hashlib.sha256(given).digest(), self._digest):
                return
            self._wrong.keep(address, wrong).append(now)
            await asyncio.sleep(WRONG_SECONDS)
        how = {"WWW-Authenticate": 'Basic realm="nst app", charset="UTF-8"'}
        raise RequestError(401, "This page asks for a password.", headers=how)


@dataclass(frozen=True)
class Client:
    """The sender of a request.

    Attributes:
        name: the one in `X-Client`, or that of the cookie: what it says of itself.
        address: where it is: what it cannot invent.
        cookie: the cookie to set, where the request had none.
    """

    name: str
    address: str
    cookie: str | None = None


def identify_client(headers: Headers, source: RequestSource) -> Client:
    """The client, by the name that it gives itself (`X-Client`), or by the cookie that its browser was given."""
    if name := headers.get("x-client"):
        return Client(f"client:{name[:NAME_LENGTH]}", source.address)
    if token := cookie_parser(headers.get("cookie", "")).get(COOKIE):
        return Client(f"cookie:{token[:NAME_LENGTH]}", source.address)
    token = secrets.token_urlsafe(18)
    cookie = f"{COOKIE}={token}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Strict"
    return Client(f"cookie:{token}", source.address, cookie + ("; Secure" if source.scheme == "https" else ""))


def is_loopback(name: str) -> bool:
    """Whether a name or an address is a loopback one."""
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


def _authority(text: str, scheme: str) -> tuple[str, int] | None:
    """The host and port of `host`, `host:port` or `[address]:port`; None where it is no such thing."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port or DEFAULT_PORTS.get(scheme)
    except ValueError:
        return None
    if port is None or not parts.hostname or parts.netloc != text or "@" in text:
        return None
    return parts.hostname, port


def _password(authorization: str) -> bytes | None:
    """The password in a header of HTTP Basic; None where there is none."""
    scheme, _, code = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(code, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None
