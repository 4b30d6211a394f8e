"""The map of the artists: their paintings in two dimensions, so that those that look alike lie near each other."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_core.views.gallery.described_pictures import DescribedPictures, ShownPicture
from nst_core.views.gallery.map_layout import apart, evened, inside

FEWEST_ARTISTS, FEWEST_PAINTINGS = 2, 3
"""Of which there is a map."""

MOST_PAINTINGS = 300
"""Shown on the map, of all artists alike: those nearest to the middle of each artist's."""

NEAREST_ARTISTS = 3

UMAP_FROM = 50
"""Paintings from which on UMAP (McInnes et al. 2018), where it is installed, draws the map; else PCA does."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class MapPoint:
    """A picture at a place of the map, from 0 to 1 to the right and downwards."""

    x: float
    y: float
    picture: ShownPicture


@dataclass(frozen=True)
class MapArtist:
    """An artist on the map.

    Attributes:
        point: where it stands, with the painting that is nearest to the middle of its paintings.
        paintings: how many are described.
        nearest: slug and name of the artists whose paintings look most alike, the nearest first.
    """

    slug: str
    name: str
    point: MapPoint
    paintings: int
    nearest: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ArtistMap:
    """The map: its artists in the order of the gallery, some paintings, and the method that drew it."""

    artists: tuple[MapArtist, ...]
    paintings: tuple[MapPoint, ...]
    all_paintings: int
    method: str


def artist_map(pictures: DescribedPictures) -> ArtistMap | None:
    """The map of a gallery's artists; None where there are too few to draw one."""
    vectors, artist_of = pictures.painting_vectors.astype(np.float64), pictures.painting_artist
    numbers = sorted(set(artist_of.tolist()))
    if len(numbers) < FEWEST_ARTISTS or len(vectors) < FEWEST_PAINTINGS:
        return None
    members = [np.flatnonzero(artist_of == number) for number in numbers]
    method, flat = _flattened(vectors, members)
    even = evened(flat, flat)
    places = apart(np.stack([even[own].mean(axis=0) for own in members]))
    means = np.stack([vectors[own].mean(axis=0) for own in members])
    by_centrality = [
        own[np.argsort(-(vectors[own] @ mean), kind="stable")] for own, mean in zip(members, means, strict=True)
    ]
    near = _nearest_artists(means)
    named = [(pictures.artists[number].slug, pictures.artists[number].name) for number in numbers]
    artists = tuple(
        MapArtist(
            *named[at],
            _point(places[at], pictures.painting(int(by_centrality[at][0]))),
            len(members[at]),
            tuple(named[other] for other in near[at]),
        )
        for at in range(len(numbers))
    )
    inner = inside(even)
    shown = [_point(inner[number], pictures.painting(number)) for number in _shown(by_centrality)]
    return ArtistMap(artists, tuple(shown), len(vectors), method)


def _point(place: Points, picture: ShownPicture) -> MapPoint:
    return MapPoint(float(place[0]), float(place[1]), picture)


def _flattened(vectors: Points, members: Sequence[NDArray[np.int64]]) -> tuple[str, Points]:
    """The name of the method, and (N, 2)."""
    if len(vectors) >= UMAP_FROM and importlib.util.find_spec("umap") is not None:
        umap = importlib.import_module("umap")  # seconds, and not one of our dependencies

        reducer = umap.UMAP(n_neighbors=min(15, len(vectors) - 1), metric="cosine", random_state=0)
        return "UMAP", np.asarray(reducer.fit_transform(vectors), np.float64)
    weights = np.zeros(len(vectors))
    for own in members:
        weights[own] = 1 / len(own)
    return "PCA", principal_plane(vectors, weights / weights.sum())


def principal_plane(vectors: Points, weights: Points) -> Points:
    """(N, 2): the two principal components of (N, L), of which each row counts by its weight; signs are settled."""
    centred = vectors - weights @ vectors
    _, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
    plane = axes[:, :-3:-1]
    strongest = np.abs(plane).argmax(axis=0)
    flat: Points = centred @ (plane * np.sign(plane[strongest, [0, 1]]))
    return flat


def _nearest_artists(means: Points) -> list[list[int]]:
    means = means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-9)
    similarity = means @ means.T
    np.fill_diagonal(similarity, -np.inf)
    return [order[: min(NEAREST_ARTISTS, len(means) - 1)] for order in np.argsort(-similarity, kind="stable").tolist()]


def _shown(by_centrality: Sequence[NDArray[np.int64]]) -> list[int]:
    """The numbers of the paintings on the map: of each artist as many as of the others, as far as it has them."""
    each = max(1, MOST_PAINTINGS // len(by_centrality))
    return [number for own in by_centrality for number in own[:each].tolist()]
