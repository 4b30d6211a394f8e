"""Download of Kaggle's Best Artworks of All Time: 8 446 paintings by 50 artists."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from nst_core.sources.download.dataset_archive import DatasetArchive, download_archive, unpack_part
from nst_core.sources.download.folder import DatasetFolder, count_files
from nst_core.sources.download.kaggle_client import kaggle_archive
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.web_client import open_client

DATASET = "ikarus777/best-artworks-of-all-time"
ARCHIVE = DatasetArchive("best-artworks-of-all-time.zip", size=2_300_000_000, unpacked=2_300_000_000)
PART = "artworks"


def artworks_complete(root: Path) -> bool:
    """Whether the dataset was downloaded into `root` completely, and is still there."""
    return DatasetFolder(root).is_complete(PART)


def has_manual_artworks(root: Path) -> bool:
    """Whether `root` holds paintings that no download put there."""
    begun = DatasetFolder(root).part(PART) is not None or (root / f"{ARCHIVE.name}.part").exists()
    return not begun and any(count_files(root / folder) for folder in ("images", "resized"))


def download_artworks(root: Path, watch: DownloadWatch, archive: DatasetArchive = ARCHIVE) -> str:
    """Download the dataset into `root` as Kaggle has it: `artists.csv`, `images/`, `resized/`; returns a summary.

    Raises:
        DownloadRefused, UnsafeArchive, UsageError: permanently.
        DownloadFailed: for now; the next call resumes.
        DiskFull, Interrupted: what has arrived is kept.
    """
    folder = DatasetFolder(root)
    with folder.lock():
        if not folder.is_complete(PART):
            with open_client() as client:
                fetched = download_archive(folder, archive, lambda: kaggle_archive(DATASET, watch), client, watch)
            unpack_part(folder, PART, fetched, watch, _visible, "artists.csv")
        PartialFile(root / archive.name).delete()
    return f"{count_files(root / 'images')} paintings in {root / 'images'}"


def _visible(name: PurePosixPath) -> PurePosixPath | None:
    """All members but hidden files, such as a marker of ours."""
    return None if any(part.startswith((".", "__MACOSX")) for part in name.parts) else name
