"""The HTTP client of everything that is fetched: each connection goes to an address that was checked."""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
import urllib.request
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import httpcore
import httpx

from nst_core.errors import UsageError
from nst_core.storage.web_access import permitted_addresses

TIMEOUT = httpx.Timeout(30.0, read=60.0)
SLOW_AFTER = 120.0
"""Seconds after which a server must have sent, since it was asked, `SLOWEST` bytes per second on average."""
SLOWEST = 1000
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=15.0)


def open_client(timeout: httpx.Timeout = TIMEOUT) -> httpx.Client:
    """A client that follows redirects and uses the environment's proxies. Raises UsageError for invalid ones.

    Requests raise what httpx raises, and PrivateAddress where an address, also one that a redirect leads to, is inside
    the network and nobody permitted it. Where a proxy is used, it makes the connection: a name that is not known here
    is left to it.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO messages have addresses, which may be signed
    try:
        return httpx.Client(
            timeout=timeout,
            follow_redirects=True,
            transport=_EnvironmentTransport(),
            headers={"User-Agent": f"nst-pipeline/{version('nst-pipeline')} python-httpx/{httpx.__version__}"},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"The proxy settings of this environment cannot be used: {error}") from error


class _EnvironmentTransport(httpx.BaseTransport):
    """Direct connections, checked, or those through the proxy that the environment names for an address."""

    def __init__(self) -> None:
        context = httpx.create_ssl_context()
        self._direct = httpx.HTTPTransport(verify=context, limits=_LIMITS)
        self._direct._pool.close()
        self._direct._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=_CheckedBackend(),
        )
        self._proxies = {
            scheme: httpx.HTTPTransport(verify=context, limits=_LIMITS, proxy=_proxy_url(url))
            for scheme, url in urllib.request.getproxies().items()
            if scheme in ("http", "https", "all") and url
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        proxy = self._proxies.get(request.url.scheme) or self._proxies.get("all")
        if proxy is None or urllib.request.proxy_bypass(host):
            return self._direct.handle_request(request)
        with contextlib.suppress(OSError):  # a name that is not known here: the proxy may know it
            permitted_addresses(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        return proxy.handle_request(request)

    def close(self) -> None:
        for transport in (self._direct, *self._proxies.values()):
            transport.close()


def _proxy_url(url: str) -> str:
    return url if "://" in url else f"http://{url}"


class _CheckedBackend(httpcore.NetworkBackend):
    """Resolves a name, and connects to one of the addresses found that are permitted."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = permitted_addresses(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            try:
                stream = self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
                return _HurriedStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("Sockets of this machine are not connected to.")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _HurriedStream(httpcore.NetworkStream):
    """A connection that ends where its server, asked for something, is too slow for too long to ever be done."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._asked_at, self._received = time.monotonic(), 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, timeout)
        self._received += len(data)
        seconds = time.monotonic() - self._asked_at
        if seconds > SLOW_AFTER and self._received < SLOWEST * seconds:
            raise httpcore.ReadTimeout(f"{self._received} bytes in {seconds:.0f} s")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._asked_at, self._received = time.monotonic(), 0
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _HurriedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
