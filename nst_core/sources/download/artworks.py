"""Kaggle's Best Artworks of All Time: 8 446 paintings by 50 artists."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from nst_core.sources.download.dataset_archive import DatasetArchive, download_archive, unpack_part
from nst_core.sources.download.folder import DatasetFolder, count_files
from nst_core.sources.download.http import open_client
from nst_core.sources.download.kaggle_client import kaggle_archive
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch

DATASET = "ikarus777/best-artworks-of-all-time"
ARCHIVE = DatasetArchive("best-artworks-of-all-time.zip", size=2_300_000_000, unpacked=2_300_000_000)
PART = "artworks"


def artworks_complete(root: Path) -> bool:
    """Whether the dataset was downloaded into `root`, and is still there."""
    return DatasetFolder(root).is_complete(PART)


def has_manual_artworks(root: Path) -> bool:
    """Whether the paintings in `root` were put there by hand: there are some, and no download was ever begun."""
    begun = DatasetFolder(root).part(PART) is not None or (root / f"{ARCHIVE.name}.part").exists()
    return not begun and any(count_files(root / folder) for folder in ("images", "resized"))


def download_artworks(root: Path, watch: DownloadWatch, archive: DatasetArchive = ARCHIVE) -> str:
    """Make `root` the dataset as Kaggle has it: `artists.csv`, `images/`, `resized/`. Returns what there is now.

    Raises:
        DownloadRefused, UnsafeArchive, UsageError: for good.
        DownloadFailed: for now; the next call goes on from here.
        DiskFull, Interrupted: what has arrived is kept.
    """
    folder = DatasetFolder(root)
    with folder.locked():
        if not folder.is_complete(PART):
            with open_client() as client:
                fetched = download_archive(folder, archive, lambda: kaggle_archive(DATASET, watch), client, watch)
            unpack_part(folder, PART, fetched, watch, _visible, "artists.csv")
        PartialFile(root / archive.name).delete()
    return f"{count_files(root / 'images')} paintings in {root / 'images'}"


def _visible(name: PurePosixPath) -> PurePosixPath | None:
    """Everything but hidden files, of which our own marker is one."""
    return None if any(part.startswith((".", "__MACOSX")) for part in name.parts) else name
