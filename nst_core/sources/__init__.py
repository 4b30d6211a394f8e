"""Sources (datasets) by the name that the run file gives them."""

from __future__ import annotations

from collections.abc import Callable

from nst_core.source_config import FolderSource, SourceConfig
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.folder import Role, folder_catalogue
from nst_core.sources.sample import sample_paintings, sample_photographs

__all__ = ["Catalogue", "Item", "open_source"]


def open_source(config: SourceConfig, role: Role, progress: Callable[[int, int], None] | None = None) -> Catalogue:
    """The items of the source that a run file names for `role`. Raises SourceError where it is not there."""
    if isinstance(config, FolderSource):
        return folder_catalogue(config.path, role)
    return (
        sample_photographs(config.path.absolute())
        if role == "content"
        else sample_paintings(config.path.absolute(), progress)
    )
