"""What a run file asks for: its sources read, what is left out of them, and every pair, drafted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nst_core.config.pairing import Pairing
from nst_core.config.run_config import RunConfig
from nst_core.config.sources import ImageSource
from nst_core.errors import DuplicateImage, ExcludedLicense, SkippedInput
from nst_core.manifest.pairing import Pair, StyleSet, drawn_pairs
from nst_core.manifest.pairs import pairs_of_manifest
from nst_core.plan.draft import Draft, draft_of
from nst_core.run_folder.artists import ArtistFacts
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.index.source_scan import source_duplicates
from nst_core.sources.licenses import check_exclusions, is_excluded
from nst_core.sources.registry import open_source
from nst_core.storage.progress import Progress


@dataclass(frozen=True)
class Sources:
    """The two sources of a run, read.

    Attributes:
        duplicates: of the contents that are left out as such, by id: the id of the one that is used.
        notes: what the person should know about what was found.
    """

    contents: Catalogue
    styles: StyleSet
    duplicates: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class WantedPairs:
    """Every pair that a run file asks for.

    Attributes:
        skipped_contents, skipped_styles: by id, why an image of the draft is left out on purpose.
        notes: what the person should know about the sources.
        artists: what the style source knows of the artists of the draft, by name.
    """

    draft: Draft
    skipped_contents: Mapping[str, SkippedInput]
    skipped_styles: Mapping[str, SkippedInput]
    notes: tuple[str, ...] = ()
    artists: Mapping[str, ArtistFacts] = field(default_factory=dict)

    def skip_of(self, place: int) -> SkippedInput | None:
        """Why the pair at `place` of the draft is left out, if it is."""
        content = self.draft.contents[self.draft.content[place]]
        styles = self.draft.combinations[self.draft.combination[place]].styles
        found = (self.skipped_styles.get(share.item.id) for share in styles)
        return self.skipped_contents.get(content.id) or next((skip for skip in found if skip), None)


def wanted_pairs(config: RunConfig, method_fingerprint: str, progress: Progress | None = None) -> WantedPairs:
    """Read the sources and draft every pair. Raises SourceError, ConfigError, ManifestError."""
    sources = open_sources(config, progress)
    draft = draft_of(pairs_of(config, sources), method_fingerprint)
    styles = {share.item.id: share.item for combination in draft.combinations for share in combination.styles}
    return WantedPairs(
        draft,
        _excluded(draft.contents, config.content, "content") | _duplicates(draft.contents, sources.duplicates),
        _excluded(styles.values(), config.style, "style"),
        sources.notes,
        facts_of(sources.styles.catalogue.items, (combination.artist for combination in draft.combinations)),
    )


def open_sources(config: RunConfig, progress: Progress | None = None) -> Sources:
    """Read both sources, and find what is left out of them. Raises SourceError, ConfigError."""
    contents = open_source(config.content, "content", progress)
    styles = open_source(config.style, "style", progress)
    for role, section, found in (("content", config.content, contents), ("style", config.style, styles)):
        licenses = {item.license for item in found.items}
        check_exclusions(section.exclude_licenses, f"{role}.exclude_licenses", licenses)
    same = source_duplicates(styles, config.style, progress, at_least_exact=config.pairing.disjoint_styles)
    excluded = {item.id for item in styles.items if is_excluded(item.license, config.style.exclude_licenses)}
    dropped = set() if config.style.duplicates == "keep" else set(same)
    chosen = StyleSet(styles, frozenset(excluded | dropped), same)
    return Sources(
        contents,
        chosen,
        source_duplicates(contents, config.content, progress),
        (*contents.notes, *styles.notes, *_pairing_notes(config.pairing, chosen)),
    )


def pairs_of(config: RunConfig, sources: Sources) -> Iterator[Pair]:
    """Every pair that the run file asks for. Raises ConfigError, ManifestError."""
    pairing = config.pairing
    if pairing.strategy == "manifest":
        assert pairing.manifest is not None  # the configuration makes sure
        return iter(pairs_of_manifest(pairing.manifest, pairing.seed, sources.contents, sources.styles))
    beta = config.method.resolve().beta
    return drawn_pairs(pairing, sources.contents.items, sources.styles, beta)


def _pairing_notes(pairing: Pairing, styles: StyleSet) -> list[str]:
    there, wanted = len(styles.drawable().items), pairing.styles_per_content * pairing.blend
    if pairing.strategy != "random" or there >= wanted:
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


def facts_of(items: Iterable[Item], artists: Iterable[str | None]) -> dict[str, ArtistFacts]:
    """What the style items of these artists tell of them, without those of whom nothing is told."""
    works: dict[str, list[Item]] = {artist: [] for artist in artists if artist}
    for item in items:
        if item.artist in works:
            works[item.artist].append(item)
    found = {artist: _told(of_artist) for artist, of_artist in works.items()}
    return {artist: facts for artist, facts in found.items() if facts}


def _told(works: Iterable[Item]) -> ArtistFacts:
    works = list(works)
    return ArtistFacts(
        next((work.years for work in works if work.years), None),
        _joined(work.genre for work in works),
        _joined(work.nationality for work in works),
    )


def _joined(cells: Iterable[str | None]) -> str | None:
    """The different values of comma-separated cells, in order."""
    values = (part.strip() for cell in dict.fromkeys(cells) if cell for part in cell.split(","))
    return ", ".join(dict.fromkeys(value for value in values if value)) or None
