"""The plan: pairs become rows with an identity, grouped into chunks (tasks, files) and batches (what the GPU sees).

A plan part is immutable. The grouping is a function of the pairs alone, so that the same plan gives the same bits
whatever the workers, the order or the interruptions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from nst_core.engine.images import working_size
from nst_core.engine.limits import ImageLimits
from nst_core.engine.recipe import Recipe
from nst_core.errors import ImageTooSmall
from nst_core.fingerprint import FINGERPRINT_VERSION, Fingerprints, canonical_hash
from nst_core.inputs import Input, first_error
from nst_core.manifest import StyleRef, format_styles
from nst_core.pairing import Pair
from nst_core.slugs import slugify, unique_slugs
from nst_core.sources.base import path_text

PAIR_ID_LENGTH = 16
EXTENSIONS = {"jpeg": "jpg", "png": "png"}


@dataclass(frozen=True)
class PlannedPair:
    """One row of a plan. Styles of a blend are parallel tuples. `width` × `height` is the size that is optimised.

    `error_class` and `error_message` are set where an input was seen to be bad when the plan was made: such a pair goes
    to quarantine without any work.
    """

    pair_id: str
    chunk_id: str
    batch: int
    content_id: str
    content_path: str
    style_ids: tuple[str, ...]
    style_paths: tuple[str, ...]
    style_shares: tuple[float, ...]
    artist: str | None
    artist_slug: str
    genre: str | None
    label: str | None
    label_slug: str | None
    split: str | None
    split_slug: str | None
    file_name: str
    replicate: int
    style_weight: float | None
    content_weight: float | None
    size: int
    seed: int
    width: int
    height: int
    content_sha256: str | None
    style_sha256: tuple[str | None, ...]
    content_bytes: int
    content_mtime_ns: int
    style_bytes: tuple[int, ...]
    style_mtime_ns: tuple[int, ...]
    error_class: str | None
    error_message: str | None
    content_license: str | None
    content_source_url: str | None
    style_license: str | None
    fingerprint: str
    method_fingerprint: str
    extras: Mapping[str, str] = field(default_factory=dict)

    @property
    def style_path(self) -> str:
        """The styles as one text, as in a manifest."""
        return format_styles(StyleRef(p, s) for p, s in zip(self.style_paths, self.style_shares, strict=True))


@dataclass(frozen=True)
class Grouping:
    """How many pairs are optimised at once, and how many make a chunk."""

    batch_size: int
    chunk_size: int


@dataclass(frozen=True)
class PlanContext:
    """What a plan needs besides the pairs.

    Attributes:
        recipe: with its precision resolved.
        min_side, min_style_side: shortest side, in pixels, that the recipe's layers (style layers) can look at.
        extension: of the output files.
        inputs: what was found of every input file.
    """

    recipe: Recipe
    fingerprints: Fingerprints
    min_side: int
    min_style_side: int
    extension: str
    inputs: Mapping[Path, Input]


def pair_id(pair: Pair, method_fingerprint: str) -> str:
    """16 hex digits that name a pair: the same wherever and whenever it is planned, whatever stands beside it."""
    data = {
        "version": FINGERPRINT_VERSION,
        "content": pair.content.id,
        "styles": [[style.item.id, style.share] for style in pair.styles],
        "artist": pair.artist,
        "label": pair.label,
        "split": pair.split,
        "overrides": asdict(pair.overrides),
        "replicate": pair.replicate,
        "method": method_fingerprint,
    }
    return canonical_hash(data)[:PAIR_ID_LENGTH]


def input_limits(pairs: Iterable[Pair], content: ImageLimits, style: ImageLimits) -> dict[Path, ImageLimits]:
    """Every input file of the pairs, once, with the limits that hold for it (the content's, if it is both)."""
    pairs = list(pairs)
    limits = {share.item.path: style for pair in pairs for share in pair.styles}
    return limits | {pair.content.path: content for pair in pairs}


def plan_part(
    number: int, pairs: Sequence[Pair], earlier: Sequence[PlannedPair], context: PlanContext, grouping: Grouping
) -> list[PlannedPair]:
    """The rows of plan part `number`: those of `pairs` that no earlier part has, in chunks and batches."""
    planned = {row.pair_id for row in earlier}
    fresh = {}
    for pair in pairs:
        identity = pair_id(pair, context.fingerprints.method)
        if identity not in planned:
            fresh[identity] = pair
    names = _names(fresh.values(), earlier)
    used_files = {row.file_name for row in earlier}
    rows = [_row(identity, pair, names, used_files, context) for identity, pair in sorted(fresh.items())]
    return list(_grouped(number, rows, grouping, context.recipe))


@dataclass(frozen=True)
class _Names:
    """Slugs of everything that becomes part of a path, distinct for distinct names."""

    artists: Mapping[str | None, str]
    labels: Mapping[str | None, str]
    splits: Mapping[str | None, str]


def _names(pairs: Iterable[Pair], earlier: Sequence[PlannedPair]) -> _Names:
    pairs = list(pairs)

    def slugs(new: Iterable[str | None], old: Iterable[tuple[str | None, str | None]]) -> dict[str | None, str]:
        return unique_slugs(sorted(set(new), key=lambda n: (n is not None, n)), {n: s for n, s in old if s is not None})

    return _Names(
        slugs((p.artist for p in pairs), ((r.artist, r.artist_slug) for r in earlier)),
        slugs((p.label for p in pairs if p.label), ((r.label, r.label_slug) for r in earlier)),
        slugs((p.split for p in pairs if p.split), ((r.split, r.split_slug) for r in earlier)),
    )


def _row(identity: str, pair: Pair, names: _Names, used_files: set[str], context: PlanContext) -> PlannedPair:
    content = context.inputs[pair.content.path]
    styles = [context.inputs[style.item.path] for style in pair.styles]
    overrides, items = pair.overrides, [style.item for style in pair.styles]
    size = overrides.size or context.recipe.size
    error = first_error([content, *styles])
    width, height = (0, 0) if error else _working_size(content, size, context.recipe)
    if error is None:
        narrow = min(context.recipe.padded(width, height)) < context.min_side
        error = too_narrow(content.path, (width, height), size, context.min_side) if narrow else None
        error = error or _narrow_style(styles, size, context)
    return PlannedPair(
        pair_id=identity,
        chunk_id="",
        batch=-1,
        content_id=pair.content.id,
        content_path=path_text(pair.content.path),
        style_ids=tuple(item.id for item in items),
        style_paths=tuple(path_text(item.path) for item in items),
        style_shares=tuple(style.share for style in pair.styles),
        artist=pair.artist,
        artist_slug=names.artists[pair.artist],
        genre=items[0].genre,
        label=pair.label,
        label_slug=names.labels[pair.label] if pair.label else None,
        split=pair.split,
        split_slug=names.splits[pair.split] if pair.split else None,
        file_name=_file_name(identity, pair, names, used_files, context.extension),
        replicate=pair.replicate,
        style_weight=overrides.style_weight,
        content_weight=overrides.content_weight,
        size=size,
        seed=int(identity, 16) >> 1 if overrides.seed is None else overrides.seed,
        width=width,
        height=height,
        content_sha256=content.sha256,
        style_sha256=tuple(style.sha256 for style in styles),
        content_bytes=content.size_bytes,
        content_mtime_ns=content.mtime_ns,
        style_bytes=tuple(style.size_bytes for style in styles),
        style_mtime_ns=tuple(style.mtime_ns for style in styles),
        error_class=type(error).__name__ if error else None,
        error_message=str(error) if error else None,
        content_license=pair.content.license,
        content_source_url=pair.content.source_url,
        style_license="; ".join(dict.fromkeys(item.license for item in items if item.license)) or None,
        fingerprint=context.fingerprints.run,
        method_fingerprint=context.fingerprints.method,
        extras=dict(pair.extras),
    )


def too_narrow(path: Path, working: tuple[int, int], size: int, needed: int) -> ImageTooSmall:
    """The error of an image whose shorter side, at its working size, the method's layers cannot look at."""
    return ImageTooSmall(
        path,
        f"at size {size} it is {working[0]} × {working[1]} pixels, but this method needs {needed} on the shorter side",
    )


def _narrow_style(styles: Sequence[Input], size: int, context: PlanContext) -> ImageTooSmall | None:
    style_size = context.recipe.style_size(size)
    for style in styles:
        working = _working_size(style, style_size, context.recipe)
        if min(working) < context.min_style_side:
            return too_narrow(style.path, working, style_size, context.min_style_side)
    return None


def _working_size(image: Input, size: int, recipe: Recipe) -> tuple[int, int]:
    return working_size(image.width, image.height, size, recipe.upscale, recipe.side)


def _file_name(identity: str, pair: Pair, names: _Names, used: set[str], extension: str) -> str:
    """`images/[<split>/][<label>/]<content>--<style>--<pair_id[:8]>.<ext>`, with the whole id should that be taken."""
    folders = [names.splits[pair.split]] if pair.split else []
    folders += [names.labels[pair.label]] if pair.label else []
    stems = (slugify(PurePosixPath(item.id.replace("\\", "/")).stem) for item in (pair.content, pair.styles[0].item))
    content, style = stems
    for digits in (8, PAIR_ID_LENGTH):
        name = str(PurePosixPath("images", *folders, f"{content}--{style}--{identity[:digits]}.{extension}"))
        if name not in used:
            break
    used.add(name)
    return name


def _grouped(number: int, rows: Sequence[PlannedPair], grouping: Grouping, recipe: Recipe) -> Iterator[PlannedPair]:
    """Rows with their chunk and batch: a chunk never spans two artists, a batch never two (padded) shapes."""
    by_artist = sorted(rows, key=lambda row: _order(row, recipe))
    chunk = itertools.count()
    for _, of_artist in itertools.groupby(by_artist, key=lambda row: row.artist_slug):
        batches = list(_batches(list(of_artist), grouping.batch_size, recipe))
        for members in _filled(batches, grouping.chunk_size):
            chunk_id = f"{number:05d}-{next(chunk):05d}"
            for batch, batch_rows in enumerate(members):
                for row in batch_rows:
                    yield _placed(row, chunk_id, batch)


def _order(row: PlannedPair, recipe: Recipe) -> tuple[Any, ...]:
    """By artist; then bad inputs, which cost nothing; then by shape, style (its target is reused) and identity."""
    return row.artist_slug, *_shape(row, recipe), row.style_ids, row.pair_id


def _shape(row: PlannedPair, recipe: Recipe) -> tuple[Any, ...]:
    """What the pairs of a batch have in common."""
    return row.error_class is None, *recipe.padded(row.width, row.height)


def _batches(rows: Sequence[PlannedPair], batch_size: int, recipe: Recipe) -> Iterator[list[PlannedPair]]:
    for _, alike in itertools.groupby(rows, key=lambda row: _shape(row, recipe)):
        members = list(alike)
        yield from ([*members[i : i + batch_size]] for i in range(0, len(members), batch_size))


def _filled(batches: Sequence[list[PlannedPair]], chunk_size: int) -> Iterator[list[list[PlannedPair]]]:
    chunk: list[list[PlannedPair]] = []
    for batch in batches:
        if chunk and sum(map(len, chunk)) + len(batch) > chunk_size:
            yield chunk
            chunk = []
        chunk.append(batch)
    if chunk:
        yield chunk


def _placed(row: PlannedPair, chunk_id: str, batch: int) -> PlannedPair:
    return replace(row, chunk_id=chunk_id, batch=batch)
