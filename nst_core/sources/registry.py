"""The catalogue of any source that a run file can name."""

from __future__ import annotations

from nst_core.config.sources import ArtworksSource, CocoSource, FolderSource, SourceConfig
from nst_core.sources.artworks import artworks_catalogue
from nst_core.sources.base import Catalogue
from nst_core.sources.exclusion import Exclusion
from nst_core.sources.folder import Role, folder_catalogue
from nst_core.sources.sample import sample_paintings, sample_photographs
from nst_core.sources.selection import select_items


def open_source(config: SourceConfig, role: Role) -> Catalogue:
    """The items of the source that a run file names for `role`, without those that it leaves out there.

    Raises:
        SourceError: it does not exist, or holds nothing that matches.
        ConfigError: the run file names a category, licence or artist that the source does not have.
    """
    exclusion = Exclusion(config.exclude)
    return select_items(_catalogue(config, role, exclusion), config, exclusion, role)


def _catalogue(config: SourceConfig, role: Role, exclusion: Exclusion) -> Catalogue:
    if isinstance(config, FolderSource):
        return folder_catalogue(config.path, role, exclusion)
    if isinstance(config, ArtworksSource):
        return artworks_catalogue(config, role)
    if isinstance(config, CocoSource):
        from nst_core.sources.coco import coco_catalogue  # loads pyarrow

        return coco_catalogue(config, role)
    sample = sample_photographs if role == "content" else sample_paintings
    return sample(config.path.absolute())
