"""What a source's files are like, counted: for a person who looks before the run, and for scripts."""

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
    """An image that stands out by its size."""

    id: str
    width: int
    height: int


@dataclass(frozen=True)
class BadItem:
    """One item that cannot be used: the class of its error, and the sentence."""

    id: str
    error_class: str
    reason: str


@dataclass(frozen=True)
class IndexReport:
    """What `index_report` found.

    Attributes:
        items, bytes: all of them, bad ones included; a missing file has no bytes.
        by_format, by_mode: counts of the sound images, most frequent first.
        smallest, largest: sound images by their number of pixels; None where there are none.
        bad: the others, by id.
        exact_duplicates, similar_images: item id → id of the first item with the same bytes, or of the same looks
            although the bytes differ; the latter None where no hashes were taken.
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
        """For JSON."""
        return {**asdict(self), "bad_by_class": self.bad_by_class()}

    def lines(self) -> list[str]:
        """For people; of long lists the beginning."""
        return [
            f"{self.items} images, {format_bytes(self.bytes)}",
            *_list("formats", self.by_format),
            *_list("modes", self.by_mode),
            *(f"{name}: {one.width} x {one.height} ({one.id})" for name, one in self._extremes()),
            *_examples("with the same bytes as another", [f"{a} = {b}" for a, b in self.exact_duplicates.items()]),
            *(["none looks like another"] if self.similar_images == {} else []),
            *_examples("that look like another", [f"{a} ≈ {b}" for a, b in (self.similar_images or {}).items()]),
            *_examples(
                f"that cannot be used ({_listed(self.bad_by_class())})", [f"{b.id}: {b.reason}" for b in self.bad]
            ),
        ]

    def _extremes(self) -> Iterator[tuple[str, ImageSize]]:
        yield from ((name, one) for name, one in (("smallest", self.smallest), ("largest", self.largest)) if one)


def index_report(inputs: Iterable[tuple[str, Input]], looks: bool = False) -> IndexReport:
    """Count what a scan found of the items of a source, given as (item id, input). `looks`: hashes were taken."""
    found = sorted(inputs, key=lambda item: item[0])
    sound = [(id, one) for id, one in found if one.error is None]
    by_pixels = sorted(sound, key=lambda item: item[1].width * item[1].height)
    exact = duplicates(sound, "drop_exact")
    similar = duplicates(sound, "drop_similar") if looks else None
    return IndexReport(
        items=len(found),
        bytes=sum(max(one.size_bytes, 0) for _, one in found),
        by_format=_counts(one.format for _, one in sound),
        by_mode=_counts(one.mode for _, one in sound),
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


def _list(name: str, counts: Mapping[str, int]) -> list[str]:
    return [f"{name}: {_listed(counts)}"] if counts else []


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} {number}" for key, number in counts.items())


def _examples(what: str, texts: Sequence[str]) -> list[str]:
    if not texts:
        return []
    more = [f"  … and {len(texts) - _EXAMPLES} more"] if len(texts) > _EXAMPLES else []
    return [f"{len(texts)} {what}:", *(f"  {text}" for text in texts[:_EXAMPLES]), *more]
