"""The scan of a source's files, through the cache of the index."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_core.config.sources import ImageSource
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.duplicates import duplicates
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.scan import scan
from nst_core.storage.progress import Progress


def scan_items(items: Sequence[Item], section: ImageSource, progress: Progress | None = None) -> dict[Path, Input]:
    """Scan the files of items of a source, as its section of the run file says; returns inputs by path."""
    return scan_files({item.path: scan_options(section) for item in items}, [section.path], progress)


def source_duplicates(
    catalogue: Catalogue, section: ImageSource, progress: Progress | None = None, at_least_exact: bool = False
) -> Mapping[str, str]:
    """Item id → id of the first item (by id) that it duplicates, as `section.duplicates` defines duplicates.

    Args:
        progress: of the scan, in files.
        at_least_exact: find items with the same bytes even if `section.duplicates` is `keep`.
    """
    how = section.duplicates
    if how == "keep" and at_least_exact:
        how = "drop_exact"
    if how == "keep":
        return {}
    inputs = scan_items(catalogue.items, section, progress)
    return duplicates([(item.id, inputs[item.path]) for item in catalogue.items], how)


def source_hashes(catalogue: Catalogue, section: ImageSource, progress: Progress | None = None) -> Mapping[str, str]:
    """Item id → sha256 of its file; items whose files cannot be read are left out."""
    inputs = scan_items(catalogue.items, section, progress)
    return {item.id: sha256 for item in catalogue.items if (sha256 := inputs[item.path].sha256) is not None}


def source_palettes(
    items: Sequence[Item], section: ImageSource, progress: Progress | None = None
) -> dict[str, NDArray[np.int16]]:
    """Item id → palette of each image that can be read."""
    options = {item.path: replace(scan_options(section), palette=True) for item in items if not item.fault}
    inputs = scan_files(options, [section.path], progress)
    found = {item.id: inputs[item.path].palette for item in items if item.path in inputs}
    return {id: np.frombuffer(palette, np.int16) for id, palette in found.items() if palette is not None}


def scan_files(options: Mapping[Path, ScanOptions], roots: list[Path], progress: Progress | None) -> dict[Path, Input]:
    """Scan files with the cache of the sources at `roots`; logs a warning where the cache cannot be written."""
    cache = IndexCache(roots)
    inputs = scan(options, cache, progress)
    if cache.trouble:
        logging.getLogger("nst").warning(cache.trouble)
    return inputs


def scan_options(section: ImageSource) -> ScanOptions:
    """The options of a scan from a source's section of the run file."""
    return ScanOptions(section.limits(), section.verify, section.duplicates == "drop_similar")
