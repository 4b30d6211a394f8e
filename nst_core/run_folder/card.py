"""The dataset card of a run: what this is, how it was made, from what, under which licences; and whom to name."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nst_core.run_folder.artists import ARTISTS_FILE, ArtistFacts, artist_facts
from nst_core.run_folder.folder import METHODS, RUN_FILE
from nst_core.run_folder.summary import Summary
from nst_core.storage.atomic import write_if_changed

HOMES = {
    "artworks": "[Best Artworks of All Time](https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time)",
    "coco": "[COCO 2017](https://cocodataset.org)",
}
"""Where the datasets come from that `nst download` fetches, as Markdown."""

ATTRIBUTIONS_FILE = "attributions.csv"
_SHOWN = 20


def write_card(run_folder: Path, summary: Summary, run_file: Mapping[str, Any]) -> None:
    """README.md, and attributions.csv with a line for every photograph whose origin is known."""
    known = artist_facts(run_folder)
    lines = [
        f"# {run_folder.name}",
        "",
        f"{summary.success} images stylized by optimisation-based neural style transfer, of {summary.planned} planned "
        f"({summary.failed} failed, {summary.quarantined} quarantined, {summary.skipped} skipped).",
        "",
        *_section("Method", _method(run_file)),
        *_section("Sources", *(f"* {role}: {_source(run_file, role)}" for role in ("content", "style"))),
        *_section(
            "Licences",
            "A stylized image is an adaptation of its photograph and of its painting: the terms of both apply. "
            "Images by licence of their content and of their style:",
            "",
            *(f"* {name}: {count}" for name, count in summary.licenses.items()),
            *(f"* left out ({name}): {count}" for name, count in summary.left_out.items()),
        ),
        *(_attribution(summary.attributions) if summary.attributions else ()),
        *_section(
            "Images by artist",
            *(f"* {_artist(name, known.get(name))}: {count}" for name, count in summary.by_artist.items()),
        ),
        *_section(
            "Files",
            "`images/` the images; `results/` one Parquet row per pair, whatever became of it; `plan/` what was "
            "planned; `quarantine.csv` the inputs that could not be used; `gallery/index.html` to look at; "
            "`report/index.html` what it came to."
            + (f" `{ARTISTS_FILE}` what is known of the artists." if known else ""),
        ),
    ]
    write_if_changed(run_folder / "README.md", "\n".join(lines).encode())
    write_if_changed(run_folder / ATTRIBUTIONS_FILE, _attributions_csv(summary.attributions).encode())


def _method(run_file: Mapping[str, Any]) -> str:
    if METHODS in run_file:
        return (
            "Every image has a method of its own: the columns of its row name recipe, size and weights, and "
            f"`{RUN_FILE}` says what each method fingerprint of the plan stands for."
        )
    method = run_file.get("method_fingerprint_data", {}).get("method", {})
    recipe = run_file.get("config", {}).get("method", {}).get("recipe")
    return (
        f"Recipe `{recipe}`: features `{method.get('features')}`, size {method.get('size')}, "
        f"{method.get('evaluations')} evaluations, alpha {method.get('alpha')}, beta {method.get('beta')}. "
        f"Method fingerprint `{run_file.get('method_fingerprint')}`."
    )


def _section(title: str, *lines: str) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _artist(name: str, facts: ArtistFacts | None) -> str:
    return f"{name} ({facts.line})" if facts else name


def _source(run_file: Mapping[str, Any], role: str) -> str:
    section = run_file.get("config", {}).get(role, {})
    home = HOMES.get(section.get("source"))
    return f"`{section.get('source')}` {section.get('path', '')}{f': {home}' if home else ''}"


def _attribution(attributions: Sequence[tuple[str, str | None]]) -> list[str]:
    shown = [f"* {url} ({license or 'licence not stated'})" for url, license in attributions[:_SHOWN]]
    more = [f"* … and {len(attributions) - _SHOWN} more"] if len(attributions) > _SHOWN else []
    return _section("Attribution", f"All of them are in `{ATTRIBUTIONS_FILE}`. Content comes from:", "", *shown, *more)


def _attributions_csv(attributions: Sequence[tuple[str, str | None]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["source_url", "license"])
    writer.writerows((url, license or "") for url, license in attributions)
    return buffer.getvalue()
