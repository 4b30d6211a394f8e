"""Commands `stylize` and `reconstruct`: one image, without a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.options import Set
from flows.printing import print_text as print
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.config.run_config import RunConfig

Reconstructable = Literal["content", "style", "both"]


def stylize(
    content: Annotated[Any, typer.Argument(parser=written_path, metavar="PHOTOGRAPH", help="The photograph.")],
    style: Annotated[Any, typer.Argument(parser=written_path, metavar="PAINTING", help="The painting.")],
    output: Annotated[
        Any,
        typer.Option(
            "--output", "-o", parser=written_path, metavar="FILE", help="Where to write the result (.jpg or .png)."
        ),
    ],
    recipe: Annotated[str, typer.Option(help="A recipe's name; auto: fast with a GPU, slim without.")] = "auto",
    strength: Annotated[
        float | None,
        typer.Option(
            help="From 0, the photograph, over 0.5, the recipe as it is, to 1, the style alone.", show_default=False
        ),
    ] = None,
    set_: Set = None,
) -> None:
    """Stylize one image."""
    from flows.progress import reporter
    from nst_core.config.run_config import parse_config

    method = {"recipe": recipe} if strength is None else {"recipe": recipe, "strength": strength}
    config = parse_config({"method": method}, set_ or ())
    _check_files(config, content, style, output)
    from nst_core.chunks.single.stylization import stylize_one

    with reporter.stage("Stylizing", 0, "evaluations"):
        trace = stylize_one(content, style, output, config, reporter.at_least)
    if not trace:
        print(f"{output}: the photograph as it is" if trace is None else f"{output}: in one pass through the network")
        return
    print(f"{output}: loss {trace[0].total:.4g} → {trace[-1].total:.4g} in {trace[-1].iteration} evaluations")


def _check_files(config: RunConfig, content: Path, style: Path, output: Path) -> None:
    """Raise UsageError or InputError for what can be seen of the files before anything loads torch (seconds)."""
    from nst_core.engine.images.pixels import probe_image
    from nst_core.engine.images.suffixes import check_output_suffix

    check_output_suffix(output)
    probe_image(content, config.content.limits())
    probe_image(style, config.style.limits())


def reconstruct(
    image: Annotated[Any, typer.Argument(parser=written_path, metavar="IMAGE", help="The picture to reconstruct.")],
    output: Annotated[
        Any, typer.Option("--output", "-o", parser=written_path, metavar="DIR", help="The folder to write into.")
    ],
    what: Annotated[Reconstructable, typer.Option(help="From features (content), Gram matrices (style), or both.")] = (
        "both"
    ),
    layers: Annotated[
        list[str] | None,
        typer.Option(help="Layers, by commas; may be repeated; a+b are taken together. Else a spread of them."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A recipe's name: its features, pooling, inputs and size.")] = "wavelet",
    set_: Set = None,
) -> None:
    """Show what layers know of a picture: make it again from noise (Gatys, Ecker, Bethge 2016, figure 1)."""
    from flows.progress import reporter
    from nst_core.chunks.single.reconstruction import parse_groups, reconstruct, reconstruction_config

    config = reconstruction_config(recipe, set_ or ())
    with reporter.stage("Reconstructing", 0, "evaluations"):
        results = reconstruct(image, output, what, parse_groups(layers or ()), config, reporter.at_least)
    for one in results:
        print(f"{output / one.reconstruction.file_name}: loss {one.first_loss:.4g} → {one.last_loss:.4g}")
    print(f"Contact sheet: {output / 'contact_sheet.png'}")
