"""A file or folder on the web (`http://`, `https://`): for reading, and without secrets in its name."""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import urljoin

from upath._stat import UPathStatResult
from upath.types import StatResultType

from nst_core.errors import InputError, MissingImage, StorageRefused, UnreadableImage
from nst_core.storage.remote_path import RemotePath
from nst_core.storage.web import fetch
from nst_core.storage.web_cache import WebCopy

_LINK = re.compile(r"""<a\s[^>]*?href\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_MOST_FOLDERS = 20_000
_DEEPEST = 16


class WebPath(RemotePath):
    """A path of the shown form of a URL; what stands behind `***` is known to `nst_core.storage.signed_urls` alone.

    A file is fetched by one request, whatever is asked about it, and the answer kept for the run. A folder is what a
    web server's page of links lists below it.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        return re.split(r"[?;]", super().name, maxsplit=1)[0]

    @property
    def suffix(self) -> str:
        dot = self.name.rfind(".")
        return self.name[dot:] if dot > 0 else ""

    @property
    def stem(self) -> str:
        return self.name.removesuffix(self.suffix) if self.suffix else self.name

    @property
    def fs(self) -> Any:
        """None: fsspec would ask addresses unseen."""
        raise io.UnsupportedOperation(f"{self} is on the web, and can only be read.")

    def resolve(self, strict: bool = False) -> WebPath:
        return self

    def stat(self, *, follow_symlinks: bool = True) -> StatResultType:
        return UPathStatResult.from_info(dict(self.details()))

    def copy_of_run(self) -> WebCopy:
        """The file, as this run fetched it. Raises as `nst_core.storage.web.fetch`."""
        return fetch(str(self))

    def details(self) -> Mapping[str, Any]:
        copy = self._found()
        return {"name": str(self), "size": len(copy.data), "type": "file", "ETag": copy.sha256}

    def members(self) -> list[Mapping[str, Any]]:
        return [
            {"name": str(self / name.rstrip("/")), "size": None, "type": "directory" if name.endswith("/") else "file"}
            for name in self._links()
        ]

    def names_below(self) -> list[str]:
        names: list[str] = []
        folders = [(self, "", 0)]
        for count, (folder, prefix, depth) in enumerate(folders):
            if count >= _MOST_FOLDERS:
                raise StorageRefused(f"{self} lists more than {_MOST_FOLDERS} folders: name one further down.")
            for name in folder._links():
                if not name.endswith("/"):
                    names.append(f"{prefix}{name}")
                elif depth < _DEEPEST:
                    folders.append((folder / name.rstrip("/"), f"{prefix}{name}", depth + 1))
        return sorted(names)

    def read_bytes(self) -> bytes:
        return self._found().data

    def open(self, mode: str = "r", *_: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The file, as `RemotePath.open`. Raises as `fetch`: MissingImage says what the server said."""
        if mode in ("r", "rt", "rb"):
            self.copy_of_run()
        return super().open(mode, **options)

    def is_dir(self) -> bool:
        return bool(self._links())

    def _kind(self) -> str | None:
        with contextlib.suppress(InputError, FileNotFoundError):
            self._found()
            return "file"
        return None

    def _found(self) -> WebCopy:
        try:
            return self.copy_of_run()
        except MissingImage as error:
            raise FileNotFoundError(2, error.reason, str(self)) from error

    def _links(self) -> list[str]:
        """The names that the page of this folder links to, directly below it; those of folders end in `/`."""
        base = str(self).rstrip("/") + "/"
        try:
            page = fetch(base).data
        except (MissingImage, UnreadableImage):
            return []
        head = page[:1024].lower()
        if b"<html" not in head and b"<!doctype html" not in head and b"<a " not in page.lower():
            return []
        names = set()
        for link in _LINK.findall(page.decode("utf-8", "replace")):
            target = urljoin(base, html.unescape(link)).partition("#")[0].partition("?")[0]
            name = target.removeprefix(base) if target.startswith(base) else ""
            if re.fullmatch(r"[^/]+/?", name) and name.rstrip("/") not in (".", ".."):
                names.add(name)
        return sorted(names)
