"""The target of an export that goes to the Hub: each shard is written to a folder here, sent, and removed again.

`export.json` in the repository says which shards are there, as it does in the folder of any export. It is part of the
commit that completes a shard, so that a later try sends what is missing only.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from nst_core.engine.images.suffixes import OUTPUT_SUFFIXES
from nst_core.errors import UsageError
from nst_core.export.target import MARKER, Identity, ShardRecord, marker_bytes, remove, shards_of_marker
from nst_core.publishing.hub import HubRepository
from nst_core.run_folder.card import ATTRIBUTIONS_FILE
from nst_core.storage.folder_lock import hold_folder
from nst_core.storage.machine import cache_folder
from nst_core.storage.slugs import short_hash, slugify

COMMIT_FILES = 500
"""Files in one commit: what a broken connection costs, at most, in requests that are made again."""

_LOCK = ".lock"
_OF_THE_HUB = {".gitattributes", "README.md"}
"""What a new repository may have."""


class HubTarget:
    """A repository that an export is sent to; `root` is the folder in which its shards are written first."""

    def __init__(
        self,
        root: Path,
        identity: Identity,
        repository: HubRepository,
        advance: Callable[[int], None] = lambda images: None,
    ) -> None:
        """`advance` is called with the numbers of images that were sent, or are there.

        Raises:
            UsageError: the repository holds something else.
        """
        self.root = root
        self._identity = identity
        self._repository = repository
        self._advance = advance
        self._done = self._earlier()

    def holds(self, name: str, digest: str) -> ShardRecord | None:
        """The record of a shard that is there with this digest, else None; shards that lack images are tried again."""
        done = self._done.get(name)
        if done is None or done.digest != digest or done.left_out:
            return None
        self._advance(done.images)
        return done

    def note(self, name: str, done: ShardRecord) -> None:
        """Send a shard that has just been written, then remove it here."""
        self._done[name] = done
        files = {path.relative_to(self.root).as_posix(): path for path in _files(self.root / name)}
        stale = self._there(name) - files.keys()
        # Images first, then what describes them: a table that names a missing image cannot be loaded.
        ordered = sorted(files, key=lambda path: (Path(path).suffix.lower() not in OUTPUT_SUFFIXES, path))
        parts = [ordered[start : start + COMMIT_FILES] for start in range(0, len(ordered), COMMIT_FILES)] or [[]]
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            sent: dict[str, Path | bytes] = {path: files[path] for path in part}
            if last:
                sent[MARKER] = marker_bytes(self._identity, self._done, complete=False)
            count = f" ({number}/{len(parts)})" if len(parts) > 1 else ""
            self._repository.commit(f"{name}{count}", sent, stale if last else ())
            self._advance(sum(Path(path).suffix.lower() in OUTPUT_SUFFIXES for path in part) or done.images * last)
        remove(self.root / name)

    def finish(self, names: Collection[str]) -> None:
        """Remove shards of earlier exports that are none of `names`, and send what describes the others."""
        stale: set[str] = set()
        for name in sorted(self._done.keys() - set(names)):
            stale |= self._there(name)
            del self._done[name]
        files: dict[str, Path | bytes] = {path.name: path for path in self.root.iterdir() if path.is_file()}
        files.pop(_LOCK, None)
        stale |= (self._repository.files(deep=False) & {ATTRIBUTIONS_FILE}) - files.keys()
        marker = marker_bytes(self._identity, self._done, complete=True)
        self._repository.commit("The card, and what is there", files | {MARKER: marker}, stale)

    def _there(self, name: str) -> set[str]:
        """The files of a shard that the repository has."""
        if "/" in name:
            return self._repository.files(name)
        return self._repository.files(deep=False) & {name}

    def _earlier(self) -> dict[str, ShardRecord]:
        """The shards of an earlier try; the repository is marked as this export's if it is none's."""
        names = self._repository.files(deep=False)
        if MARKER in names:
            data = self._repository.read(MARKER)
            return shards_of_marker(data, self._identity, self._repository.url, names <= {MARKER, *_OF_THE_HUB})
        if others := sorted(names - _OF_THE_HUB):
            raise UsageError(f"{self._repository.url} holds {others[0]} and is no export: give another name.")
        self._repository.commit("Begin", {MARKER: marker_bytes(self._identity, {}, complete=False)})
        return {}


@contextlib.contextmanager
def staging_folder(repository: HubRepository) -> Iterator[Path]:
    """An empty folder in the cache, held by this process, for the shards that go to a repository.

    Raises:
        UsageError: another process publishes there.
    """
    folder = cache_folder() / "publish" / f"{slugify(repository.name)}-{short_hash(repository.url)}"
    with hold_folder(folder, _LOCK, f"Another nst process publishes to {repository.name}: wait for it to end."):
        try:
            _clear(folder)
            yield folder
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != _LOCK:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    """The files of a shard: itself, or what lies in its folder; none where it had nothing to write."""
    if path.is_dir():
        return [file for file in path.iterdir() if file.is_file()]
    return [path] if path.is_file() else []
