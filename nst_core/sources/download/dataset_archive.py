"""Download of an archive, and its unpacking into the files of one part of a dataset."""

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
    """An archive and its published properties.

    Attributes:
        name: of the file, `val2017.zip`.
        size, unpacked: approximate bytes, for the check of the free space before the download; 0 where unknown.
        published: the size and checksum that are checked.
    """

    name: str
    size: int = 0
    unpacked: int = 0
    published: PublishedChecksum = field(default_factory=PublishedChecksum)


@dataclass(frozen=True)
class LocalArchive:
    """An archive on the disk; `source` is its address if it was downloaded, `md5` its checksum if that was checked."""

    path: Path
    source: str | None
    md5: str | None


def download_archive(
    folder: DatasetFolder,
    archive: DatasetArchive,
    request: Callable[[], HttpRequest],
    client: httpx.Client,
    watch: DownloadWatch,
) -> LocalArchive:
    """Download an archive into a dataset's folder. One that is there already, put there by hand, is used as it is.

    Args:
        request: called only if something is lacking: addresses may be signed, and valid for minutes.
    """
    path = folder.root / archive.name
    if path.is_file():
        return LocalArchive(path, None, None)
    part = path.with_name(f"{path.name}.part")
    arrived = part.stat().st_size if part.is_file() else 0
    needed = archive.size + archive.unpacked
    check_space(folder.root, needed - arrived, f"{archive.name} and what is in it ({format_bytes(needed)})")
    found, published = request(), archive.published
    fetch(client, found, path, watch, published)
    is_checked = published.official or path.stat().st_size == published.size
    return LocalArchive(path, place_of(found.url), published.md5 if is_checked else None)


def unpack_part(
    folder: DatasetFolder, name: str, archive: LocalArchive, watch: DownloadWatch, choose: MemberFilter, required: str
) -> None:
    """Unpack the chosen files of an archive and mark the part as complete; a bad archive is deleted.

    Args:
        required: a file or folder that must be there afterwards, or it is another archive than expected.
    """
    folder.begin(name)
    try:
        files = unpack(archive.path, folder.root, watch, choose)
        if not (folder.root / required).exists():
            raise UnsafeArchive(f"{archive.path} holds no {required}: it is another archive than expected.")
    except (WrongContent, UnsafeArchive):
        PartialFile(archive.path).delete()
        raise
    folder.finish(name, DatasetPart("complete", files, archive.path.stat().st_size, archive.md5, archive.source))
