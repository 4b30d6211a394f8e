"""Download of COCO 2017: whole archives, or only the selected images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

import httpx

from nst_core.config.sources import CocoSource
from nst_core.errors import UsageError
from nst_core.sources.coco import CocoImage, annotation_file, selected_images
from nst_core.sources.download.archive import MemberFilter, unpack
from nst_core.sources.download.coco_images import absent_images, download_images
from nst_core.sources.download.coco_releases import (
    ANNOTATIONS,
    BASE_URL,
    IMAGES,
    KAGGLE_ARCHIVE,
    KAGGLE_DATASET,
    Release,
)
from nst_core.sources.download.dataset_archive import download_archive, unpack_part
from nst_core.sources.download.folder import DatasetFolder, count_files
from nst_core.sources.download.http import HttpRequest
from nst_core.sources.download.kaggle_client import kaggle_archive
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch
from nst_core.sources.wording import quantity
from nst_core.storage.web_access import name_places
from nst_core.storage.web_client import open_client

_REFUSED = "try again later, or with --mirror kaggle"


@dataclass(frozen=True)
class CocoRequest:
    """The parts of COCO to download, and the server.

    Attributes:
        source: the split and the selection of its images: all come as one archive, a selection image by image.
        annotations, images: whether to download the annotation files, and the images.
        mirror: Kaggle's copy instead of COCO's own server: one archive of all splits, of which the rest is left out.
        base_url: of the server.
    """

    source: CocoSource
    annotations: bool = True
    images: bool = True
    mirror: Literal["kaggle"] | None = None
    base_url: str = BASE_URL

    def check(self) -> None:
        """Raise UsageError for a contradictory request."""
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise UsageError(f"--base-url {self.base_url!r} must begin with http:// or https://.")
        if self.mirror and self.base_url != BASE_URL:
            raise UsageError("--mirror and --base-url name two places to download from: leave one out.")
        named = self.source.annotations is not None or annotation_file(self.source).is_file()
        if self.images and is_subset(self.source) and not named and not self.annotations:
            raise UsageError("Choosing images needs the annotations: leave out --no-annotations.")

    def is_incomplete(self) -> bool:
        """Whether anything of the request is still to be downloaded."""
        return self.lacks_annotations() or self.lacks_images()

    def lacks_annotations(self) -> bool:
        """Whether annotation files are requested and not there; those that a run file names are never downloaded."""
        if not self.annotations or self.source.annotations is not None:
            return False
        part = DatasetFolder(self.source.path).part(annotation_part(self.source))
        return not annotation_file(self.source).is_file() or (part is not None and part.state != "complete")

    def lacks_images(self) -> bool:
        """Whether images are requested and not there."""
        source = self.source
        if not self.images or DatasetFolder(source.path).is_complete(source.splits[0], source.splits[0]):
            return False
        if not is_subset(source) or not annotation_file(source).is_file():
            return True
        return bool(absent_images(_select_images(source), source.path / source.splits[0]))


def is_subset(source: CocoSource) -> bool:
    """Whether a source selects only some images of its split."""
    return any((source.categories, source.licenses, source.smallest_side, source.limit))


def has_manual_coco(source: CocoSource) -> bool:
    """Whether the folder of the split holds images that no download put there."""
    folder, archive = DatasetFolder(source.path), source.path / f"{source.splits[0]}.zip.part"
    return (
        folder.part(source.splits[0]) is None
        and not archive.exists()
        and count_files(source.path / source.splits[0]) > 0
    )


def download_coco(request: CocoRequest, watch: DownloadWatch) -> str:
    """Download `annotations/` and images such as `val2017/` into `request.source.path`; returns a summary.

    Raises:
        DownloadRefused, UnsafeArchive, UsageError: permanently.
        DownloadFailed: for now; the next call resumes.
        DiskFull, Interrupted: what has arrived is kept.
    """
    source = request.source
    request.check()
    name_places([request.base_url])
    folder = DatasetFolder(source.path)
    with folder.lock(), open_client() as client:
        download = _CocoDownload(request, folder, client, watch)
        if request.mirror == "kaggle":
            download.from_kaggle()
        else:
            download.annotations()
            download.images()
    return f"{quantity(count_files(folder.root / source.splits[0]), 'image')} in {folder.root / source.splits[0]}"


def annotation_part(source: CocoSource) -> str:
    """The name of a split's annotation files as a part of the dataset."""
    return PurePosixPath(ANNOTATIONS[source.splits[0]].path).stem


@dataclass(frozen=True)
class _CocoDownload:
    """A download into a locked folder."""

    request: CocoRequest
    folder: DatasetFolder
    client: httpx.Client
    watch: DownloadWatch

    def annotations(self) -> None:
        source = self.request.source
        if self.request.lacks_annotations():
            name = str(annotation_file(source).relative_to(source.path))
            self._part(annotation_part(source), ANNOTATIONS[source.splits[0]], _below("annotations"), name)
        elif self.request.annotations:
            PartialFile(self.folder.root / ANNOTATIONS[source.splits[0]].name).delete()

    def images(self) -> None:
        source, there = self.request.source, self._has_whole_split()
        if self.request.images and not there and is_subset(source):
            self._begin_selection()
            download_images(
                _select_images(source), source.path / source.splits[0], self._request, self.client, self.watch
            )
        elif self.request.images and not there:
            self._part(source.splits[0], IMAGES[source.splits[0]], _below(source.splits[0]), source.splits[0])
        elif there:
            PartialFile(self.folder.root / IMAGES[source.splits[0]].name).delete()

    def from_kaggle(self) -> None:
        """Unpack all that is lacking from Kaggle's archive."""
        source, path = self.request.source, self.folder.root / KAGGLE_ARCHIVE.name
        if self.request.is_incomplete():
            fetched = download_archive(
                self.folder, KAGGLE_ARCHIVE, lambda: kaggle_archive(KAGGLE_DATASET, self.watch), self.client, self.watch
            )
            if self.request.lacks_annotations():
                name, file = annotation_part(source), str(annotation_file(source).relative_to(source.path))
                unpack_part(self.folder, name, fetched, self.watch, _below("annotations"), file)
            if self.request.lacks_images() and is_subset(source):
                self._begin_selection()
                unpack(path, self.folder.root, self.watch, _only(source.splits[0], _select_images(source)))
            elif self.request.lacks_images():
                unpack_part(
                    self.folder, source.splits[0], fetched, self.watch, _below(source.splits[0]), source.splits[0]
                )
        PartialFile(path).delete()

    def _part(self, name: str, release: Release, choose: MemberFilter, required: str) -> None:
        base_url = self.request.base_url
        request = HttpRequest(f"{base_url.rstrip('/')}/{release.path}", hint=_REFUSED)
        fetched = download_archive(self.folder, release.archive(base_url), lambda: request, self.client, self.watch)
        unpack_part(self.folder, name, fetched, self.watch, choose, required)
        PartialFile(fetched.path).delete()

    def _has_whole_split(self) -> bool:
        split = self.request.source.splits[0]
        return self.folder.is_complete(split, split)

    def _begin_selection(self) -> None:
        """Mark the split as a selection, unless it is marked as incomplete already."""
        part = self.folder.part(self.request.source.splits[0])
        if part is None or part.state == "complete":
            self.folder.begin(self.request.source.splits[0], "selected")

    def _request(self, image: CocoImage) -> HttpRequest:
        url = image.coco_url or f"{BASE_URL}/{self.request.source.splits[0]}/{image.file_name}"
        for official in (BASE_URL, BASE_URL.replace("http://", "https://")):
            if url.startswith(f"{official}/"):
                url = self.request.base_url.rstrip("/") + url.removeprefix(official)
        return HttpRequest(url, hint=_REFUSED)


def _select_images(source: CocoSource) -> list[CocoImage]:
    return selected_images(annotation_file(source), source, "--")


def _below(subfolder: str) -> MemberFilter:
    """A filter for the files of one folder, which in Kaggle's copy is below `coco2017/`."""

    def choose(name: PurePosixPath) -> PurePosixPath | None:
        parts = name.parts[1:] if name.parts[0] == "coco2017" else name.parts
        return PurePosixPath(*parts) if len(parts) > 1 and parts[0] == subfolder else None

    return choose


def _only(split: str, images: list[CocoImage]) -> MemberFilter:
    """A filter for the files of the given images."""
    below, wanted = _below(split), {PurePosixPath(split, image.file_name) for image in images}

    def choose(name: PurePosixPath) -> PurePosixPath | None:
        path = below(name)
        return path if path in wanted else None

    return choose
