"""The images that a training sees and those that it does not, from the sources of a run file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from nst_core.config.run_config import RunConfig
from nst_core.config.sources import SourceConfig
from nst_core.engine.cache import Cache
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, resize_pixels, working_size
from nst_core.engine.training.crops import ImageSet
from nst_core.errors import ConfigError, InputError, SourceError, short, suggestion
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.folder import Role
from nst_core.sources.index.source_scan import scan_items, source_duplicates
from nst_core.sources.left_out import catalogue_notes
from nst_core.sources.licenses import check_exclusions, is_excluded
from nst_core.sources.registry import open_source
from nst_core.storage.progress import Progress

CACHE_BYTES = 1_000_000_000
"""Memory for decoded images of each source; those beyond are decoded again."""

LEAST_IMAGES = 5
"""Of a source: a fifth of them, at least one, is held out."""


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be trained with, and why."""

    role: Role
    path: str
    reason: str


@dataclass(frozen=True)
class SplitSource:
    """A source's images, split into those to train with and those held out.

    Attributes:
        licenses: number of images by licence, `unknown` among them.
        sha256: of the names and contents of all of them, and of the split.
    """

    images: ImageSet
    held_out: ImageSet
    bad: tuple[BadImage, ...]
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]
    licenses: dict[str, int]
    sha256: str


def split_source(config: RunConfig, role: Role, size: int, progress: Progress | None = None) -> SplitSource:
    """Read a source, decode each of its images once, and hold out some; which ones, their ids and the seed decide.

    Images that cannot be decoded are left out and told; duplicates and excluded licences are left out.

    Args:
        size: that images are reduced to, their longer side in pixels.

    Raises:
        SourceError: it does not exist, or has fewer than five good images.
        ConfigError: as `open_source`.
    """
    source = _inspected(config, role, *_listed(config, role), progress)
    good, bad = source.good, source.bad
    if len(good) < LEAST_IMAGES:
        first = f" ({bad[0].path}: {bad[0].reason})" if bad else ""
        raise SourceError(f"{role}: a training needs {LEAST_IMAGES} images, and {len(good)} can be used{first}.")
    return source.split(held_out_ids([item.id for item in good], config.train.held_out, config.train.seed), size)


def one_painting(config: RunConfig, size: int, progress: Progress | None = None) -> SplitSource:
    """The one painting that a network of one style learns: the only one of the style source, or `train.style` of it.

    Raises:
        SourceError: the source does not exist, or the painting cannot be used.
        ConfigError: as `open_source`; or there are several paintings, or none of that name.
    """
    catalogue, items = _listed(config, "style")
    source = _inspected(config, "style", catalogue, [_named_painting(config.train.style, items)], progress)
    if source.bad:
        raise SourceError(f"style: {source.bad[0].path} cannot be learned: {source.bad[0].reason}.")
    return source.split(set(), size)


def _named_painting(name: str | None, items: Sequence[Item]) -> Item:
    """The painting with that id, or file name; without any, the only one. Raises ConfigError."""
    if name is None:
        if len(items) == 1:
            return items[0]
        raise ConfigError(
            f"The network learns the style of one painting, and the style source has {len(items)}: name one of them "
            f"as train.style, such as {short(items[0].id)}."
        )
    found = [item for item in items if item.id == name] or [item for item in items if item.path.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        count = len(found)
        raise ConfigError(f"train.style is {short(name)}, and the style source has {count} of that name: give its id.")
    hint = suggestion(name, [known for item in items for known in (item.id, item.path.name)])
    raise ConfigError(f"train.style is {short(name)}{hint}; the style source has no such painting.")


@dataclass(frozen=True)
class _Inspected:
    """A source's images once they were decoded."""

    good: list[Item]
    bad: list[BadImage]
    hashes: dict[str, str]
    limits: ImageLimits
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]

    def split(self, held: set[str], size: int) -> SplitSource:
        """Its good images, and those of them that are held out."""
        identity = [f"{item.id}\0{self.hashes[item.id]}\0{item.id in held}" for item in self.good]
        return SplitSource(
            image_set([item for item in self.good if item.id not in held], self.limits, size),
            image_set([item for item in self.good if item.id in held], self.limits, size),
            tuple(self.bad),
            self.notes,
            self.unreadable,
            _by_license(self.good),
            hashlib.sha256("\n".join(identity).encode()).hexdigest(),
        )


def _listed(config: RunConfig, role: Role) -> tuple[Catalogue, list[Item]]:
    """A source, and its images without duplicates and excluded licences."""
    section: SourceConfig = getattr(config, role)
    catalogue = open_source(section, role)
    check_exclusions(section.exclude_licenses, f"{role}.exclude_licenses", {item.license for item in catalogue.items})
    same = source_duplicates(catalogue, section)
    return catalogue, [
        item
        for item in catalogue.items
        if item.id not in same and not is_excluded(item.license, section.exclude_licenses)
    ]


def _inspected(
    config: RunConfig, role: Role, catalogue: Catalogue, items: Sequence[Item], progress: Progress | None
) -> _Inspected:
    """Decode each of these images of a source once."""
    section: SourceConfig = getattr(config, role)
    scanned = scan_items(items, section.model_copy(update={"verify": "full"}), progress)
    reasons = {item.id: _reason(item, scanned[item.path].error) for item in items}
    good = [item for item in items if reasons[item.id] is None]
    return _Inspected(
        good,
        [BadImage(role, str(item.path), str(reasons[item.id])) for item in items if reasons[item.id] is not None],
        {item.id: str(scanned[item.path].sha256) for item in good},
        section.limits(),
        tuple(catalogue_notes(catalogue, role)),
        catalogue.unreadable,
    )


def held_out_ids(ids: Sequence[str], count: int, seed: int) -> set[str]:
    """The ids to hold out: those with the smallest hashes, so that others joining or leaving change few of them."""
    count = min(count, max(1, len(ids) // 5))
    return set(sorted(ids, key=lambda each: hashlib.sha256(f"{seed}:{each}".encode()).digest())[:count])


def image_set(items: Sequence[Item], limits: ImageLimits, size: int) -> ImageSet:
    """The images of items, reduced to `size` as a run reduces them, the last ones used kept in memory."""
    cache: Cache[Pixels] = Cache(CACHE_BYTES, lambda pixels: pixels.nbytes)

    def read(number: int) -> Pixels:
        kept = cache.get(number)
        return cache.keep(number, _reduced(items[number], limits, size)) if kept is None else kept

    return ImageSet([item.id for item in items], read)


def _reduced(item: Item, limits: ImageLimits, size: int) -> Pixels:
    pixels = decode_image(item.path, limits).pixels
    height, width = pixels.shape[:2]
    return resize_pixels(pixels, *working_size(width, height, size))


def _reason(item: Item, error: InputError | None) -> str | None:
    if item.fault is not None or error is None:
        return item.fault
    return str(error).removeprefix(f"{item.path}: ")


def _by_license(items: Sequence[Item]) -> dict[str, int]:
    names = [item.license or "unknown" for item in items]
    return {name: names.count(name) for name in sorted(set(names))}
