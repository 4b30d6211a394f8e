"""The archives of COCO 2017: addresses, sizes, and checksums as many public projects state them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from nst_core.sources.download.dataset_archive import DatasetArchive
from nst_core.sources.download.http import PublishedChecksum

BASE_URL = "http://images.cocodataset.org"
KAGGLE_DATASET = "awsaf49/coco-2017-dataset"
KAGGLE_ARCHIVE = DatasetArchive("coco-2017-dataset.zip")


@dataclass(frozen=True)
class Release:
    """An archive on COCO's server.

    Attributes:
        size: in bytes; None where it is stated nowhere.
        unpacked: approximate size of the unpacked files in bytes.
    """

    path: str
    size: int | None
    unpacked: int
    md5: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def archive(self, base_url: str) -> DatasetArchive:
        """The archive at `base_url`: on another server than COCO's own, one of another size is another archive."""
        official = base_url == BASE_URL
        published = PublishedChecksum(self.size, self.md5, official)
        return (
            DatasetArchive(self.name, self.size or 0, self.unpacked, published)
            if official
            else DatasetArchive(self.name, published=published)
        )


_TRAINVAL = Release(
    "annotations/annotations_trainval2017.zip", 252_907_541, 850_000_000, "f4bbac642086de4f52a3fdda2de5fa2c"
)
ANNOTATIONS = {
    "train2017": _TRAINVAL,
    "val2017": _TRAINVAL,
    "test2017": Release("annotations/image_info_test2017.zip", None, 20_000_000, "85da7065e5e600ebfee8af1edb634eb5"),
    "unlabeled2017": Release(
        "annotations/image_info_unlabeled2017.zip", None, 60_000_000, "ede38355d5c3e5251bb7f8b68e2c068f"
    ),
}
IMAGES = {
    "train2017": Release("zips/train2017.zip", 19_336_861_798, 19_400_000_000, "cced6f7f71b7629ddf16f17bbcfab6b2"),
    "val2017": Release("zips/val2017.zip", 815_585_330, 820_000_000, "442b8da7639aecaf257c1dceb8ba8c80"),
    "test2017": Release("zips/test2017.zip", 6_646_970_404, 6_700_000_000, "77ad2c53ac5d0aea611d422c0938fb35"),
    "unlabeled2017": Release(
        "zips/unlabeled2017.zip", 20_126_613_414, 20_200_000_000, "7ebc562819fdb32847aab79530457326"
    ),
}
