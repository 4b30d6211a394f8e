"""The command `index`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json, RunFile, Set
from flows.printing import print_text as print

if TYPE_CHECKING:
    from nst_core.config.sources import SourceConfig
    from nst_core.sources.folder import Role


def index(
    file: RunFile,
    set_: Set = None,
    full: Annotated[bool, typer.Option("--full", help="Decode every image whole, not only its header.")] = False,
    looks: Annotated[bool, typer.Option("--looks", help="Find images that look the same, too.")] = False,
    as_json: Json = False,
) -> None:
    """Look at every image of a run file's sources: what they are, which are bad, which are there twice."""
    from flows.commands.preparation import check_sources
    from flows.progress import reporter
    from nst_core.config.run_config import load_config
    from nst_core.sources.index.report import index_report
    from nst_core.sources.index.source_scan import scan_items
    from nst_core.sources.left_out import catalogue_notes, count_by_reason
    from nst_core.sources.registry import open_source

    config = load_config(file, set_ or ())
    check_sources(config)
    reports, catalogues = {}, {}
    sources: dict[Role, SourceConfig] = {"content": config.content, "style": config.style}
    for role, section in sources.items():
        overrides = ({"verify": "full"} if full else {}) | ({"duplicates": "drop_similar"} if looks else {})
        section = section.model_copy(update=overrides)
        with reporter.stage(f"Looking at the {role} images", 0, "files"):
            catalogues[role] = catalogue = open_source(section, role)
            inputs = scan_items(catalogue.items, section, reporter.at_least)
        pairs = ((item.id, inputs[item.path]) for item in catalogue.items)
        reports[role] = index_report(pairs, hashed=section.duplicates == "drop_similar")
    if as_json:
        told = {
            role: report.as_dict() | {"left_out": count_by_reason(catalogues[role]), "notes": catalogues[role].notes}
            for role, report in reports.items()
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for role, report in reports.items():
        print(f"{role}:")
        for line in report.lines():
            print(f"  {line}")
        for note in catalogue_notes(catalogues[role], role):
            print(f"  {note}")
