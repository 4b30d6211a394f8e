"""The commands `download artworks` and `download coco`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.printing import print_text as print
from nst_core.storage.written_paths import written_local_path

if TYPE_CHECKING:
    from nst_core.sources.download.progress import DownloadWatch

BASE_URL = "http://images.cocodataset.org"

group = typer.Typer(no_args_is_help=True, add_completion=False)


@group.callback()
def download() -> None:
    """Fetch a dataset, or go on fetching it."""


@group.command()
def artworks(
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=written_local_path, metavar="DIR", help="The folder to fill.")
    ] = Path("data/artworks"),
) -> None:
    """Kaggle's Best Artworks of All Time (2.3 GB): needs a Kaggle token, or says how to get one."""
    from nst_core.sources.download.artworks import artworks_complete, download_artworks

    _run("artworks", artworks_complete(output), output, lambda watch: download_artworks(output, watch))


@group.command()
def coco(
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=written_local_path, metavar="DIR", help="The folder to fill.")
    ] = Path("data/coco"),
    split: Annotated[str, typer.Option(help="train2017, val2017, test2017 or unlabeled2017.")] = "val2017",
    annotations: Annotated[
        bool, typer.Option("--annotations/--no-annotations", help="The annotation files, too.")
    ] = True,
    images: Annotated[bool, typer.Option("--images/--no-images", help="The images.")] = True,
    categories: Annotated[
        list[str] | None,
        typer.Option("--category", "--categories", help="Images with any of these objects only; may be repeated."),
    ] = None,
    licenses: Annotated[
        list[str] | None,
        typer.Option("--license", "--licenses", help="Images under these licences only; may be repeated."),
    ] = None,
    smallest_side: Annotated[
        int | None, typer.Option(min=1, help="Images whose shorter side is at least this only, in pixels.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many images, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
    mirror: Annotated[
        Literal["kaggle"] | None, typer.Option(help="Fetch Kaggle's copy: one archive of all splits (over 20 GB).")
    ] = None,
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="A copy of COCO's server: it has zips/, annotations/, val2017/, ….")
    ] = BASE_URL,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private-addresses", help="Ask addresses inside the network, too, where the annotations name them."
        ),
    ] = False,
) -> None:
    """COCO 2017: a split as a whole or, where a choice is made, the chosen images only."""
    from pydantic import ValidationError

    from nst_core.config.sources import CocoSource
    from nst_core.errors import UsageError
    from nst_core.sources.download.coco import CocoRequest, download_coco
    from nst_core.storage.web_access import allow_private_addresses

    try:
        source = CocoSource(
            path=output, split=split, categories=categories or None, licenses=licenses or None,
            smallest_side=smallest_side, limit=limit, seed=seed,
        )  # fmt: skip
    except ValidationError as error:
        faults = "; ".join(f"--{fault['loc'][0]} {fault['input']!r}: {fault['msg']}" for fault in error.errors())
        raise UsageError(f"{faults}.") from error
    allow_private_addresses(allow_private)
    request = CocoRequest(source, annotations, images, mirror, base_url)
    request.check()
    _run("coco", not request.is_incomplete(), output, lambda watch: download_coco(request, watch))


def _run(dataset: str, complete: bool, output: Path, work: Callable[[DownloadWatch], str]) -> None:
    """Download in a flow; if the dataset is complete, without one, as the start of Prefect's server takes seconds."""
    from nst_core.sources.download.progress import DownloadWatch, no_progress

    if complete:
        print(f"Nothing was left to do: {work(DownloadWatch(no_progress, lambda: False))}")
        return
    from flows.server.run_server import prefect_server
    from nst_core.sources.download.folder import DatasetFolder

    with DatasetFolder(output).lock():
        pass  # another process that holds it is an error now, not after the start of the server
    with prefect_server():
        from flows import download as flow

        print(flow.download(dataset, work))
