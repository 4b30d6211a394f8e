"""What can be picked: the photographs and paintings of the run file's sources, by artist and by name."""

from __future__ import annotations

import hashlib
import random
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nst_core.app.limits import Limits
from nst_core.app.pictures import decoded, small
from nst_core.app.refusals import Refusal
from nst_core.config.run_config import RunConfig
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import probe_image
from nst_core.errors import InputError
from nst_core.plan.wanted import Sources
from nst_core.sources.base import Item
from nst_core.sources.licenses import is_excluded
from nst_core.storage.slugs import unique_slugs

KEPT_THUMBNAILS = 2000


@dataclass(frozen=True)
class Shelf:
    """Items that can be picked, by their key: what the outside calls them, which is never part of a path."""

    items: dict[str, Item]

    @classmethod
    def of(cls, items: Sequence[Item]) -> Shelf:
        return cls({key_of(item): item for item in items})

    def find(self, key: str) -> Item:
        """Raises Refusal."""
        if key not in self.items:
            raise Refusal(404, "That picture is not in the collection any more: choose another.")
        return self.items[key]

    def page(self, offset: int, count: int, words: str, artist: str | None = None) -> tuple[list[Item], int]:
        """Items whose names hold all the words (by that artist), from `offset` on, and how many there are in all."""
        wanted = words.casefold().split()
        found = [
            item
            for item in self.items.values()
            if (artist is None or item.artist == artist)
            and all(word in f"{name_of(item)} {item.artist or ''} {item.label or ''}".casefold() for word in wanted)
        ]
        return found[offset : offset + count], len(found)


class Shelves:
    """Both sources of the run file, and thumbnails of their pictures, made when asked for."""

    def __init__(self, sources: Sources, config: RunConfig, limits: Limits) -> None:
        excluded = config.content.exclude_licenses
        kept = [item for item in sources.contents.items if item.id not in sources.duplicates]
        self.contents = Shelf.of([item for item in kept if not is_excluded(item.license, excluded)])
        self.styles = Shelf.of(sources.styles.drawable().items)
        pools = sources.styles.drawable().by_artist()
        slugs = unique_slugs(sorted(pools))
        self.artists = {slugs[name]: pools[name] for name in sorted(pools, key=str.casefold)}
        self._limits = ImageLimits(max_pixels=limits.pixels)
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._sizes: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def artist(self, slug: str) -> list[Item]:
        """The paintings of an artist. Raises Refusal."""
        if slug not in self.artists:
            raise Refusal(404, "That artist is not in the collection: choose another.")
        return self.artists[slug]

    def drawn(self, slug: str, seed: str) -> Item:
        """One of an artist's paintings. Raises Refusal."""
        return random.Random(seed).choice(self.artist(slug))

    def size(self, item: Item) -> tuple[int, int]:
        """(width, height), zeros where the picture cannot be read."""
        key = key_of(item)
        if key not in self._sizes:
            try:
                info = probe_image(item.path, self._limits)
                self._sizes[key] = info.width, info.height
            except (InputError, OSError):
                self._sizes[key] = 0, 0
        return self._sizes[key]

    def thumbnail(self, item: Item) -> bytes:
        """A WebP file. Raises Refusal where the picture cannot be read."""
        key = key_of(item)
        with self._lock:
            if key in self._thumbnails:
                self._thumbnails.move_to_end(key)
                return self._thumbnails[key]
        try:
            made = small(decoded(item.path, self._limits))
        except (InputError, OSError) as error:
            raise Refusal(404, f"{name_of(item)} cannot be shown.") from error
        with self._lock:
            self._thumbnails[key] = made
            while len(self._thumbnails) > KEPT_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return made

    def as_json(self, item: Item, role: str) -> dict[str, Any]:
        """An item as the API tells it; `role`: `contents` or `styles`."""
        width, height = self.size(item)
        told = {"id": key_of(item), "name": name_of(item), "thumbnail": address_of(item, role)}
        artist = {"artist": item.artist} if role == "styles" else {}
        return told | artist | {"width": width, "height": height}

    def artist_json(self, slug: str) -> dict[str, Any]:
        """An artist as the API tells them, with their first painting."""
        works = self.artist(slug)
        return {
            "id": slug,
            "name": works[0].artist,
            "styles": len(works),
            "thumbnail": address_of(works[0], "styles"),
        }


def key_of(item: Item) -> str:
    """A short name for an item that is safe in any address."""
    return hashlib.sha256(item.id.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def name_of(item: Item) -> str:
    """What people call it."""
    return PurePosixPath(item.id).stem.replace("_", " ") or item.id


def address_of(item: Item, role: str) -> str:
    """Where its thumbnail is."""
    return f"/api/thumbnails/{role}/{key_of(item)}"
