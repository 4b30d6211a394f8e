"""From an archive on a server to the files of one part of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from nst_core.errors import UnsafeArchive
from nst_core.sources.download.archive import MemberFilter, unpack
from nst_core.sources.download.folder import DatasetFolder, DatasetPart
from nst_core.sources.download.http import HttpRequest, PublishedChecksum, fetch
from nst_core.sources.download.http_errors import WrongContent, place_of
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.disk import check_space, format_bytes


@dataclass(frozen=True)
class DatasetArchive:
    """An archive and what its makers say of it.

    Attributes:
        name: of the file, `val2017.zip`.
        size, unpacked: bytes, about; for the look at the free space before anything is fetched. 0 where nobody says.
        published: what is checked.
    """

    name: str
    size: int = 0
    unpacked: int = 0
    published: PublishedChecksum = field(default_factory=PublishedChecksum)


@dataclass(frozen=True)
class LocalArchive:
    """An archive on the disk, where it came from, and its checksum where that was checked."""

    path: Path
    source: str | None
    md5: str | None


def download_archive(
    folder: DatasetFolder,
    archive: DatasetArchive,
    address: Callable[[], HttpRequest],
    client: httpx.Client,
    watch: DownloadWatch,
) -> LocalArchive:
    """Fetch an archive into a dataset's folder. One that somebody else put there is used as it is.

    Args:
        address: asked for only if something is lacking: addresses may be signed, and valid for minutes.
    """
    path = folder.root / archive.name
    if path.is_file():
        return LocalArchive(path, None, None)
    part = path.with_name(f"{path.name}.part")
    arrived = part.stat().st_size if part.is_file() else 0
    needed = archive.size + archive.unpacked
    check_space(folder.root, needed - arrived, f"{archive.name} and what is in it ({format_bytes(needed)})")
    found = address()
    fetch(client, found, path, watch, archive.published)
    published = archive.published
    checked = published.official or path.stat().st_size == published.size
    return LocalArchive(path, place_of(found.url), published.md5 if checked else None)


def unpack_part(
    folder: DatasetFolder, name: str, archive: LocalArchive, watch: DownloadWatch, choose: MemberFilter, needed: str
) -> None:
    """Unpack the chosen files of a fetched archive and mark the part as complete; a bad archive is deleted.

    Args:
        needed: a file or folder that the part has to have, or it is another archive than expected.
    """
    folder.begin(name)
    try:
        files = unpack(archive.path, folder.root, watch, choose)
        if not (folder.root / needed).exists():
            raise UnsafeArchive(f"{archive.path} holds no {needed}: it is another archive than expected.")
    except (WrongContent, UnsafeArchive):
        PartialFile(archive.path).delete()
        raise
    folder.finish(name, DatasetPart("complete", files, archive.path.stat().st_size, archive.md5, archive.source))
