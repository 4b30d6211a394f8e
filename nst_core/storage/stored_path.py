"""A path at a remote store (`s3://`, `gs://`, …): a UPath that is read whole, read fresh, and written whole.

What is there is asked of the store each time, because other machines write too: no listing is kept. An object is read
by one request and written by one (a large one by an upload in pieces that shows nothing before it is complete).
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

_TELLING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_BUGS = (TypeError, AttributeError, LookupError, ImportError, NotImplementedError, MemoryError)
_CREDENTIALS = (
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
    | {"TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"}  # botocore
    | {"DefaultCredentialsError", "RefreshError", "ClientAuthenticationError"}  # Google, Azure
)
_MALFORMED = {"ParamValidationError", "ValueError", "InvalidURL"}


class StoredPath(ProxyUPath):
    """A file or folder at a store. What would write piece by piece (`open("w")`) is refused: `write_bytes` is whole.

    Every method that asks the store raises `StorageRefused` (credentials, permission, a wrong name) or
    `StorageUnreachable` (network, the server's trouble), and otherwise what `pathlib.Path` raises.
    """

    __slots__ = ()

    def details(self) -> Mapping[str, Any]:
        """What the store says of the object, as fsspec has it. Raises FileNotFoundError."""
        with _in_one_sentence(self):
            return dict(self.fs.info(self.path))

    def members(self) -> list[Mapping[str, Any]]:
        """The details of what lies directly in this folder, by one listing. Raises FileNotFoundError."""
        with _in_one_sentence(self):
            return list(self.fs.ls(self.path, detail=True))

    def names_below(self) -> list[str]:
        """Every object below this folder, by its path from here, sorted; by one listing. Empty where there is none."""
        with _in_one_sentence(self):
            try:
                found = self.fs.find(self.path)
            except FileNotFoundError:
                found = []
        start = len(self.path.rstrip("/")) + 1
        return sorted(name[start:] for name in found if name[start:] and not name.endswith("/"))

    def stat(self, *, follow_symlinks: bool = True) -> StatResultType:
        with _in_one_sentence(self):
            return super().stat(follow_symlinks=follow_symlinks)

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return self._kind() is not None

    def is_file(self) -> bool:
        return self._kind() == "file"

    def is_dir(self) -> bool:
        return self._kind() == "directory"

    def is_symlink(self) -> bool:
        return False

    def iterdir(self) -> Iterator[StoredPath]:
        names = (str(member["name"]).rstrip("/") for member in self.members())
        return (self / name.rpartition("/")[2] for name in names if name != self.path.rstrip("/"))

    def glob(self, pattern: str, **_: Any) -> Iterator[StoredPath]:
        """The files that fit, in order, by one listing; `*` stays within a folder's name, `**` is not known."""
        parts = pattern.split("/")
        for name in self.names_below():
            names = name.split("/")
            if len(names) == len(parts) and all(map(fnmatchcase, names, parts)):
                yield self / name

    def read_bytes(self) -> bytes:
        with _in_one_sentence(self):
            return bytes(self.fs.cat_file(self.path))

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *_: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The object, fetched whole, as a file to read."""
        if mode not in ("r", "rt", "rb"):
            raise io.UnsupportedOperation(f"{self} can only be written whole")
        stream = io.BufferedReader(io.BytesIO(self.read_bytes()))
        return stream if mode == "rb" else io.TextIOWrapper(stream, options.get("encoding") or "utf-8")

    def write_bytes(self, data: bytes) -> int:
        """Put the object: others see it whole or, if this fails, not at all."""
        with _in_one_sentence(self):
            self.fs.pipe_file(self.path, bytes(data))
        return len(data)

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        return self.write_bytes(data.encode(encoding or "utf-8", errors or "strict"))

    def unlink(self, missing_ok: bool = False) -> None:
        with _in_one_sentence(self):
            try:
                self.fs.rm_file(self.path)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: at a store, folders are there as soon as something is in them."""

    def _kind(self) -> str | None:
        """`file`, `directory`, or None where there is nothing. Unlike fsspec's `exists`, trouble is no "no"."""
        try:
            return str(self.details()["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None


@contextmanager
def _in_one_sentence(path: StoredPath) -> Iterator[None]:
    try:
        yield
    except (NstError, *_TELLING, *_BUGS):
        raise
    except Exception as error:
        raise _fault(path, error) from error


def _fault(path: StoredPath, error: Exception) -> NstError:
    """The stores' libraries each have a family of errors of their own, known here by name: none has to be imported."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    reason = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
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
