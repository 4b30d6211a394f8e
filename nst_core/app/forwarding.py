"""The sender of a request: its address, and behind proxies what the last of them say of it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

NETWORK_BITS = 64
"""Length of the IPv6 prefix that counts as one address: the smallest network that is given to a customer."""

NAME_LENGTH = 100

MAX_COMMAS = 100
"""Commas of a `Forwarded` header that are looked at, from its end."""

_VALUE = r'(?:[^\s",;\\]+|"(?:\\.|[^"\\])*")'
_PAIR = re.compile(rf"[ \t]?([\w-]+)=({_VALUE})[ \t]?")
_ELEMENT = re.compile(rf"{_PAIR.pattern}(?:;{_PAIR.pattern})*;?")


@dataclass(frozen=True)
class RequestSource:
    """Where a request comes from.

    Attributes:
        address: of the sender, in the form of `address_group`.
        host: the name of this server that the sender asked for, as a proxy tells it; None where none does.
        scheme: `http` or `https` between the sender and the outermost proxy; None where no proxy tells it.
    """

    address: str
    host: str | None = None
    scheme: str | None = None


@dataclass(frozen=True)
class Forwarding:
    """The proxies in front of the server, whose headers are believed.

    Attributes:
        proxies: their number; with 0 no header is believed. Each proxy appends to a header, so that its entry is the
            last one when it sends it on; what stands before the entries of these proxies may be invented.
        standard: whether they write `Forwarded` (RFC 7239); else `X-Forwarded-For`, `-Proto` and `-Host`. The other
            kind is not believed: a proxy passes on what it does not know.
    """

    proxies: int = 0
    standard: bool = False

    def source(self, scope: Scope, headers: Headers) -> RequestSource:
        """The sender of a request."""
        peer = address_group(str((scope.get("client") or ("",))[0]))
        if not self.proxies:
            return RequestSource(peer)
        if self.standard:
            entry = _parameters(self._outermost(_standard_elements(headers, self.proxies)))
            address, host, scheme = (entry.get(name, "") for name in ("for", "host", "proto"))
        else:
            address, host, scheme = (
                self._outermost(_elements(headers, f"x-forwarded-{name}")) for name in ("for", "host", "proto")
            )
        scheme = scheme.lower()
        return RequestSource(
            address_group(address) or peer, host or None, scheme if scheme in ("http", "https") else None
        )

    def is_ignored(self, headers: Headers) -> bool:
        """Whether a request has headers of a proxy though none is known of."""
        return not self.proxies and ("x-forwarded-for" in headers or "forwarded" in headers)

    def _outermost(self, entries: list[str]) -> str:
        """The entry of the outermost of our proxies: as many from the end as there are."""
        return entries[max(0, len(entries) - self.proxies)] if entries else ""


NO_PROXIES = Forwarding()


def address_group(text: str) -> str:
    """What counts as one address: an IPv4 address, or the first 64 bits of an IPv6 address. Ports are left out.

    A text that is no address (`unknown`, or a pseudonym of RFC 7239) stands for itself.
    """
    address = parse_address(text)
    if address is None:
        return text.strip()[:NAME_LENGTH]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        if not address.is_loopback:
            return str(ipaddress.ip_network((int(address), NETWORK_BITS), strict=False))
    return str(address)


def parse_address(text: str) -> IPAddress | None:
    """The IP address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _elements(headers: Headers, name: str) -> list[str]:
    """The entries of a header that is a list, of all its lines."""
    return [part.strip() for line in headers.getlist(name) for part in line.split(",") if part.strip()]


def _standard_elements(headers: Headers, count: int) -> list[str]:
    """The last entries of `Forwarded`, `count` at most.

    They are found from the end, each the shortest text after a comma that is an entry: a quotation mark that somebody
    opened before those of the proxies takes none of them in.
    """
    text, found = ",".join(headers.getlist("forwarded")), list[str]()
    start = end = len(text)
    for _ in range(MAX_COMMAS):
        start = text.rfind(",", 0, start)
        if _ELEMENT.fullmatch(element := text[start + 1 : end].strip()):
            found.insert(0, element)
            end = start
        if start < 0 or len(found) == count:
            break
    return found


def _parameters(element: str) -> dict[str, str]:
    """The `name=value` pairs of an entry of `Forwarded`."""
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        for name, value in _PAIR.findall(element)
    }
