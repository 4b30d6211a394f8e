"""The meaning of the folders that images lie in: splits, labels (or artists), or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Set

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Splits by the names of their folders, in any case."""

_PICTURES = {"images", "image", "imgs", "img", "jpegimages"}
_ANNOTATIONS = {"labels", "label", "annotations", "annotation", "masks", "segmentationclass", "labelmaps"}
"""Names of folders beside those of pictures, as for YOLO and Pascal VOC, in lower case."""


class FolderLayout:
    """The folders of a source.

    If all folders in the root that hold images have the name of a split, they are splits. A folder `images` that is the
    only one with images beside a folder of annotations, or that holds splits alone, means nothing itself: it is passed
    over, in the root and in splits.
    """

    def __init__(self, images: Iterable[str], folders: Set[str] = frozenset()) -> None:
        self._inner: dict[str, set[str]] = {}
        for image in images:
            parts = image.split("/")[:-1]
            for depth, part in enumerate(parts):
                self._inner.setdefault("/".join(parts[:depth]), set()).add(part)
        self._siblings: dict[str, set[str]] = {}
        for folder in folders:
            parent, _, name = folder.rpartition("/")
            self._siblings.setdefault(parent, set()).add(name.casefold())
        self._start = self._pictures("")
        self._splits = self._splits_in(self._start)

    def place(self, image: str) -> tuple[str | None, str | None]:
        """The split of an image, and its group: the folder that is a label or an artist, as a path from the root."""
        folder = image.rpartition("/")[0]
        base, split = self._start, None
        if not _is_within(folder, base):
            base = ""
        elif name := self._next(folder, base):
            split = self._splits.get(name)
            if split is not None:
                base = self._pictures(_join(base, name))
                base = base if _is_within(folder, base) else _join(self._start, name)
        name = self._next(folder, base)
        return split, _join(base, name) if name else None

    def nameless_label(self) -> str | None:
        """The folder `images` that all images lie in and that is taken as their label, if there are folders in it."""
        [first, *others] = sorted(self._inner.get("", ())) or [""]
        is_only = first.casefold() in _PICTURES and not others and not self._start
        return first if is_only and self._inner.get(first) else None

    def _next(self, folder: str, base: str) -> str:
        """The name of the folder within `base` that `folder` is or lies in; empty where it is `base`."""
        return folder[len(base) :].lstrip("/").partition("/")[0]

    def _splits_in(self, folder: str) -> dict[str, str]:
        splits = {name: SPLITS.get(name.casefold()) for name in sorted(self._inner.get(folder, ()))}
        named = {name: split for name, split in splits.items() if split is not None}
        return named if len(named) == len(splits) else {}

    def _pictures(self, folder: str) -> str:
        """The folder `images` within `folder` where it means nothing; else `folder`."""
        inner = self._inner.get(folder, set())
        [name] = inner if len(inner) == 1 else [""]
        if name.casefold() not in _PICTURES:
            return folder
        below = _join(folder, name)
        means_nothing = self._siblings.get(folder, set()) & _ANNOTATIONS or self._splits_in(below)
        return below if means_nothing else folder


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_within(folder: str, base: str) -> bool:
    return not base or folder == base or folder.startswith(f"{base}/")
