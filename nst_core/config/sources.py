"""The source sections of a run file: a dataset, a choice of its images, and what is refused or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from nst_core.config.location import LocalPath, Location
from nst_core.config.section import Section
from nst_core.engine.images.limits import ImageLimits

CocoSplit = Literal["train2017", "val2017", "test2017", "unlabeled2017"]
_COCO_SHORT = {"train": "train2017", "val": "val2017", "test": "test2017", "unlabeled": "unlabeled2017"}


class ImageSource(Section):
    """The keys of every source: which of its images are refused or left out."""

    path: Location = Field(description="Its folder.")
    max_pixels: PositiveInt = Field(100_000_000, description="Images with more pixels are refused before decoding.")
    min_side: PositiveInt = Field(16, description="Images with a shorter side than this, in pixels, are refused.")
    decode_seconds: PositiveFloat = Field(
        60.0,
        description="Images whose decoding takes longer, in seconds, are refused. It is watched where it could take "
        "longer than usual: very large pictures, unusual ones, less common formats.",
    )
    verify: Literal["header", "full"] = Field(
        "header", description="How images are checked before the run: by their header, or by decoding them whole."
    )
    duplicates: Literal["keep", "drop_exact", "drop_similar"] = Field(
        "keep",
        description="Of files with the same bytes (`drop_exact`) or that look the same (`drop_similar`), the first by "
        "id is used; the others are left out: as styles silently, as contents with rows that say so.",
    )
    exclude_licenses: list[str] = Field(
        [],
        description="Leave out images under licences with any of these terms (`nc` non-commercial, `nd` no "
        "derivatives, `sa` share alike, `by`), `unknown`, or whole names such as `CC-BY-4.0`.",
    )
    exclude: list[str] = Field(
        [],
        description="Leave out files and folders that match any of these patterns, relative to `path`: `*_mask.png` "
        "(at any depth), `drafts/**`, `*/thumbs`.",
    )
    limit: PositiveInt | None = Field(None, description="At most so many images, drawn by `seed`.")
    seed: NonNegativeInt = Field(0, description="Seed of that draw.")

    @field_validator("exclude", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("exclude")
    @classmethod
    def _usable(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            names = [name for name in pattern.strip().split("/") if name not in ("", ".")]
            if not names or ".." in names:
                raise ValueError(f"the pattern {pattern!r} can match nothing in the source's folder")
        return patterns

    def limits(self) -> ImageLimits:
        return ImageLimits(self.max_pixels, self.min_side, self.decode_seconds)


class SampleSource(ImageSource):
    """Built-in photographs (content) and paintings (style); nothing is downloaded."""

    source: Literal["sample"] = Field("sample", description="The built-in pictures.")
    path: LocalPath = Field(Path("data"), description="The data folder: the files are put into `sample/` there.")


class FolderSource(ImageSource):
    """A folder of images: sub-folders are labels (content) or artists (style), or splits (`train`, `val`, `test`).

    A `metadata.csv`, `.jsonl` or `.parquet` in it, or in a folder of it, may say more about each `file_name`.
    """

    source: Literal["folder"] = Field("folder", description="A folder of your own.")
    path: Location = Field(description="The folder, searched recursively; may be a URL, e.g. s3://bucket/folder.")


class DownloadedSource(ImageSource):
    """A dataset that `nst download` fetches."""

    download: bool = Field(False, description="Download what is not there yet as the run's first stage.")


class ArtworksSource(DownloadedSource):
    """Kaggle's Best Artworks of All Time: 8 446 paintings by 50 artists."""

    source: Literal["artworks"] = Field("artworks", description="Kaggle's paintings.")
    path: LocalPath = Field(Path("data/artworks"), description="The folder that holds `artists.csv` and `images/`.")
    images: Literal["full", "resized"] = Field("full", description="The full paintings, or Kaggle's resized copies.")
    artists: list[str] | None = Field(None, min_length=1, description="These artists only.")
    genres: list[str] | None = Field(None, min_length=1, description="Artists of any of these genres only.")
    nationalities: list[str] | None = Field(None, min_length=1, description="Artists of any of these nations only.")


class CocoSource(DownloadedSource):
    """COCO 2017: photographs with annotations and licences."""

    source: Literal["coco"] = Field("coco", description="COCO 2017.")
    path: LocalPath = Field(
        Path("data/coco"), description="The folder that holds `annotations/` and `val2017/` or others."
    )
    split: CocoSplit | list[CocoSplit] = Field(
        "val2017",
        description="Which part: `train2017` (118 287 images), `val2017` (5 000), …; a list takes several together.",
    )
    annotations: LocalPath | list[LocalPath] | None = Field(
        None,
        description="The annotation file, of several parts a list in their order; by default "
        "`annotations/instances_<split>.json` below `path`, or `image_info_<split>.json` for the splits without "
        "annotations.",
    )
    categories: list[str] | None = Field(None, min_length=1, description="Images with any of these objects only.")
    licenses: list[str] | None = Field(
        None, min_length=1, description="Images under these licences only: COCO's ids, or names such as `CC-BY-2.0`."
    )
    regions: list[str] | None = Field(
        None,
        min_length=1,
        description="Regions that `method.keep` and `method.regions` may name, from the annotations: `thing` (all "
        "objects), `stuff`, `category` (each category a region), or names of categories such as `person`.",
    )
    region_annotations: LocalPath | None = Field(
        None,
        description="The file they are read from, where it is not `annotations`: `stuff_*.json`, `panoptic_*.json`.",
    )
    smallest_side: PositiveInt | None = Field(None, description="Images whose shorter side is at least this only.")

    @field_validator("regions", mode="before")
    @classmethod
    def _region_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("split", mode="before")
    @classmethod
    def _in_full(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [_COCO_SHORT.get(part, part) if isinstance(part, str) else part for part in value]
        return _COCO_SHORT.get(value, value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> CocoSource:
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise ValueError("split: a list names each part once, and at least one")
        if self.annotations is not None and len(self.annotation_files) != len(self.splits):
            raise ValueError("annotations: give one file for each part of split, in the same order")
        return self

    @property
    def splits(self) -> list[CocoSplit]:
        """The parts, one or several."""
        return self.split if isinstance(self.split, list) else [self.split]

    @property
    def annotation_files(self) -> list[Path | None]:
        """The annotation file of each part, None for COCO's own."""
        if isinstance(self.annotations, list):
            return list(self.annotations)
        return [self.annotations] if self.annotations is not None else [None] * len(self.splits)

    def parts(self) -> list[CocoSource]:
        """A source for each part; what is drawn of them together is not said by any."""
        parts = zip(self.splits, self.annotation_files, strict=True)
        return [self.model_copy(update={"split": split, "annotations": file}) for split, file in parts]


SourceConfig = Annotated[SampleSource | FolderSource | ArtworksSource | CocoSource, Field(discriminator="source")]

SOURCES: dict[str, type[ImageSource]] = {
    "sample": SampleSource,
    "folder": FolderSource,
    "artworks": ArtworksSource,
    "coco": CocoSource,
}
"""The sources by the name that the run file gives them."""
