"""Open a source (dataset) by the name that the run file gives it."""

from __future__ import annotations

from nst_core.config.sources import ArtworksSource, CocoSource, FolderSource, SourceConfig
from nst_core.sources.artworks import artworks_catalogue
from nst_core.sources.base import Catalogue
from nst_core.sources.coco import coco_catalogue
from nst_core.sources.folder import Role, folder_catalogue
from nst_core.sources.sample import sample_paintings, sample_photographs
from nst_core.storage.progress import Progress


def open_source(config: SourceConfig, role: Role, progress: Progress | None = None) -> Catalogue:
    """The items of the source that a run file names for `role`, and notes on what is odd about it.

    Raises:
        SourceError: it is not there, or holds nothing that fits.
        ConfigError: the run file asks for something that the source does not have.
    """
    if isinstance(config, FolderSource):
        return folder_catalogue(config.path, role)
    if isinstance(config, ArtworksSource):
        return artworks_catalogue(config, role)
    if isinstance(config, CocoSource):
        return coco_catalogue(config, role)
    if role == "content":
        return sample_photographs(config.path.absolute())
    return sample_paintings(config.path.absolute(), progress)
