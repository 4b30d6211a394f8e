"""The dataset card of an export (README.md): method, sources, licences, attribution, counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import yaml

from nst_core.export.croissant import CROISSANT, Provenance
from nst_core.export.rows import ExportRow
from nst_core.run_folder.card import (
    ATTRIBUTIONS_FILE,
    HOMES,
    attributions_csv,
    kind_in_words,
    mapping_in,
    method_sentences,
    section,
)
from nst_core.run_folder.folder import METHODS
from nst_core.storage.atomic import write_if_changed

CARD = "README.md"
_SHOWN = 200
_MARKDOWN_LINK = re.compile(r"\[(.*?)\]\((https?://\S*?)\)")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HUB_LICENSES = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
}  # fmt: skip


@dataclass
class ExportCounts:
    """Counts over the images of an export."""

    splits: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    artists: Counter[str] = field(default_factory=Counter)
    content_licenses: Counter[str] = field(default_factory=Counter)
    style_licenses: Counter[str] = field(default_factory=Counter)
    origins: set[tuple[str, str]] = field(default_factory=set)
    """Addresses that contents come from, each with its licence, or nothing."""
    newest: datetime | None = None

    @property
    def licenses(self) -> list[str]:
        """All licences that occur, `not stated` among them."""
        return sorted({*self.content_licenses, *self.style_licenses})

    def add(self, group: str, rows: Iterable[ExportRow]) -> None:
        for row in rows:
            self.splits[group] += 1
            if row.label is not None:
                self.labels[row.label] += 1
            self.artists[row.columns["artist"] or "unknown"] += 1
            self.content_licenses[row.columns["content_license"] or "not stated"] += 1
            if row.columns["style_ids"]:  # an unstylized image has none
                self.style_licenses.update((row.columns["style_license"] or "not stated").split(";"))
            if row.columns["content_source_url"]:
                self.origins.add((row.columns["content_source_url"], row.columns["content_license"] or ""))
            if row.columns["created_at"]:
                self.newest = max(self.newest or row.columns["created_at"], row.columns["created_at"])


@dataclass(frozen=True)
class ExportCard:
    """The contents of the card beside the counts.

    Attributes:
        yaml: the format's own entries of the front matter.
        loading: lines of Python.
        left_out: how many images of the run are not in the export.
        where: the condition that its images fulfil.
        quality: what a judge said of its images, as lines of Markdown.
    """

    title: str
    run_yaml: Mapping[str, Any]
    yaml: Mapping[str, Any]
    loading: Sequence[str]
    left_out: int
    where: str | None = None
    quality: Sequence[str] = ()


def write_card(folder: Path, card: ExportCard, counts: ExportCounts) -> None:
    """Write README.md, and attributions.csv where origins are known, unless they say the same already."""
    write_if_changed(folder / CARD, "\n".join([*_front_matter(card, counts), "", *_body(card, counts)]).encode())
    if counts.origins:
        write_if_changed(folder / ATTRIBUTIONS_FILE, attributions_csv(sorted(counts.origins)).encode())
    else:
        (folder / ATTRIBUTIONS_FILE).unlink(missing_ok=True)


def provenance(card: ExportCard, counts: ExportCounts, url: str | None) -> Provenance:
    """What croissant.json says of the whole."""
    sources = [(_source_name(card.run_yaml, role), _source_url(card.run_yaml, role)) for role in ("content", "style")]
    if weights := card.run_yaml.get("weights_sha256"):
        sources.append((f"network: weights with the sha256 {weights}", None))
    return Provenance(
        card.title,
        f"{counts.splits.total()} images stylized by {kind_in_words(card.run_yaml)}.",
        counts.licenses,
        sources,
        _method(card.run_yaml),
        counts.newest.isoformat() if counts.newest else None,
        url,
    )


def hub_licenses(names: Iterable[str]) -> list[str]:
    """Licences by the identifiers that the Hugging Face Hub knows; `unknown` where none is stated, else `other`."""
    known = {"unknown" if name in ("not stated", "") else name.lower() for name in names}
    return sorted({name if name in _HUB_LICENSES | {"unknown"} else "other" for name in known})


def _front_matter(card: ExportCard, counts: ExportCounts) -> list[str]:
    licenses = hub_licenses([*counts.content_licenses, *counts.style_licenses]) or ["unknown"]
    count = counts.splits.total()
    data = {
        "pretty_name": card.title,
        "license": licenses if len(licenses) > 1 else licenses[0],
        "size_categories": [next((name for limit, name in _SIZES if count < limit), "1M<n<10M")],
        "tags": ["neural-style-transfer"],
        **card.yaml,
    }
    told = {name: value for name, value in data.items() if value}
    return ["---", yaml.safe_dump(told, sort_keys=False, allow_unicode=True).rstrip(), "---"]


def _body(card: ExportCard, counts: ExportCounts) -> list[str]:
    left_out = f" {card.left_out} images of the run were left out." if card.left_out else ""
    left_out += f" They are those of the run that fulfil: {_plain(card.where)}." if card.where else ""
    return [
        f"# {_plain(card.title)}",
        "",
        f"{counts.splits.total()} images stylized by {kind_in_words(card.run_yaml)}.{left_out}",
        "",
        *section("Loading", ["```python", *card.loading, "```"]),
        *section("Method", [_method(card.run_yaml)]),
        *section("Sources", [f"* {role}: {_source(card.run_yaml, role)}" for role in ("content", "style")]),
        *section(
            "Licences",
            [
                "A stylized image is an adaptation of its photograph and of its painting: the terms of both apply.",
                "",
                *_counts(counts.content_licenses, "content: "),
                *_counts(counts.style_licenses, "style: "),
            ],
        ),
        *(section("Attribution", _attribution(counts.origins)) if counts.origins else []),
        *(section("Quality", card.quality) if card.quality else []),
        *section("Images by split", _counts(counts.splits)),
        *(section("Images by label", _counts(counts.labels)) if counts.labels else []),
        *section("Images by artist", _counts(counts.artists)),
        *section(
            "Files",
            [
                f"`{CROISSANT}` describes the files, records, licences and origins for tools that read "
                "[Croissant](https://mlcommons.org/croissant); `export.json` lists what is there."
            ],
        ),
    ]


def _counts(counter: Counter[str], prefix: str = "") -> list[str]:
    shown = sorted(counter.items())[:_SHOWN]
    more = [f"* … and {len(counter) - _SHOWN} more"] if len(counter) > _SHOWN else []
    return [*(f"* {prefix}{_plain(name)}: {count}" for name, count in shown), *more]


def _attribution(origins: set[tuple[str, str]]) -> list[str]:
    shown = sorted(origins)[:_SHOWN]
    more = [f"* … and {len(origins) - _SHOWN} more"] if len(origins) > _SHOWN else []
    intro = (
        "The photographs were changed: each is repainted in the style of its paintings. `content_source_url` names for "
        f"every image where its photograph comes from, `{ATTRIBUTIONS_FILE}` lists them with their licences:"
    )
    return [
        intro,
        "",
        *(f"* {_plain(url)}" + (f" ({_plain(license)})" if license else "") for url, license in shown),
        *more,
    ]


def _method(run_yaml: Mapping[str, Any]) -> str:
    if METHODS in run_yaml:
        return "Every image has a method of its own: its columns name recipe, size and weights."
    if not mapping_in(run_yaml, "method_fingerprint_data", "method"):
        return "The run's own record of it (run.yaml) is not there; the columns of each image name it."
    return method_sentences(run_yaml)


def _source(run_yaml: Mapping[str, Any], role: str) -> str:
    """The origin of a source, or the name of its folder: where that lies stays private."""
    source = mapping_in(run_yaml, "config", role)
    kind = str(source.get("source", "unknown"))
    if kind in HOMES:
        return HOMES[kind]
    return f"`{kind}`" + (f" {_plain(PurePath(str(source['path'])).name)}" if source.get("path") else "")


def _source_name(run_yaml: Mapping[str, Any], role: str) -> str:
    """The same as plain text."""
    text = _MARKDOWN_LINK.sub(r"\1", _source(run_yaml, role)).replace("`", "").replace("\\", "")
    return f"{role}: {text}"


def _source_url(run_yaml: Mapping[str, Any], role: str) -> str | None:
    link = _MARKDOWN_LINK.search(_source(run_yaml, role))
    return link[2] if link else None


def _plain(text: str) -> str:
    """On one line, with what Markdown would take for its own escaped."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*[]<>|" else c for c in line)
