"""Pictures and other files on the web: fetched once per run, each answer taken for what it is.

A refusal belongs to its URL (`MissingImage`, `UnavailableImage`, `PrivateAddressImage`), which quarantines that picture
alone. Where several URLs of a host are refused in the same way and none was given, the host or the credentials are the
cause, and the run ends (`StorageRefused`, `StorageUnreachable`).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Literal

from nst_core.errors import (
    InputError,
    MissingImage,
    NstError,
    PrivateAddressImage,
    StorageRefused,
    StorageUnreachable,
    UnavailableImage,
)
from nst_core.storage.secrets import redact_text
from nst_core.storage.signed_urls import address_of, lasting_url, web_host
from nst_core.storage.web_access import PrivateAddress, web_access
from nst_core.storage.web_cache import WebCache, WebCopy

if TYPE_CHECKING:
    import httpx

LARGEST = 512 * 2**20
"""Bytes of one file; a larger one is refused."""
DEADLINE = 300.0
"""Seconds that one answer may take as a whole, however slowly its bytes come."""
PAUSES = (1.0, 4.0)
"""Seconds before the second and the third try of a URL whose server has a fault or is busy."""
LONGEST_PAUSE = 30.0
"""Seconds that a server may ask us to wait before the next try; if it asks for more, there is none."""
MANY = 3
"""URLs of a host that fail in the same way, none being given, after which the host is taken for the cause."""

Fault = Literal["refused", "busy", "unreachable"]

_FAILURES = {kind.__name__: kind for kind in (MissingImage, UnavailableImage, PrivateAddressImage)}


class _Failure(Exception):
    """The fault of one request; `pause`: seconds after which another may succeed, None where none would."""

    def __init__(self, error: InputError, fault: Fault | None = None, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.fault, self.pause = error, fault, pause


class _Hosts:
    """What the URLs of each host have come to in this process."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._faults: dict[tuple[str, Fault], dict[str, str]] = defaultdict(dict)
        self._since = 0.0
        self._lock = threading.Lock()

    def give(self, host: str) -> None:
        with self._lock:
            self._renew()
            self._given.add(host)

    def fail(self, host: str, fault: Fault, url: str, reason: str) -> None:
        with self._lock:
            self._renew()
            self._faults[host, fault][url] = reason
        self.check(host)

    def check(self, host: str) -> None:
        """Raise StorageRefused or StorageUnreachable where a host gives nothing."""
        with self._lock:
            self._renew()
            if host in self._given:
                return
            found = {fault: dict(self._faults.get((host, fault), {})) for fault in ("refused", "busy", "unreachable")}
        for fault, urls in found.items():
            if len(urls) >= MANY:
                raise _host_error(host, fault, len(urls), next(iter(urls.values())))

    def _renew(self) -> None:
        """Count anew where another run has begun."""
        if self._since != web_access().since:
            self._since = web_access().since
            self._given.clear()
            self._faults.clear()


def _host_error(host: str, fault: str, count: int, reason: str) -> NstError:
    if fault == "refused":
        return StorageRefused(
            f"{host} refuses all {count} addresses that were asked for, the first one so: {reason}. Check the "
            "credentials, or sign the addresses anew; then run the same command again."
        )
    return StorageUnreachable(
        f"{host} gave none of {count} addresses that were asked for, the first one so: {reason}: run the same command "
        "again once the network and the server answer."
    )


_hosts = _Hosts()
_cache = WebCache()
_locks: dict[int, threading.Lock] = {number: threading.Lock() for number in range(256)}


def fetch(shown: str) -> WebCopy:
    """The file at a URL, in its shown form, from this run's copy where there is one.

    Raises:
        MissingImage, UnavailableImage, PrivateAddressImage: this one cannot be had.
        StorageRefused, StorageUnreachable: none of its host can.
    """
    with _locks[hash(shown) % len(_locks)]:
        copy = _cache.get(shown)
        if copy is None or copy.checked_at < web_access().since:
            copy = _asked(shown, copy)
    if copy.failure:
        raise _FAILURES[copy.failure](shown, copy.reason or "")
    return copy


def _asked(shown: str, earlier: WebCopy | None) -> WebCopy:
    address = address_of(shown)
    if address is None:
        if earlier is not None and not earlier.failure:
            return earlier
        raise UnavailableImage(
            shown, "its address is known here only without its secrets: use `nst run` with the run file again"
        )
    try:
        host = web_host(address)
    except ValueError:
        return _kept(WebCopy(shown, failure=MissingImage.__name__, reason="it is no valid address"))
    _hosts.check(host)
    for pause in (*PAUSES, None):
        started = time.time()
        try:
            copy = _answer(shown, address, earlier)
        except _Failure as failure:
            if failure.pause is not None and pause is not None and failure.pause <= LONGEST_PAUSE:
                time.sleep(max(pause, failure.pause))
                continue
            if failure.fault is not None:
                _hosts.fail(host, failure.fault, shown, failure.error.reason)
            kind = type(failure.error)
            refused = WebCopy(shown, failure=kind.__name__, reason=failure.error.reason, checked_at=started)
            return refused if kind is PrivateAddressImage else _kept(refused)  # what we may not ask is no answer
        _hosts.give(host)
        if copy is None:
            assert earlier is not None
            return _cache.confirm(earlier, started)
        return _kept(copy)
    raise AssertionError  # the last try returns


def _kept(copy: WebCopy) -> WebCopy:
    _cache.put(copy)
    return copy


@cache
def _client() -> httpx.Client:
    import httpx

    from nst_core.storage.web_client import open_client

    return open_client(httpx.Timeout(20.0, read=30.0))


def _answer(shown: str, address: str, earlier: WebCopy | None) -> WebCopy | None:
    """One request; None where the server says that the earlier copy is as it was. Raises _Failure."""
    import httpx

    headers = {"Accept": "image/*,*/*;q=0.8", "Accept-Encoding": "identity"}
    if earlier is not None and not earlier.failure:
        validators = {"If-None-Match": earlier.etag, "If-Modified-Since": None if earlier.etag else earlier.modified}
        headers |= {name: value for name, value in validators.items() if value}
    started = time.time()
    try:
        with _client().stream("GET", address, headers=headers) as response:
            if response.status_code == 304 and earlier is not None:
                return None
            _check_status(shown, address, response)
            data = _received(shown, response, started)
    except PrivateAddress as error:
        raise _Failure(PrivateAddressImage(shown, str(error))) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise _Failure(MissingImage(shown, "it is no valid address")) from error
    except httpx.TooManyRedirects as error:
        raise _Failure(UnavailableImage(shown, "its server sends from one address to the next, in a circle")) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        reason = f"its server cannot be reached ({_reason(error)})"
        raise _Failure(UnavailableImage(shown, reason), "unreachable", 0.0) from error
    except httpx.HTTPError as error:
        reason = f"the transfer was cut ({_reason(error)})"
        raise _Failure(UnavailableImage(shown, reason), "unreachable", 0.0) from error
    import hashlib

    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    return WebCopy(shown, data, hashlib.sha256(data).hexdigest(), etag, modified, checked_at=started)


def _check_status(shown: str, address: str, response: httpx.Response) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if status in (404, 410):
        raise _Failure(MissingImage(shown, f"its server has nothing there (HTTP {status})"))
    expired = status == 400 and lasting_url(address) != address  # as Google's store says of an old signature
    if status in (401, 403, 407, 451) or expired:
        raise _Failure(UnavailableImage(shown, f"its server refuses it (HTTP {status})"), "refused")
    if status in (408, 425, 429) or status >= 500:
        from nst_core.storage.retry_after import seconds_to_wait

        pause = seconds_to_wait(response.headers.get("Retry-After")) or 0.0
        how = "asks to slow down" if status == 429 else "has a fault"
        later = f", again after {pause:.0f} s at the earliest" if pause > LONGEST_PAUSE else ""
        raise _Failure(UnavailableImage(shown, f"its server {how} (HTTP {status}{later})"), "busy", pause)
    raise _Failure(UnavailableImage(shown, f"its server answers HTTP {status}"))


def _received(shown: str, response: httpx.Response, started: float) -> bytes:
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > LARGEST:
            raise _Failure(UnavailableImage(shown, f"it has more than {LARGEST} bytes"))
        if time.time() - started > DEADLINE:
            raise _Failure(UnavailableImage(shown, f"it did not arrive within {DEADLINE:.0f} s"), "busy")
    return bytes(data)


def _reason(error: Exception) -> str:
    return redact_text(" ".join(str(error).split()))[:200] or type(error).__name__
