"""The pictures that can be picked: the photographs and paintings of the run file's sources, by artist and by name."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nst_core.app.limits import Limits
from nst_core.app.pictures import decode_limited, image_limits, thumbnail_bytes
from nst_core.app.request_errors import RequestError
from nst_core.config.run_config import RunConfig
from nst_core.engine.cache import Cache
from nst_core.engine.images.pixels import probe_image
from nst_core.errors import InputError
from nst_core.plan.wanted import Sources
from nst_core.sources.artist_names import artist_key
from nst_core.sources.base import Item
from nst_core.sources.licenses import is_excluded
from nst_core.storage.names import name_key
from nst_core.storage.slugs import unique_slugs

MAX_THUMBNAILS = 2000


@dataclass(frozen=True)
class PictureCollection:
    """Items by their key (`item_key`), which stands for them in URLs and is never part of a path."""

    items: dict[str, Item]

    @classmethod
    def of(cls, items: Sequence[Item]) -> PictureCollection:
        return cls({item_key(item): item for item in items})

    def find(self, key: str) -> Item:
        """The item of a key. Raises RequestError."""
        if key not in self.items:
            raise RequestError(404, "That picture is not in the collection any more: choose another.")
        return self.items[key]

    def page(self, offset: int, count: int, words: str, artist: str | None = None) -> tuple[list[Item], int]:
        """Up to `count` items from `offset` on whose names hold all the words (by that artist), and how many match."""
        wanted = name_key(words).split()
        found = [
            item
            for item in self.items.values()
            if (artist is None or artist_key(item.artist or "") == artist_key(artist))
            and all(word in name_key(f"{item_name(item)} {item.artist or ''} {item.label or ''}") for word in wanted)
        ]
        return found[offset : offset + count], len(found)


class PictureCollections:
    """The contents and styles of a run file, with thumbnails that are made on first use. Thread-safe."""

    def __init__(self, sources: Sources, config: RunConfig, limits: Limits) -> None:
        excluded = config.content.exclude_licenses
        kept = [item for item in sources.contents.items if item.id not in sources.duplicates]
        self.contents = PictureCollection.of([item for item in kept if not is_excluded(item.license, excluded)])
        self.styles = PictureCollection.of(sources.styles.drawable().items)
        pools = sources.styles.drawable().by_artist()
        slugs = unique_slugs(sorted(pools))
        self.artists = {slugs[name]: pools[name] for name in sorted(pools, key=str.casefold)}
        self._limits = image_limits(limits)
        self._thumbnails: Cache[bytes] = Cache(MAX_THUMBNAILS)
        self._sizes: dict[str, tuple[int, int]] = {}

    def paintings_by(self, slug: str) -> list[Item]:
        """The paintings of an artist. Raises RequestError."""
        if slug not in self.artists:
            raise RequestError(404, "That artist is not in the collection: choose another.")
        return self.artists[slug]

    def draw(self, slug: str, seed: str) -> Item:
        """One of an artist's paintings, drawn by the seed. Raises RequestError."""
        return random.Random(seed).choice(self.paintings_by(slug))

    def size(self, item: Item) -> tuple[int, int]:
        """(width, height) in pixels; zeros where the picture cannot be read."""
        key = item_key(item)
        if key not in self._sizes:
            try:
                info = probe_image(item.path, self._limits)
                self._sizes[key] = info.width, info.height
            except (InputError, OSError):
                self._sizes[key] = 0, 0
        return self._sizes[key]

    def thumbnail(self, item: Item) -> bytes:
        """The thumbnail as a WebP file. Raises RequestError where the picture cannot be read."""
        key = item_key(item)
        if (kept := self._thumbnails.get(key)) is not None:
            return kept
        try:
            return self._thumbnails.keep(key, thumbnail_bytes(decode_limited(item.path, self._limits)))
        except (InputError, OSError) as error:
            raise RequestError(404, f"{item_name(item)} cannot be shown.") from error

    def item_json(self, item: Item, role: str) -> dict[str, Any]:
        """An item as the API shows it; `role`: `contents` or `styles`."""
        width, height = self.size(item)
        data = {"id": item_key(item), "name": item_name(item), "thumbnail": thumbnail_url(item, role)}
        artist = {"artist": item.artist} if role == "styles" else {}
        return data | artist | {"width": width, "height": height}

    def artist_json(self, slug: str) -> dict[str, Any]:
        """An artist as the API shows them, with the thumbnail of their first painting."""
        paintings = self.paintings_by(slug)
        return {
            "id": slug,
            "name": paintings[0].artist,
            "styles": len(paintings),
            "thumbnail": thumbnail_url(paintings[0], "styles"),
        }


def item_key(item: Item) -> str:
    """A short key of an item that is safe in any URL."""
    return hashlib.sha256(item.id.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def item_name(item: Item) -> str:
    """The name of an item for display: its file's name without suffix and underscores."""
    return PurePosixPath(item.id).stem.replace("_", " ") or item.id


def thumbnail_url(item: Item, role: str) -> str:
    """The path of the thumbnail's URL."""
    return f"/api/thumbnails/{role}/{item_key(item)}"
