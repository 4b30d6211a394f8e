"""Looking at the input files of a run before any work, through the index that remembers them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from nst_core.config.sources import ImageSource
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.duplicates import duplicates
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.scan import scan
from nst_core.storage.progress import Progress


def scan_items(items: Sequence[Item], section: ImageSource, progress: Progress | None = None) -> dict[Path, Input]:
    """What is known of the files of a source."""
    return scan_files({item.path: scan_options(section) for item in items}, [section.path], progress)


def source_duplicates(
    catalogue: Catalogue, section: ImageSource, progress: Progress | None = None, at_least_exact: bool = False
) -> Mapping[str, str]:
    """Items that show what an earlier one (by id) shows, as `section.duplicates` has it: by id, that one's id."""
    how = section.duplicates
    if how == "keep" and at_least_exact:
        how = "drop_exact"
    if how == "keep":
        return {}
    inputs = scan_items(catalogue.items, section, progress)
    return duplicates([(item.id, inputs[item.path]) for item in catalogue.items], how)


def scan_files(wanted: Mapping[Path, ScanOptions], roots: list[Path], progress: Progress | None) -> dict[Path, Input]:
    cache = IndexCache(roots)
    found = scan(wanted, cache, progress)
    if cache.trouble:
        logging.getLogger("nst").warning(cache.trouble)
    return found


def scan_options(section: ImageSource) -> ScanOptions:
    return ScanOptions(section.limits(), section.verify, section.duplicates == "drop_similar")
