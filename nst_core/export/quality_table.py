"""The table of an export's card that says what a judge measured: medians over its images, beside the baselines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.export.rows import Selection
from nst_core.run_folder.quality import FOLDER, MEASURES, quality_file, read_baselines, with_quality
from nst_core.run_folder.results import chunk_of, result_files
from nst_core.run_folder.results_reader import read_results, successes

_COLUMNS = ("pair_id", "status", "output_sha256")
_SPREAD = (0.1, 0.5, 0.9)


def quality_lines(selection: Selection) -> list[str]:
    """The table in Markdown; nothing where none of the images was judged."""
    run = selection.run
    if not (run / FOLDER).is_dir():
        return []
    judged = _judged(run, pa.concat_arrays(list(selection.ids.values())))
    baselines = read_baselines(run)
    lines = []
    for name, measure in MEASURES.items():
        values = judged[name].drop_null()
        if not len(values):
            continue
        low, median, high = (f"{value:.3f}" for value in pc.quantile(values, q=list(_SPREAD)).to_pylist())
        ends = (_shown(baselines.get(subject, {}).get(name)) for subject in ("content", "style"))
        lines.append(f"| {measure.title} | {len(values)} | {median} | {low} – {high} | {' | '.join(ends)} |")
    if not lines:
        return []
    return [
        "Measured by `nst judge`, with a network that took no part in making the images. The last two columns are what "
        "the photograph itself, and the painting itself, get in the image's place.",
        "",
        "| measure | images | median | 10 % – 90 % | the photograph | the painting |",
        "|---|---|---|---|---|---|",
        *lines,
        "",
        f"{'; '.join(f'{measure.title}: {measure.meaning}' for measure in MEASURES.values())}.",
    ]


def _judged(run: Path, ids: pa.Array) -> pa.Table:
    """The measures of some pairs, null where a picture was not judged."""
    tables = []
    for part in read_results(result_files(run), _COLUMNS, reduce=successes):
        table = part.table.filter(pc.is_in(part.table["pair_id"], ids))
        tables.append(with_quality(table, quality_file(run, chunk_of(part.path))).select(list(MEASURES)))
    return pa.concat_tables(tables)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
