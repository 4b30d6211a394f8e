"""HTTP errors as errors of this project: refused permanently, or worth another try, and when."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from nst_core.errors import DownloadFailed, DownloadRefused, UsageError
from nst_core.storage.retry_after import seconds_to_wait
from nst_core.storage.secrets import redact_text
from nst_core.storage.web_access import PrivateAddress

AGAIN = "run the same command again, it goes on from here"
NOT_ALLOWED, NOT_THERE = (401, 403, 451), (404, 410)


class Unreachable(DownloadFailed):
    """There was no connection: no network, no such host, or no server."""


class WrongContent(DownloadFailed):
    """A download that is not the requested file (checksum, size, damaged archive); it was deleted."""


def check_status(status: int, place: str, retry_after: str | None, hint: str = "") -> None:
    """Raise DownloadRefused or DownloadFailed unless `status` is one of success.

    Args:
        place: the address without secrets (`place_of`).
        retry_after: the header of that name.
        hint: what to do where access is refused.
    """
    if status < 400:
        return
    if status in NOT_ALLOWED:
        raise DownloadRefused(f"{place} may not be downloaded (HTTP {status}): {hint or 'the server refuses it'}.")
    if status in NOT_THERE:
        raise DownloadRefused(f"{place} is not there (HTTP {status}): the server no longer has it under this address.")
    if status in (408, 425, 429) or status >= 500:
        reason = "the server asks to slow down" if status == 429 else "the server has a fault"
        raise DownloadFailed(f"{place}: {reason} (HTTP {status}): {AGAIN}.", seconds_to_wait(retry_after))
    raise DownloadRefused(f"{place} cannot be downloaded: the server answers HTTP {status}.")


@contextlib.contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Raise errors of httpx as errors of this project."""
    place = place_of(url)
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise UsageError(f"{place} is no address to download from: it must begin with http:// or https://.") from error
    except PrivateAddress as error:
        raise DownloadRefused(f"{place} is not asked: {error}.") from error
    except httpx.TooManyRedirects as error:
        raise DownloadRefused(f"{place} leads in a circle: the server sends from one address to the next.") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        host = _host_of(url) or place
        raise Unreachable(
            f"{host} cannot be reached ({_reason(error)}): check the network (and the proxy, if there is one), "
            "then run the same command again."
        ) from error
    except httpx.TransportError as error:
        raise DownloadFailed(f"{place}: the connection was cut ({_reason(error)}): {AGAIN}.") from error


def place_of(url: str) -> str:
    """An address without user, password and query, which may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "The address"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}" if parts.scheme else parts.path


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return redact_text(str(error)) or type(error).__name__
