"""The columns `mask` and `style_mask` of a manifest: what they name, checked, and hashed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import ConfigError
from nst_core.manifest.row import ManifestRow
from nst_core.sources.base import MASK, MASK_COLUMNS, MASK_HASH, STYLE_MASK, STYLE_MASK_HASH, Item
from nst_core.sources.coco_reference import PREFIX, CocoReference
from nst_core.storage.paths import FileState, file_state, is_url, parse_path

if TYPE_CHECKING:
    from nst_core.manifest.checks import ManifestFault

_MISSING = "missing"


@dataclass(frozen=True)
class MaskCells:
    """What the masks in the cells of a manifest are.

    Attributes:
        file_of: the path of the file that a name means, by the rules for images.
        annotations: COCO's annotation files of the contents.
    """

    file_of: Callable[[str], str]
    annotations: Sequence[Path]

    def faults(self, row: ManifestRow, content: Item, styles: int) -> list[ManifestFault]:
        """What is wrong with the cells of a row that has so many styles."""
        mask, style_masks = (row.extras.get(name, "").strip() for name in MASK_COLUMNS)
        if not styles:
            return []
        found: list[ManifestFault] = []
        for column, cell in ((MASK, mask), (STYLE_MASK, style_masks)):
            names = [cell] if column == MASK else _names(cell, styles)
            reasons = (self._reason(name, column, content) for name in names if name)
            found += [(row.number, column, cell, reason) for reason in reasons if reason]
        if len(_names(style_masks, styles)) > styles:
            counted = "1 style" if styles == 1 else f"{styles} styles"
            found.append((row.number, STYLE_MASK, style_masks, f"names more masks than the row has styles ({counted})"))
        if style_masks and not mask and MASK not in dict(content.extras):
            found.append((row.number, MASK, "", "is empty, but style_mask is not: a region needs one of the content"))
        return found

    def columns(self, row: ManifestRow, content: Item, styles: int) -> Mapping[str, str]:
        """The row's further columns with its masks as paths and their hashes, which decide the pair's id."""
        if not any(name in row.extras for name in MASK_COLUMNS):
            return row.extras
        ours = (*MASK_COLUMNS, MASK_HASH, STYLE_MASK_HASH)
        found = {name: value for name, value in row.extras.items() if name not in ours}
        mask, style_masks = (row.extras.get(name, "").strip() for name in MASK_COLUMNS)
        if mask:
            found[MASK], found[MASK_HASH] = self._named(mask, content)
        if style_masks:
            named = [self._named(name, content) if name else ("", "") for name in _names(style_masks, styles)]
            found[STYLE_MASK], found[STYLE_MASK_HASH] = (";".join(part) for part in zip(*named, strict=True))
        return found

    def _named(self, name: str, content: Item) -> tuple[str, str]:
        """What a name stands for in a plan, and the hash of that."""
        if name.startswith(PREFIX):
            from nst_core.sources.coco_regions import region_hash

            reference = CocoReference.to(*self._coco(name, content))
            return str(reference), region_hash(reference)
        path = self.file_of(name)
        return path, _hash(path)

    def _reason(self, name: str, column: str, content: Item) -> str | None:
        """What is wrong with a name, if anything that no look at the file would tell."""
        if not name.startswith(PREFIX):
            return "is an address: a mask must be a file, beside the manifest or elsewhere" if is_url(name) else None
        if column == STYLE_MASK:
            return "only contents have regions of COCO's: a mask of a style must be a file"
        from nst_core.sources.coco_regions import check_regions

        try:
            file, _, regions = self._coco(name, content)
            check_regions(file, regions, "it")
        except ConfigError as error:
            return str(error)
        return None

    def _coco(self, name: str, content: Item) -> tuple[Path, str, list[str]]:
        """The annotation file, the image's id and the regions. Raises ConfigError."""
        from nst_core.sources.coco_regions import has_image

        number = dict(content.extras).get("coco_image_id")
        file = next((one for one in self.annotations if number and has_image(one, number)), None)
        regions = [part.strip() for part in name.removeprefix(PREFIX).split(",") if part.strip()]
        if file is None or number is None:
            raise ConfigError("the content is no image of a coco source")
        if not regions:
            raise ConfigError("names no region: write coco:person, or coco:thing")
        return file, number, regions


def mask_hashes(extras: Mapping[str, str]) -> tuple[str, ...]:
    """The hashes of a pair's masks: two rows that differ in them are two pairs."""
    return tuple(extras.get(name, "") for name in (MASK_HASH, STYLE_MASK_HASH))


def without_hashes(extras: Mapping[str, str]) -> Mapping[str, str]:
    """A pair's further columns as a manifest has them."""
    if not any(mask_hashes(extras)):
        return extras
    return {name: value for name, value in extras.items() if name not in (MASK_HASH, STYLE_MASK_HASH)}


def _names(cell: str, styles: int) -> list[str]:
    """The masks of a cell, in the order of the styles, with `;` between them where there are several."""
    return [part.strip() for part in cell.split(";")] if styles > 1 else [cell]


_hashes: dict[str, tuple[FileState, str]] = {}


def _hash(path: str) -> str:
    """The sha256 of a file; it is read once, as long as it stays as it is."""
    from nst_core.sources.index.inputs import current_sha256  # loads Pillow

    state = file_state(parse_path(path))
    known = _hashes.get(path)
    if known is None or known[0] != state:
        known = _hashes[path] = (state, current_sha256(path) or _MISSING)
    return known[1]
