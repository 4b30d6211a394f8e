"""The pairs that a run file asks for: its sources read, exclusions found, contents paired with styles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.config.pairing import Pairing
from nst_core.config.run_config import RunConfig
from nst_core.config.sources import ImageSource
from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import (
    ConfigError,
    DuplicateImage,
    ExcludedLicense,
    InputError,
    SkippedInput,
    UnusableEntry,
    UsageError,
)
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.pairs import read_pairs
from nst_core.manifest.palettes import PALETTE_STRATEGIES, Palettes
from nst_core.plan.method_checks import check_overrides
from nst_core.plan.pair_table import PairTable, tabulate_pairs
from nst_core.plan.region_checks import check_regions
from nst_core.run_folder.artists import ArtistFacts
from nst_core.run_folder.folder import RunFolder
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.index.source_scan import source_duplicates, source_hashes, source_palettes
from nst_core.sources.left_out import catalogue_notes, count_by_reason
from nst_core.sources.licenses import check_exclusions, is_excluded
from nst_core.sources.registry import open_source
from nst_core.storage.progress import Progress
from nst_core.storage.web_access import begin_run


@dataclass(frozen=True)
class Sources:
    """The two sources of a run, read.

    Attributes:
        duplicates: by id of a content that is left out as a duplicate: the id of the one in its place.
        notes: sentences for the user about what was found, and what was left out.
        left_out: files of each source that are left out, and folders that cannot be read, by role and reason.
        unreadable: a sentence for each of these folders.
        palettes: where the pairing goes by them.
    """

    contents: Catalogue
    styles: StyleSet
    duplicates: Mapping[str, str]
    notes: tuple[str, ...]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    palettes: Palettes | None = None


@dataclass(frozen=True)
class WantedPairs:
    """Every pair that a run file asks for.

    Attributes:
        skipped_contents, skipped_styles: by id of an image that is left out on purpose, or whose entry in the source's
            list cannot be used: why.
        notes: sentences for the user about the sources.
        artists: what the style source says about the artists of the pairs, by name.
        left_out, unreadable: as of `Sources`.
    """

    pairs: PairTable
    skipped_contents: Mapping[str, InputError]
    skipped_styles: Mapping[str, InputError]
    notes: tuple[str, ...] = ()
    artists: Mapping[str, ArtistFacts] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    def skip_reason(self, place: int) -> InputError | None:
        """The reason for which the pair at index `place` is left out, if it is."""
        content = self.pairs.contents[self.pairs.content[place]]
        styles = self.pairs.combinations[self.pairs.combination[place]].styles
        found = (self.skipped_styles.get(share.item.id) for share in styles)
        return self.skipped_contents.get(content.id) or next((skip for skip in found if skip), None)


def wanted_pairs(
    config: RunConfig,
    method_fingerprint: str,
    progress: Progress | None = None,
    sources: Sources | None = None,
    most: int | None = None,
) -> WantedPairs:
    """Read the sources, unless they have been read already, and pair them.

    Args:
        most: the number of pairs at which an error ends it.

    Raises SourceError, ConfigError, ManifestError; UsageError where there are more than `most` pairs.
    """
    sources = sources or open_sources(config, progress)
    pairs = tabulate_pairs(_at_most(pair_sources(config, sources), most), method_fingerprint)
    check_overrides(config, pairs)
    regions = check_regions(config, pairs)
    styles = {share.item.id: share.item for combination in pairs.combinations for share in combination.styles}
    return WantedPairs(
        pairs,
        {
            **_excluded(pairs.contents, config.content, "content"),
            **_duplicates(pairs.contents, sources.duplicates),
            **{item.id: UnusableEntry(item.path, item.fault) for item in pairs.contents if item.fault},
        },
        _excluded(styles.values(), config.style, "style"),
        (*sources.notes, *regions),
        collect_artist_facts(
            sources.styles.catalogue.items, (combination.artist for combination in pairs.combinations)
        ),
        sources.left_out,
        sources.unreadable,
    )


def open_sources(config: RunConfig, progress: Progress | None = None) -> Sources:
    """Read both sources, and find duplicates and excluded licences. Raises SourceError, ConfigError."""
    begin_run(config.execution.allow_private_addresses)
    contents = open_source(config.content, "content")
    check_exclusions(
        config.content.exclude_licenses, "content.exclude_licenses", {item.license for item in contents.items}
    )
    chosen = open_styles(config, progress)
    styles = chosen.catalogue
    return Sources(
        contents,
        chosen,
        source_duplicates(contents, config.content, progress),
        (
            *catalogue_notes(contents, "content"),
            *catalogue_notes(styles, "style"),
            *_pairing_notes(config.pairing, chosen),
        ),
        {"content": count_by_reason(contents), "style": count_by_reason(styles)},
        tuple(dict.fromkeys((*contents.unreadable, *styles.unreadable))),
        _palettes(config, contents, chosen, progress),
    )


def open_styles(config: RunConfig, progress: Progress | None = None) -> StyleSet:
    """Read the style source, and find duplicates and excluded licences. Raises SourceError, ConfigError."""
    styles, terms = open_source(config.style, "style"), config.style.exclude_licenses
    check_exclusions(terms, "style.exclude_licenses", {item.license for item in styles.items})
    disjoint = config.pairing.disjoint_styles
    same = source_duplicates(styles, config.style, progress, at_least_exact=disjoint is True)
    hashes = source_hashes(styles, config.style, progress) if disjoint == "stable" else {}
    excluded = {item.id for item in styles.items if is_excluded(item.license, terms)}
    dropped = set() if config.style.duplicates == "keep" else set(same)
    return StyleSet(styles, frozenset(excluded | dropped), same, hashes)


def pair_sources(config: RunConfig, sources: Sources) -> Iterator[Pair]:
    """Return every pair that the run file asks for, one by one. Raises ConfigError, ManifestError."""
    pairing = config.pairing
    if pairing.strategy == "manifest":
        assert pairing.manifest is not None  # the configuration makes sure
        return iter(
            read_pairs(
                pairing.manifest,
                pairing.seed,
                sources.contents,
                sources.styles,
                lambda: _planned_ids(config.run_folder),
            )
        )
    recipe = config.method.resolve()
    if pairing.strengths and isinstance(recipe, TransferRecipe):
        raise ConfigError(
            "pairing.strengths are multiples of a style weight, which a transfer network has not: set method.strength, "
            "or have a manifest with the column strength."
        )
    beta = recipe.beta if isinstance(recipe, Recipe) else 1.0
    return draw_pairs(pairing, sources.contents.items, sources.styles, beta, sources.palettes)


def _palettes(config: RunConfig, contents: Catalogue, styles: StyleSet, progress: Progress | None) -> Palettes | None:
    """The palettes of all images, where the pairing goes by them; read once, then from the index's cache."""
    if config.pairing.strategy not in PALETTE_STRATEGIES:
        return None
    return Palettes(
        source_palettes(contents.items, config.content, progress),
        source_palettes(styles.drawable().items, config.style, progress),
    )


def _at_most(pairs: Iterator[Pair], most: int | None) -> Iterator[Pair]:
    """The pairs. Raises UsageError once there is one too many, so that the others are never drawn."""
    for number, pair in enumerate(pairs):
        if number == most:
            raise UsageError(
                f"The run file asks for more than {most} pairs, which is the most here: bound it by content.limit, or "
                "by fewer styles in pairing."
            )
        yield pair


def _planned_ids(run_folder: Path) -> Iterator[str]:
    """The ids of contents and styles in the plan of a run folder."""
    plan = RunFolder(run_folder).read_plan()
    yield from (name for (name,) in plan.distinct("content_id"))
    yield from {name for names in plan.column("style_ids") for name in names}


def collect_artist_facts(items: Iterable[Item], artists: Iterable[str | None]) -> dict[str, ArtistFacts]:
    """The facts that the style items hold on these artists, by name; artists without any are left out."""
    works: dict[str, list[Item]] = {artist: [] for artist in artists if artist}
    for item in items:
        if item.artist in works:
            works[item.artist].append(item)
    facts = {
        artist: ArtistFacts(
            next((item.years for item in own if item.years), None),
            _joined(item.genre for item in own),
            _joined(item.nationality for item in own),
        )
        for artist, own in works.items()
    }
    return {artist: found for artist, found in facts.items() if found}


def _pairing_notes(pairing: Pairing, styles: StyleSet) -> list[str]:
    there, wanted = len(styles.drawable().items), pairing.styles_per_content * pairing.blend
    if pairing.strategy not in ("random", *PALETTE_STRATEGIES) or there >= wanted:
        return []
    each = max(1, there // pairing.blend)
    return [
        f"pairing.styles_per_content is {pairing.styles_per_content}, but {there} styles can be drawn: {each} each."
    ]


def _excluded(items: Iterable[Item], section: ImageSource, role: str) -> dict[str, SkippedInput]:
    terms = section.exclude_licenses
    if not terms:
        return {}
    reason = f"is left out by {role}.exclude_licenses ({', '.join(terms)})"
    return {
        item.id: ExcludedLicense(item.path, f"its licence, {item.license or 'unknown'}, {reason}")
        for item in items
        if is_excluded(item.license, terms)
    }


def _duplicates(items: Iterable[Item], first: Mapping[str, str]) -> dict[str, SkippedInput]:
    return {
        item.id: DuplicateImage(item.path, f"it is the same picture as {first[item.id]}, which is used in its place")
        for item in items
        if item.id in first
    }


def _joined(cells: Iterable[str | None]) -> str | None:
    """The distinct values of comma-separated cells, in order."""
    values = (part.strip() for cell in dict.fromkeys(cells) if cell for part in cell.split(","))
    return ", ".join(dict.fromkeys(value for value in values if value)) or None
