"""The publication of a run: what may be published is checked, then an export of it goes to the Hub, or to a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.errors import UsageError
from nst_core.export.exporter import Export, ExportOptions, ExportReport, HubAddress, check_target
from nst_core.export.target import hold_target
from nst_core.publishing.hub import HubRepository
from nst_core.publishing.hub_target import HubTarget, staging_folder
from nst_core.publishing.permissions import check_permitted, forbidden_images
from nst_core.storage.progress import Progress

FORMATS = ("imagefolder", "webdataset")


@dataclass(frozen=True)
class PublicationReport:
    """What was published.

    Attributes:
        place: the address of its page, or the folder.
        public: whether everybody can see it; None of a folder.
        forced: images among them that licences forbid to publish.
    """

    place: str
    public: bool | None
    forced: int
    export: ExportReport


def publish_run(
    run: Path,
    to: HubRepository | Path,
    format: str = "imagefolder",
    options: ExportOptions | None = None,
    *,
    public: bool = False,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> PublicationReport:
    """Publish the successes of a run; given again, it goes on, or brings the dataset up to date.

    A dataset on the Hub is private until it is complete, and stays so unless `public`.

    Args:
        format: one of `FORMATS`.
        force: publish images that the licences forbid to publish, too.

    Raises:
        UsageError: licences forbid it, there is nothing to publish, or the place holds something else or is public.
        StorageRefused: the Hub refuses.
        StorageUnreachable: it does not answer: the same call goes on once it does.
    """
    if format not in FORMATS:
        raise UsageError(f"{format!r} cannot be published: it is one of {', '.join(FORMATS)}.")
    options = options or ExportOptions()
    if isinstance(to, Path):
        check_target(run, to)
        export = Export(run, format, options, progress)
        forced = _forced(export, force)
        with hold_target(to, export.identity) as folder:
            return PublicationReport(str(to), None, forced, export.write(folder))
    visible = to.visibility()
    if visible and not public:
        raise UsageError(
            f"{to.url} is there already, and public: say --public if what is published may be seen by all."
        )
    address = HubAddress(to.name, to.url)
    export = Export(run, format, replace(options, link=format == "imagefolder"), progress, address)
    forced = _forced(export, force)
    if visible is None:
        to.create()
    report = _send(export, to)
    if public and not visible:
        to.make_public()
    return PublicationReport(to.url, public, forced, report)


def _forced(export: Export, force: bool) -> int:
    """How many images are published against their licences. Raises UsageError if any are, and nobody said so."""
    forbidden = forbidden_images(export.selection)
    if not force:
        check_permitted(export.identity.run, forbidden, len(export.selection))
    return sum(images.count for images in forbidden)


def _send(export: Export, repository: HubRepository) -> ExportReport:
    advance: Callable[[int], None] = export.advance
    with staging_folder(repository) as folder:
        return export.write(HubTarget(folder, export.identity, repository, advance))
