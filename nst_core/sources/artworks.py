"""The source `artworks`: Kaggle's Best Artworks of All Time, with genre and nationality from its table of artists."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from nst_core.config.sources import ArtworksSource
from nst_core.errors import ConfigError, SourceError
from nst_core.sources.artist_names import spelling_key, suggest_name
from nst_core.sources.artist_table import ARTIST_TABLE, ArtistRow, read_artist_table
from nst_core.sources.artwork_files import Painting, deduplicate, find_paintings
from nst_core.sources.base import Catalogue, Item, check_utf8, path_text
from nst_core.sources.folder import Role
from nst_core.sources.left_out import LeftOutFiles
from nst_core.sources.wording import download_advice, quantity, short_list

LICENSE = "CC-BY-NC-SA-4.0"
PAGE = "https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time"


def artworks_catalogue(config: ArtworksSource, role: Role) -> Catalogue:
    """The paintings of the artists that the run file chooses; as contents, their label is the artist.

    Ids are `Vincent_van_Gogh_1`, the same for the full images and the resized ones, whatever unpacking did to the names
    (`artwork_files`). Artists whose folders a user has added have no genre, nationality and licence.

    Raises:
        SourceError: the table or the images do not exist, or no image is by the chosen artists.
        ConfigError: the dataset does not have an artist, genre or nationality of the run file.
    """
    check_utf8(config.path, f"{role}.path")
    root, advice = config.path.absolute(), download_advice(download_command(config), config, role)
    table, folder = root / ARTIST_TABLE, root / {"full": "images", "resized": "resized"}[config.images]
    for path, what in ((table, "table of artists"), (folder, "folder")):
        if not path.exists():
            raise SourceError(f"{role}.path: there is no {what} {path}: {advice}.")
    rows, notes = read_artist_table(table)
    left_out = LeftOutFiles()
    found, strays = find_paintings(folder, left_out)
    artists = {spelling_key(row.name): row for row in rows}
    added = {painting.artist_key: _bare_row(painting) for painting in found if painting.artist_key not in artists}
    chosen = _choose_artists(config, role, artists | added)
    paintings, repeated = deduplicate((painting for painting in found if painting.artist_key in chosen), root)
    if not paintings:
        names = short_list([row.name for row in chosen.values()])
        raise SourceError(f"{role}.path: {folder} holds no image by {names}: {advice}.")
    notes += _artist_notes(paintings, chosen, added)
    notes += _file_notes(root, repeated, strays)
    items = (_item(painting, chosen[painting.artist_key], role, added) for painting in paintings)
    return Catalogue.of(items, notes, left_out.counts(), left_out.unreadable)


def download_command(config: ArtworksSource) -> str:
    """The command line that downloads the dataset to the source's folder."""
    return shlex.join(["nst", "download", "artworks", "--output", str(config.path)])


def _item(painting: Painting, artist: ArtistRow, role: Role, added: Mapping[str, ArtistRow]) -> Item:
    of_kaggle = painting.artist_key not in added
    return Item(
        painting.id,
        painting.path,
        label=artist.name if role == "content" else None,
        artist=artist.name,
        genre=", ".join(artist.genres) or None,
        nationality=", ".join(artist.nationalities) or None,
        license=LICENSE if of_kaggle else None,
        source_url=PAGE if of_kaggle else None,
        years=artist.years,
    )


def _bare_row(painting: Painting) -> ArtistRow:
    """The row of an artist that the table lacks: the name alone."""
    return ArtistRow(" ".join(painting.artist.replace("_", " ").split()), None, (), ())


def _choose_artists(config: ArtworksSource, role: Role, artists: Mapping[str, ArtistRow]) -> dict[str, ArtistRow]:
    """The artists that match all of `artists`, `genres` and `nationalities`, by key."""
    options: dict[str, tuple[list[str] | None, dict[str, tuple[str, ...]]]] = {
        "artists": (config.artists, {key: (row.name,) for key, row in artists.items()}),
        "genres": (config.genres, {key: row.genres for key, row in artists.items()}),
        "nationalities": (config.nationalities, {key: row.nationalities for key, row in artists.items()}),
    }
    choices = {option: names for option, (names, _) in options.items() if names is not None}
    fitting = dict(artists)
    for option, wanted in choices.items():
        keys = _keys(f"{role}.{option}", wanted, [value for values in options[option][1].values() for value in values])
        for key, values in options[option][1].items():
            if not keys & {spelling_key(value) for value in values}:
                fitting.pop(key, None)
    if not fitting:
        raise ConfigError(f"{role}: no artist fits {' and '.join(choices)} together: ask for less.")
    return fitting


def _keys(option: str, wanted: Iterable[str], known: Iterable[str]) -> set[str]:
    """The keys of the wanted names. Raises ConfigError for one that is not among `known`."""
    names = sorted(set(known))
    keys = {spelling_key(name) for name in names}
    if unknown := [word for word in wanted if spelling_key(word) not in keys]:
        listing = ", ".join(f"{word!r}{suggest_name(word, names)}" for word in unknown)
        raise ConfigError(f"{option}: the dataset has no {listing}.")
    return {spelling_key(word) for word in wanted}


def _artist_notes(
    paintings: Iterable[Painting], chosen: Mapping[str, ArtistRow], added: Mapping[str, ArtistRow]
) -> Iterator[str]:
    painted = {painting.artist_key for painting in paintings}
    if without := [row.name for key, row in chosen.items() if key not in painted]:
        yield f"No images of {quantity(len(without), 'artist')} of {ARTIST_TABLE}: {short_list(without)}."
    if unnamed := [row.name for key, row in added.items() if key in painted]:
        yield (
            f"No row in {ARTIST_TABLE} for {quantity(len(unnamed), 'artist')} with images, which have no genre, "
            f"nationality and licence: {short_list(unnamed)}."
        )


def _file_notes(root: Path, repeated: Iterable[Painting], strays: Iterable[Path]) -> Iterator[str]:
    if places := [_place(root, painting.path.parent) for painting in repeated]:
        yield f"Left out {quantity(len(places), 'file')} that repeat others, in {short_list(sorted(set(places)))}."
    if stray := [_place(root, path) for path in strays]:
        yield f"Left out {quantity(len(stray), 'file')} where no painting belongs: {short_list(stray)}."


def _place(root: Path, path: Path) -> str:
    return path_text(path.relative_to(root))
