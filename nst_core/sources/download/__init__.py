"""Datasets from their servers into their folders: whole, checked, and never half there.

A dataset's folder holds `.nst-download.json`, which says what of it is complete; whatever else a download leaves on
its way (`*.part`) the next one goes on from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nst_core.config.sources import ArtworksSource, CocoSource, SourceConfig

if TYPE_CHECKING:
    from nst_core.sources.download.coco import CocoRequest
    from nst_core.sources.download.progress import DownloadProgress


def missing(config: SourceConfig) -> str | None:
    """The command line that fetches what a source lacks; None if it is complete, or was put there by hand.

    Raises:
        SourceError, ConfigError: COCO's annotation file cannot be used, or does not have what is chosen.
    """
    if isinstance(config, ArtworksSource):
        from nst_core.sources import artworks
        from nst_core.sources.download.artworks import artworks_complete, has_manual_artworks

        there = artworks_complete(config.path) or has_manual_artworks(config.path)
        return None if there else artworks.download_command(config)
    if isinstance(config, CocoSource):
        from nst_core.sources import coco

        request = _request(config)
        if not request.lacks_anything():
            return None
        return coco.download_command(config) + ("" if request.images else " --no-images")
    return None


def ensure(config: SourceConfig, progress: DownloadProgress, should_stop: Callable[[], bool]) -> None:
    """Download what a source lacks: of COCO with a choice of images, the annotations and those images only.

    Raises:
        as `download_artworks` and `download_coco`; after DownloadFailed the next call goes on from what has arrived.
    """
    from nst_core.sources.download.progress import DownloadWatch

    watch = DownloadWatch(progress, should_stop)
    if missing(config) is None:
        return
    if isinstance(config, ArtworksSource):
        from nst_core.sources.download.artworks import download_artworks

        download_artworks(config.path, watch)
    elif isinstance(config, CocoSource):
        from nst_core.sources.download.coco import download_coco

        download_coco(_request(config), watch)


def _request(config: CocoSource) -> CocoRequest:
    """What a run needs of COCO: images that were put there by hand are left as they are."""
    from nst_core.sources.download.coco import CocoRequest, has_manual_coco

    return CocoRequest(config, images=not has_manual_coco(config))
