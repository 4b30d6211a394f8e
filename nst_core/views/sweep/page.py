"""The page of a sweep, `index.html` in its folder, beside `thumbs/` and the variants' run folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.run_folder.quality import MEASURES, read_baselines
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.paths import is_local
from nst_core.storage.progress import Progress
from nst_core.views.sweep.cells import COLUMNS, NumberColumn, SweepCell, best_places, medians, read_cells
from nst_core.views.sweep.sweep_table import ShownPair, SweepTable
from nst_core.views.thumbnails import THUMBS, Thumbnail, ThumbnailFolder
from nst_core.views.web import address, environment, inline_json, json_value, number, page_bytes, quantity

_ENVIRONMENT = environment("nst_core.views.sweep")


@dataclass(frozen=True)
class Picture:
    """A cell with its thumbnail and the address of its file."""

    identity: str
    cell: SweepCell
    thumbnail: Thumbnail | None
    link: str | None
    title: str


@dataclass(frozen=True)
class PairSection:
    """A pair's part of the page: its inputs, and its pictures, one per variant."""

    number: int
    pair: ShownPair
    content: Thumbnail | None
    styles: tuple[Thumbnail | None, ...]
    pictures: tuple[Picture, ...]


def build_sweep_page(sweep: SweepTable, progress: Progress = lambda done, total: None) -> Path:
    """(Re)make the page of a sweep from the run folders of its variants; returns it.

    Args:
        progress: called with (pictures looked at, pictures in all).
    """
    cells = read_cells(sweep)
    thumbnails = ThumbnailFolder(sweep.folder / THUMBS)
    inputs = [path for pair in sweep.pairs for path in (pair.content, *pair.styles)]
    results = [cell.picture for row in cells for cell in row if cell.picture is not None]
    made: dict[Path, Thumbnail | None] = {}
    for path, thumbnail in thumbnails.make([*inputs, *results], lasting=set(inputs)):
        made[path] = thumbnail
        progress(len(made), len({*inputs, *results}))
    sections = [_section(sweep, at, [row[at] for row in cells], made) for at in range(len(sweep.pairs))]
    page = sweep.folder / "index.html"
    write_if_changed(page, page_bytes(_render(sweep, cells, sections)))
    thumbnails.remove_unused()
    return page


def _section(
    sweep: SweepTable, at: int, cells: Sequence[SweepCell], made: Mapping[Path, Thumbnail | None]
) -> PairSection:
    pair = sweep.pairs[at]
    pictures = tuple(
        Picture(
            f"{at + 1}-{number + 1}",
            cell,
            made.get(cell.picture) if cell.picture is not None else None,
            _link(sweep.folder, cell.picture) if cell.picture is not None and made.get(cell.picture) else None,
            f"{pair.title}: {sweep.label(variant.place)}",
        )
        for number, (variant, cell) in enumerate(zip(sweep.variants, cells, strict=True))
    )
    return PairSection(at + 1, pair, made.get(pair.content), tuple(map(made.get, pair.styles)), pictures)


def _link(folder: Path, picture: Path) -> str:
    if not is_local(folder):
        return address(picture.relative_to(folder).as_posix())
    return address(os.path.relpath(picture, folder))


def _render(sweep: SweepTable, cells: Sequence[Sequence[SweepCell]], sections: Sequence[PairSection]) -> str:
    numbers = [medians(row) for row in cells]
    columns = [column for column in COLUMNS if any(column.name in one for one in numbers)]
    baselines = next((found for v in sweep.variants if v.pair_ids and (found := read_baselines(v.run_folder))), {})
    return _ENVIRONMENT.get_template("sweep.html.j2").render(
        sweep=sweep,
        groups=list(sweep.groups()),
        sections=sections,
        columns=columns,
        numbers=numbers,
        best={column.name: best_places(numbers, column) for column in columns},
        baselines=baselines if sweep.judge else {},
        missing=sum(1 for row in cells for cell in row if cell.picture is None),
        folders=[_link(sweep.folder, variant.run_folder) for variant in sweep.variants],
        data=inline_json(json_value(_data(sweep, columns, sections))),
        measures=MEASURES,
    )


def _data(sweep: SweepTable, columns: Sequence[NumberColumn], sections: Sequence[PairSection]) -> dict[str, Any]:
    """What the page's script needs: the variants, and of each picture what the lightbox shows."""
    return {
        "columns": {column.name: {"title": column.title, "better": column.better} for column in columns},
        "width": len(sweep.columns.values),
        "places": [variant.place for variant in sweep.variants],
        "variants": [
            {"label": sweep.label(one.place), "options": one.options, "lines": one.lines} for one in sweep.variants
        ],
        "pairs": [
            {
                "title": section.pair.title,
                "content": section.pair.content_name,
                "before": _file(section.content),
                "pictures": [_details(picture, columns) for picture in section.pictures],
            }
            for section in sections
        ],
    }


def _details(picture: Picture, columns: Sequence[NumberColumn]) -> dict[str, Any]:
    cell = picture.cell
    shown = {column.title: _text(cell.numbers[column.name]) for column in columns if column.name in cell.numbers}
    more = {"Evaluations": f"{cell.evaluations:,}"} if cell.evaluations else {}
    return {
        "id": picture.identity,
        "file": picture.link,
        "size": cell.size,
        "numbers": {name: float(f"{value:.4g}") for name, value in cell.numbers.items()},
        "parameters": {**shown, **more},
        "trace": (cell.trace.iterations, cell.trace.totals) if cell.trace else None,
    }


def _file(thumbnail: Thumbnail | None) -> str | None:
    return f"{THUMBS}/{thumbnail.sizes[-1][0]}" if thumbnail else None


def _text(value: float) -> str:
    return number(value) or "0"


_ENVIRONMENT.filters.update(text=_text)
_ENVIRONMENT.globals.update(quantity=quantity)
