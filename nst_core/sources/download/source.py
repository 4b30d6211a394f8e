"""The download that a run's source needs, if any."""

from __future__ import annotations

from nst_core.config.sources import ArtworksSource, CocoSource, SourceConfig
from nst_core.sources import artworks, coco_advice
from nst_core.sources.download.artworks import artworks_complete, download_artworks, has_manual_artworks
from nst_core.sources.download.coco import CocoRequest, download_coco, has_manual_coco
from nst_core.sources.download.progress import DownloadWatch


def needed_download(config: SourceConfig) -> str | None:
    """The command line that fetches what a source lacks; None if it is complete, or was put there by hand.

    Raises:
        SourceError, ConfigError: COCO's annotation file cannot be used, or lacks a selected category or licence.
    """
    if isinstance(config, ArtworksSource):
        present = artworks_complete(config.path) or has_manual_artworks(config.path)
        return None if present else artworks.download_command(config)
    if isinstance(config, CocoSource):
        requests = [_request(part) for part in config.parts()]
        commands = [
            coco_advice.download_command(request.source) + ("" if request.images else " --no-images")
            for request in requests
            if request.is_incomplete()
        ]
        return " && ".join(commands) or None
    return None


def download_source(config: SourceConfig, watch: DownloadWatch) -> None:
    """Download what a source lacks; of COCO with a selection of images, the annotations and those images only.

    Raises:
        as `download_artworks` and `download_coco`; after DownloadFailed the next call resumes.
    """
    if needed_download(config) is None:
        return
    if isinstance(config, ArtworksSource):
        download_artworks(config.path, watch)
    elif isinstance(config, CocoSource):
        for part in config.parts():
            download_coco(_request(part), watch)


def _request(config: CocoSource) -> CocoRequest:
    """The download that a run needs of COCO: images that were put there by hand are left as they are."""
    return CocoRequest(config, images=not has_manual_coco(config))
