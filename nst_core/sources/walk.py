"""Listings of the files of a source, the same on every system; links are followed, but not in circles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from nst_core.errors import InputError, SourceError
from nst_core.sources.exclusion import Exclusion
from nst_core.sources.file_kinds import (
    is_hidden,
    is_image_name,
    is_of_other_kind,
    is_system_file,
    is_system_folder,
    kind_of,
)
from nst_core.sources.left_out import EXCLUDED, HIDDEN, OTHER_KIND, SYSTEM, LeftOutFiles, unreadable_folder
from nst_core.storage.paths import as_remote, files_below

_HEAD_BYTES = 64
_CONCURRENCY = 16


@dataclass
class Listing:
    """The files below a folder, as paths relative to it, with `/`.

    Attributes:
        images: those that are images by their names, or by their first bytes where their names do not tell.
        tables: `metadata.*`, whatever the case, in any folder.
        folders: all that were listed, those without files as well where they lie on a disk.
        left_out: all other files.
    """

    images: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    left_out: LeftOutFiles = field(default_factory=LeftOutFiles)


def list_files(root: Path, exclusion: Exclusion | None = None) -> Listing:
    """List what is below `root`. A folder within that cannot be read is left out, and told as such.

    Raises:
        SourceError: `root` itself cannot be read.
    """
    lister = _Lister(root, exclusion or Exclusion())
    if as_remote(root) is None:
        lister.walk_disk()
    else:
        lister.walk_store()
    lister.look_into_unknown()
    return lister.listing


class _Lister:
    def __init__(self, root: Path, exclusion: Exclusion) -> None:
        self.listing = Listing()
        self._root = root
        self._exclusion = exclusion
        self._unknown: list[str] = []

    def walk_disk(self) -> None:
        seen: set[tuple[int, int]] = set()
        for folder, subfolders, files in os.walk(self._root, followlinks=True, onerror=self._unreadable):
            status = os.stat(folder)  # noqa: PTH116
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                subfolders.clear()
                continue
            seen.add(identity)
            relative = PurePath(folder).relative_to(self._root).as_posix()
            prefix = "" if relative == "." else f"{relative}/"
            self.listing.folders.add(prefix.rstrip("/"))
            subfolders.sort()
            for name in [name for name in subfolders if self._folder_reason(prefix + name)]:
                subfolders.remove(name)
                self._leave_out(prefix + name, _files_within(os.path.join(folder, name)))  # noqa: PTH118
            for name in sorted(files):
                self._add_file(prefix, name)

    def walk_store(self) -> None:
        """The same for a store, which has objects only: no folders, no links, and nothing that cannot be listed."""
        reasons: dict[str, str | None] = {"": None}  # the topmost folder that is left out, by folder
        for relative in files_below(self._root):
            folder, _, name = relative.rpartition("/")
            if folder not in reasons:
                parts = folder.split("/")
                above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
                reasons[folder] = next((path for path in above if self._folder_reason(path)), None)
            outermost = reasons[folder]
            if outermost is not None:
                self._leave_out(outermost, 1)
                continue
            parts = folder.split("/") if folder else []
            self.listing.folders.update("/".join(parts[:end]) for end in range(len(parts) + 1))
            self._add_file(f"{folder}/" if folder else "", name)

    def look_into_unknown(self) -> None:
        """Take the files whose first bytes are an image's, and count the others."""
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            found = pool.map(lambda relative: _starts_as_image(self._root / relative), self._unknown)
            for relative, is_image in zip(self._unknown, found, strict=True):
                if is_image:
                    self.listing.images.append(relative)
                else:
                    self.listing.left_out.add(OTHER_KIND, kind_of(relative.rpartition("/")[2]))

    def _add_file(self, prefix: str, name: str) -> None:
        relative = prefix + name
        if is_system_file(name):
            self.listing.left_out.add(SYSTEM, "._*" if name.startswith("._") else name)
        elif is_hidden(name):
            self.listing.left_out.add(HIDDEN, kind_of(name))
        elif self._exclusion.matches(relative):
            self.listing.left_out.add(EXCLUDED, kind_of(name))
        elif is_image_name(name):
            self.listing.images.append(relative)
        elif name.casefold().startswith("metadata."):
            self.listing.tables.append(relative)
        elif is_of_other_kind(name):
            self.listing.left_out.add(OTHER_KIND, kind_of(name))
        else:
            self._unknown.append(relative)

    def _folder_reason(self, relative: str) -> str | None:
        name = relative.rpartition("/")[2]
        if is_system_folder(name):
            return SYSTEM
        if is_hidden(name):
            return HIDDEN
        return EXCLUDED if self._exclusion.matches(relative) else None

    def _leave_out(self, folder: str, files: int) -> None:
        reason = self._folder_reason(folder)
        assert reason is not None, folder
        self.listing.left_out.add(reason, folder.rpartition("/")[2], files)

    def _unreadable(self, error: OSError) -> None:
        if os.fspath(error.filename) == os.fspath(self._root):
            raise SourceError(unreadable_folder(error)) from error
        self.listing.left_out.add_unreadable(error)


def _files_within(folder: str) -> int:
    """The number of files below a folder that is left out; one that cannot be read counts as one file."""
    unread: list[OSError] = []
    return sum(len(files) for _, _, files in os.walk(folder, onerror=unread.append)) + len(unread)


def _starts_as_image(path: Path) -> bool:
    from nst_core.engine.images.files import open_file, starts_as_image

    remote = as_remote(path)
    try:
        if remote is not None:
            return starts_as_image(remote.first_bytes(_HEAD_BYTES))
        with open_file(path) as file:
            return starts_as_image(file.read(_HEAD_BYTES))
    except (InputError, OSError):
        return False


def entries(folder: Path, left_out: LeftOutFiles, root: bool = False) -> list[os.DirEntry[str]]:
    """The entries of a folder, by name, without hidden ones and the system's own; none where there is no such folder.

    Args:
        left_out: counts what is not returned, and takes note of a folder that cannot be read.
        root: the source has nothing beside this folder.

    Raises:
        SourceError: the folder is the `root`, and cannot be read.
    """
    try:
        with os.scandir(folder) as scanned:
            found = sorted(scanned, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        if root:
            raise SourceError(unreadable_folder(error)) from error
        left_out.add_unreadable(error)
        return []
    return [entry for entry in found if not _is_left_out(entry, left_out)]


def _is_left_out(entry: os.DirEntry[str], left_out: LeftOutFiles) -> bool:
    """Whether an entry is hidden or a system's own; it is then counted."""
    folder = is_folder(entry)
    is_system = is_system_folder(entry.name) if folder else is_system_file(entry.name)
    if not is_system and not is_hidden(entry.name):
        return False
    kind = entry.name if is_system or folder else kind_of(entry.name)
    left_out.add(SYSTEM if is_system else HIDDEN, kind, _files_within(entry.path) if folder else 1)
    return True


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; False for a link that leads in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def missing_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of the relative file names that are not in `folder`, by one listing. Raises OSError."""
    present = set(os.listdir(folder))  # noqa: PTH208 (names, not a Path for each of 100 000 files)
    return [name for name in names if name not in present and ("/" not in name or not (folder / name).exists())]


def leads_outside(name: str) -> bool:
    """Whether a file name in a table or JSON file leads out of its folder, by the rules of any system."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) is not None or "\0" in name
