"""A path at a remote store (`s3://`, `gs://`, …): a UPath whose objects are read and written whole.

Listings are never cached, because other machines write, too. An object is read by one request and written by one (a
large one by a multipart upload, which shows nothing before it is complete).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO, Any

from upath.extensions import ProxyUPath
from upath.types import StatResultType

from nst_core.errors import NstError, StorageRefused, StorageUnreachable
from nst_core.storage.secrets import redact_text

_PATH_ERRORS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_BUGS = (TypeError, AttributeError, LookupError, ImportError, NotImplementedError, MemoryError)
_CREDENTIALS = (
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
    | {"TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"}  # botocore
    | {"DefaultCredentialsError", "RefreshError", "ClientAuthenticationError"}  # Google, Azure
)
_MALFORMED = {"ParamValidationError", "ValueError", "InvalidURL"}


class RemotePath(ProxyUPath):
    """A file or folder at a store. `open("w")`, which writes piece by piece, is refused; `write_bytes` is not.

    Every method that asks the store raises `StorageRefused` (credentials, permission, invalid name) or
    `StorageUnreachable` (network, server error), and otherwise what `pathlib.Path` raises.
    """

    __slots__ = ()

    def details(self) -> Mapping[str, Any]:
        """fsspec's description of the object. Raises FileNotFoundError."""
        with _store_errors(self):
            return dict(self.fs.info(self.path))

    def members(self) -> list[Mapping[str, Any]]:
        """The details of each entry of this folder, by one listing. Raises FileNotFoundError."""
        with _store_errors(self):
            return list(self.fs.ls(self.path, detail=True))

    def names_below(self) -> list[str]:
        """The relative path of every object below this folder, sorted, by one listing; empty where there is none."""
        return sorted(self.details_below())

    def details_below(self) -> dict[str, Mapping[str, Any]]:
        """The details of every object below this folder by its relative path, by one listing."""
        with _store_errors(self):
            try:
                found = self.fs.find(self.path, detail=True)
            except FileNotFoundError:
                found = {}
        start = len(self.path.rstrip("/")) + 1
        return {name[start:]: details for name, details in found.items() if name[start:] and not name.endswith("/")}

    def stat(self, *, follow_symlinks: bool = True) -> StatResultType:
        with _store_errors(self):
            return super().stat(follow_symlinks=follow_symlinks)

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return self._kind() is not None

    def is_file(self) -> bool:
        return self._kind() == "file"

    def is_dir(self) -> bool:
        return self._kind() == "directory"

    def is_symlink(self) -> bool:
        return False

    def iterdir(self) -> Iterator[RemotePath]:
        names = (str(member["name"]).rstrip("/") for member in self.members())
        return (self / name.rpartition("/")[2] for name in names if name != self.path.rstrip("/"))

    def glob(self, pattern: str, **_: Any) -> Iterator[RemotePath]:
        """The files that match, in order, by one listing; `*` matches within one name, `**` is not supported."""
        parts = pattern.split("/")
        for name in self.names_below():
            names = name.split("/")
            if len(names) == len(parts) and all(map(fnmatchcase, names, parts)):
                yield self / name

    def read_bytes(self) -> bytes:
        with _store_errors(self):
            return bytes(self.fs.cat_file(self.path))

    def first_bytes(self, count: int) -> bytes:
        """At most `count` bytes from the start of the object, by one request."""
        with _store_errors(self):
            return bytes(self.fs.cat_file(self.path, start=0, end=count))

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *_: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The object, read whole into memory, as a readable file."""
        if mode not in ("r", "rt", "rb"):
            raise io.UnsupportedOperation(f"{self} can only be written whole")
        stream = io.BufferedReader(io.BytesIO(self.read_bytes()))
        return stream if mode == "rb" else io.TextIOWrapper(stream, options.get("encoding") or "utf-8")

    def write_bytes(self, data: bytes) -> int:
        """Write the object by one request: readers see all of it or, if this fails, none."""
        with _store_errors(self):
            self.fs.pipe_file(self.path, bytes(data))
        return len(data)

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        return self.write_bytes(data.encode(encoding or "utf-8", errors or "strict"))

    def unlink(self, missing_ok: bool = False) -> None:
        with _store_errors(self):
            try:
                self.fs.rm_file(self.path)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: at a store, a folder exists as soon as there is an object in it."""

    def _kind(self) -> str | None:
        """`file`, `directory`, or None where there is nothing. Unlike in fsspec's `exists`, an error is no "no"."""
        try:
            return str(self.details()["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None


@contextmanager
def _store_errors(path: RemotePath) -> Iterator[None]:
    try:
        yield
    except (NstError, *_PATH_ERRORS, *_BUGS):
        raise
    except Exception as error:
        raise _storage_error(path, error) from error


def _storage_error(path: RemotePath, error: Exception) -> NstError:
    """One of our errors for one of a store's library, recognised by name, so that no library has to be imported."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    reason = redact_text(" ".join(str(error).split()).rstrip("."))[:300] or type(error).__name__
    if kinds & _CREDENTIALS:
        return StorageRefused(
            f"No valid credentials for {path} ({reason}): set them in the environment, for example "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or GOOGLE_APPLICATION_CREDENTIALS."
        )
    if isinstance(error, PermissionError) or reason.startswith("Forbidden") or getattr(error, "code", 0) in (401, 403):
        return StorageRefused(f"Access to {path} is refused ({reason}): check the credentials and their permissions.")
    if kinds & _MALFORMED:
        return StorageRefused(f"{path} is no name that its store knows ({reason}).")
    return StorageUnreachable(f"{path} cannot be reached ({reason}): try again once the network and the store answer.")
