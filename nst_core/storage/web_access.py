"""What this process may ask on the web: addresses inside the network only where a person named them.

A manifest, or the annotations of a dataset, may come from somebody else. An address in them must not make us ask what
only this machine or its network reaches (`http://169.254.169.254/`, a router, a database). So every connection is made
to an address that was checked: the name is resolved here, and what is connected to is one of the addresses found, which
a second answer of the DNS cannot change. Allowed are public addresses, and those that the run file or the command
line itself names, by host and port.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nst_core.errors import NstError
from nst_core.storage.signed_urls import is_web_url, web_host

_IN_TEXT = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_CHAIN = re.compile(r"^[A-Za-z][\w+.-]*::|::[A-Za-z][\w+.-]*://")
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
_SERVICES = frozenset({ipaddress.ip_address("168.63.129.16")})  # Azure's, on every virtual machine
_STORES = ("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")


class PrivateAddress(NstError):
    """An address inside the network, which data may not have us ask."""

    exit_code = 2


@dataclass(frozen=True)
class WebAccess:
    """The rules of this process, and how old a copy of a picture may be.

    Attributes:
        allow_private: whether data may name addresses inside the network.
        places: `host:port` that the run file or the command line names, and the beginnings of their other URLs.
        since: seconds since 1970; what was fetched or checked after that is not asked for again.
    """

    allow_private: bool = False
    places: frozenset[str] = frozenset()
    since: float = 0.0


_access = WebAccess(since=time.time())


def web_access() -> WebAccess:
    """The rules of this process."""
    return _access


def use_web_access(access: WebAccess) -> None:
    """Set the rules of this process: those of the run whose work it does."""
    global _access
    _access = access


def begin_run(allow_private: bool) -> None:
    """Begin a run: what is on the web may have changed until this run has asked for it once."""
    use_web_access(replace(_access, allow_private=allow_private, since=time.time()))


def accept_old_copies() -> None:
    """Have every copy of something on the web do, however old: for pages about what a run has made."""
    use_web_access(replace(_access, since=0.0))


def allow_private_addresses(allow: bool) -> None:
    """Set whether data may name addresses inside the network."""
    use_web_access(replace(_access, allow_private=allow))


def name_places(texts: Iterable[str]) -> None:
    """Permit the places of the URLs in texts that a person wrote: the run file's, the command line's."""
    use_web_access(replace(_access, places=_access.places | {place for text in texts for place in _places(text)}))


def _places(text: str) -> set[str]:
    places = set()
    for url in _IN_TEXT.findall(text):
        try:
            places.add(web_host(url))
        except ValueError:
            continue
    if "://" in text and not is_web_url(text):
        places.add(text.rstrip("/"))
    return places


def refusal_of_form(url: str) -> str | None:
    """The reason for which data may not name this URL, by its form alone; None where they may.

    Allowed are the web and the stores of objects, and what lies below a place that a person named. A chain of
    protocols (`zip::http://…`, `zip://a.png::http://…`, `simplecache::…`) would ask an address unseen.
    """
    if _access.allow_private or any(url == place or url.startswith(f"{place}/") for place in _access.places):
        return None
    if _CHAIN.search(url):
        return "is a chain of protocols, which data may not name: give the address of the file itself"
    protocol = url.partition("://")[0].lower()
    if protocol not in _STORES:
        return (
            f"is a URL of a kind that data may not name ({protocol}://): give a path, or one of "
            f"{', '.join(f'{name}://' for name in ('https', 'http', 's3', 'gs', 'az'))}"
        )
    return None


def permitted_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host that may be connected to.

    Raises:
        PrivateAddress: there is none.
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
    if _access.allow_private or f"{host.lower().strip('[]')}:{port}" in _access.places:
        return addresses
    public = [address for address in addresses if is_public(address)]
    if not public:
        raise PrivateAddress(
            f"{host} is inside the network ({', '.join(addresses[:3])}), and data may not have us ask it: if this is "
            "meant, set execution.allow_private_addresses: true"
        )
    return public


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet, also where it is a version 4 address within a version 6."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and any(address in network for network in (*_NAT64, _COMPATIBLE)):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local:
            return False
    if address in _ASSIGNMENTS or address in _SERVICES:
        return False
    return address.is_global and not address.is_multicast
