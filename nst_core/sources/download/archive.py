"""Unpacking of zip archives from untrusted servers: safe, and resumed after a kill.

An archive is checked as a whole before anything is written: one bad name refuses it. Members are written under a
temporary name and renamed once their checksum is right, so that a file under its own name is complete.
"""

from __future__ import annotations

import os
import secrets
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nst_core.errors import UnsafeArchive, UsageError
from nst_core.sources.download.http_errors import WrongContent
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.atomic import TEMPORARY_SUFFIX, disk_full_as_error
from nst_core.storage.disk import check_space

ALLOWED_BYTES = 64 * 1000**2
"""Bytes that an archive of any size may unpack to."""
MAX_RATIO = 25
"""The factor on its size that it may unpack to beyond that: JPEGs do not shrink, COCO's annotations to 30 %."""
MAX_MEMBERS = 1_000_000
_CHUNK = 1 << 20

MemberFilter = Callable[[PurePosixPath], PurePosixPath | None]
"""The path that a member is unpacked to, below the target folder; None leaves it out."""


@dataclass(frozen=True)
class Member:
    """A file of an archive, and the path that it is unpacked to."""

    info: zipfile.ZipInfo
    path: Path


def all_members(name: PurePosixPath) -> PurePosixPath:
    """A filter that keeps every member under its name."""
    return name


def unpack(archive: Path, target: Path, watch: DownloadWatch, choose: MemberFilter = all_members) -> int:
    """Unpack the chosen members below `target`, except those that are there with the right bytes; returns their number.

    Raises:
        UnsafeArchive: it leads out of `target`, holds links, devices or one name twice, or is a zip bomb; nothing was
            written.
        WrongContent: it is no zip archive, or damaged; members before the damage are kept.
        DiskFull, Interrupted: what is unpacked is kept.
    """
    with _damage_as_error(archive), zipfile.ZipFile(archive) as opened:
        members = list(_members(opened, archive, target, choose))
        total = sum(member.info.file_size for member in members)
        title, done, missing = f"Unpacking {archive.name}", 0, []
        for member in members:
            watch.step(f"Looking for files of {archive.name}", done, total)
            done += member.info.file_size
            if not _is_there(member):
                missing.append(member)
        lacking = sum(member.info.file_size for member in missing)
        check_space(target, lacking, f"the files of {archive.name}")
        done = total - lacking
        for member in missing:
            for size in _write(opened, member, target):
                done += size
                watch.step(title, done, total)
    os.sync()  # once for all files: one that loses its bytes in a power cut would count as complete
    return len(members)


def check_inside(path: Path, target: Path) -> None:
    """Check that no link among the folders above `path` leads out of `target`. Raises UsageError."""
    if not path.parent.resolve().is_relative_to(target.resolve()):
        raise UsageError(
            f"{path.parent} is a link that leads out of {target}: nothing is downloaded through it. "
            "Move the folder itself there, or choose another with --output."
        )


def _members(opened: zipfile.ZipFile, archive: Path, target: Path, choose: MemberFilter) -> Iterator[Member]:
    infos = [info for info in opened.infolist() if not info.is_dir()]
    _check_size(infos, archive)
    seen: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = _safe_path(info.filename, archive)
        _check_type(info, archive)
        key = unicodedata.normalize("NFC", str(name)).casefold()
        twin = seen.setdefault(key, info)
        if twin is not info:
            if (twin.filename, twin.CRC, twin.file_size) == (info.filename, info.CRC, info.file_size):
                continue
            raise UnsafeArchive(
                f"{archive} holds {twin.filename!r} and {info.filename!r}: one would overwrite the other."
            )
        chosen = choose(name)
        if chosen is not None:
            yield Member(info, target / chosen)
    _check_no_file_is_a_folder(seen, archive)


def _safe_path(name: str, archive: Path) -> PurePosixPath:
    """The name as a relative path that does not lead upwards. Raises UnsafeArchive."""
    path = PurePosixPath(name)
    faulty = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts
    if faulty or name[1:2] == ":" or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise UnsafeArchive(f"{archive} holds the file name {name!r}, which cannot be used: nothing was unpacked.")
    return path


def _check_size(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    unpacked, packed = sum(info.file_size for info in infos), archive.stat().st_size
    if unpacked > ALLOWED_BYTES + MAX_RATIO * packed or len(infos) > MAX_MEMBERS:
        raise UnsafeArchive(
            f"{archive} is refused: {packed} bytes that claim to unpack to {len(infos)} files of {unpacked} bytes."
        )


def _check_type(info: zipfile.ZipInfo, archive: Path) -> None:
    """Raise UnsafeArchive for links, devices and encrypted members."""
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeArchive(f"{archive} holds {info.filename!r}, which is a link or a device, not a file.")
    if info.flag_bits & 0x1:
        raise UnsafeArchive(f"{archive} is encrypted: {info.filename!r} cannot be read.")


def _check_no_file_is_a_folder(seen: dict[str, zipfile.ZipInfo], archive: Path) -> None:
    for key, info in seen.items():
        folder = next((str(parent) for parent in PurePosixPath(key).parents if str(parent) in seen), None)
        if folder:
            raise UnsafeArchive(
                f"{archive} holds {seen[folder].filename!r} as a file and, in {info.filename!r}, a folder."
            )


def _is_there(member: Member) -> bool:
    """Whether the file is on the disk with the right size and checksum."""
    path = member.path
    if path.is_symlink() or not path.is_file() or path.stat().st_size != member.info.file_size:
        return False
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found = zlib.crc32(chunk, found)
    return found == member.info.CRC


def _write(opened: zipfile.ZipFile, member: Member, target: Path) -> Iterator[int]:
    """Write a member; yields the number of bytes of each piece."""
    path = member.path
    temporary = path.parent / f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    with _unwritable_as_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_inside(path, target)
        try:
            with opened.open(member.info) as source, temporary.open("xb") as file:
                while chunk := source.read(_CHUNK):  # checks the checksum at the end
                    file.write(chunk)
                    yield len(chunk)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _unwritable_as_error(path: Path) -> Iterator[None]:
    try:
        with disk_full_as_error(path):
            yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): choose another folder with --output."
        ) from error


@contextmanager
def _damage_as_error(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError) as error:
        raise WrongContent(
            f"{archive} is damaged, or no zip archive ({error}): it has to be downloaded again."
        ) from error
    except NotImplementedError as error:
        raise UnsafeArchive(f"{archive} cannot be unpacked: {error}.") from error
