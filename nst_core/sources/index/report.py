"""The report of `nst index`: counts of a source's files by format, mode and fault, and its duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nst_core.sources.index.duplicates import duplicates
from nst_core.sources.index.inputs import Input
from nst_core.storage.disk import format_bytes

_EXAMPLES = 5


@dataclass(frozen=True)
class ImageSize:
    """The size of an item's image in pixels."""

    id: str
    width: int
    height: int


@dataclass(frozen=True)
class BadItem:
    """An item that cannot be used: the class of its error, and its message."""

    id: str
    error_class: str
    reason: str


@dataclass(frozen=True)
class IndexReport:
    """Counts of the files of a source.

    Attributes:
        items, bytes: of all files, bad ones included; a missing file has no bytes.
        by_format, by_mode: counts of the valid images, most frequent first.
        smallest, largest: valid images by their number of pixels; None where there are none.
        bad: the other items, by id.
        exact_duplicates, similar_images: item id → id of the first item with the same bytes, or with a similar hash but
            other bytes; the latter None where no hashes were computed.
    """

    items: int
    bytes: int
    by_format: Mapping[str, int]
    by_mode: Mapping[str, int]
    smallest: ImageSize | None
    largest: ImageSize | None
    bad: tuple[BadItem, ...]
    exact_duplicates: Mapping[str, str]
    similar_images: Mapping[str, str] | None

    def bad_by_class(self) -> dict[str, int]:
        return _counts(one.error_class for one in self.bad)

    def as_dict(self) -> dict[str, Any]:
        """The report as an object for JSON."""
        return {**asdict(self), "bad_by_class": self.bad_by_class()}

    def lines(self) -> list[str]:
        """The report as lines of text, long lists shortened."""
        return [
            f"{self.items} images, {format_bytes(self.bytes)}",
            *_count_line("formats", self.by_format),
            *_count_line("modes", self.by_mode),
            *(f"{name}: {one.width} x {one.height} ({one.id})" for name, one in self._extremes()),
            *_examples("with the same bytes as another", [f"{a} = {b}" for a, b in self.exact_duplicates.items()]),
            *(["none looks like another"] if self.similar_images == {} else []),
            *_examples("that look like another", [f"{a} ≈ {b}" for a, b in (self.similar_images or {}).items()]),
            *_examples(
                f"that cannot be used ({_join(self.bad_by_class())})", [f"{b.id}: {b.reason}" for b in self.bad]
            ),
        ]

    def _extremes(self) -> Iterator[tuple[str, ImageSize]]:
        yield from ((name, one) for name, one in (("smallest", self.smallest), ("largest", self.largest)) if one)


def index_report(inputs: Iterable[tuple[str, Input]], hashed: bool = False) -> IndexReport:
    """The report of scanned items, given as (item id, input); `hashed`: perceptual hashes were computed."""
    found = sorted(inputs, key=lambda item: item[0])
    valid = [(id, one) for id, one in found if one.error is None]
    by_pixels = sorted(valid, key=lambda item: item[1].width * item[1].height)
    exact = duplicates(valid, "drop_exact")
    similar = duplicates(valid, "drop_similar") if hashed else None
    return IndexReport(
        items=len(found),
        bytes=sum(max(one.size_bytes, 0) for _, one in found),
        by_format=_counts(one.format for _, one in valid),
        by_mode=_counts(one.mode for _, one in valid),
        smallest=_extreme(by_pixels[:1]),
        largest=_extreme(by_pixels[-1:]),
        bad=tuple(
            BadItem(id, type(one.error).__name__, one.error.reason) for id, one in found if one.error is not None
        ),
        exact_duplicates=exact,
        similar_images=None if similar is None else {a: b for a, b in similar.items() if a not in exact},
    )


def _extreme(items: Sequence[tuple[str, Input]]) -> ImageSize | None:
    return next((ImageSize(id, one.width, one.height) for id, one in items), None)


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _count_line(name: str, counts: Mapping[str, int]) -> list[str]:
    return [f"{name}: {_join(counts)}"] if counts else []


def _join(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} {number}" for key, number in counts.items())


def _examples(what: str, texts: Sequence[str]) -> list[str]:
    if not texts:
        return []
    more = [f"  … and {len(texts) - _EXAMPLES} more"] if len(texts) > _EXAMPLES else []
    return [f"{len(texts)} {what}:", *(f"  {text}" for text in texts[:_EXAMPLES]), *more]
