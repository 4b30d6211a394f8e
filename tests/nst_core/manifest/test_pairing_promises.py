"""What holds for every pairing, whatever its options: deterministic, apart from paths, stable, as it always was."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from planned import METHOD

from nst_core.config.fingerprint import fingerprints
from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.csv_writer import write_manifest
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.pairs import manifest_rows, read_pairs
from nst_core.sources.base import Catalogue, Item

LABELS, SPLITS = ("cat", "dog", None), ("train", None)
WORKS = [("A", "oil"), ("A", "oil, ink"), ("A", None), ("B", "ink"), ("C", "oil"), (None, "print"), ("B", "print, ink")]


def contents(count: int) -> Catalogue:
    return Catalogue.of(
        Item(f"photo {i:03d}.jpg", Path(f"{i}.jpg"), LABELS[i % 3], split=SPLITS[i % 2]) for i in range(count)
    )


def styles(rounds: int) -> Catalogue:
    every = [(number, *work) for number in range(rounds) for work in WORKS]
    return Catalogue.of(
        Item(f"{i:03d};{n}.jpg", Path(f"art/{i}.jpg"), artist=artist, genre=genre)
        for i, (n, artist, genre) in enumerate(every)
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


options = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["random", "random", "artist", "grid"]),
        "styles_per_content": st.integers(1, 9),
        "balance": st.sampled_from(["none", "artist", "genre"]),
        "weights": maybe(st.sampled_from([{"a": 3.0, "b": 0.0}, {"oil": 0.5, "ink": 0.0}, {"C": 0.1}])),
        "artists": maybe(st.just(["A", "b"])),
        "pools": maybe(st.sampled_from([{"cat": ["A", "print"]}, {"cat": ["ink"], "dog": ["oil", "C"]}])),
        "unstylized": st.sampled_from([0.0, 0.2, 0.9]),
        "splits": maybe(st.sampled_from([{"train": 0.7, "val": 0.3}, {"train": 3.0, "val": 1.0, "test": 1.0}])),
        "disjoint_styles": st.sampled_from([False, True, "stable"]),
        "conflict": st.booleans(),
        "blend": st.integers(1, 3),
        "strengths": maybe(st.sampled_from([[1.0, 0.5], [2.0]])),
        "replicates": st.integers(1, 2),
        "seed": st.integers(0, 3),
    }
)


def pairing_of(chosen: dict[str, Any]) -> Pairing:
    """The options that mean something together."""
    if chosen["strategy"] != "random" or chosen["balance"] == "none":
        chosen = {**chosen, "weights": None}
    if chosen["strategy"] == "grid":
        chosen = {**chosen, "blend": 1}
    return Pairing.model_validate({key: value for key, value in chosen.items() if value is not None})


def pairs_of(pairing: Pairing, given: Iterable[Item], works: Catalogue) -> list[Pair]:
    try:
        return list(draw_pairs(pairing, given, StyleSet(works), 24.0))
    except ConfigError:  # what cannot be followed is tested elsewhere
        reject()


@settings(max_examples=60, deadline=None)
@given(options, st.integers(0, 99))
def test_all_options_together_keep_every_promise(chosen: dict[str, Any], shuffling: int) -> None:
    pairing, photographs, works = pairing_of(chosen), contents(18), styles(3)
    pairs = pairs_of(pairing, photographs.items, works)
    names = [(p.content.id, tuple(s.item.id for s in p.styles), p.overrides, p.replicate) for p in pairs]

    assert len(set(names)) == len(names)
    assert {pair.content.id for pair in pairs} == {item.id for item in photographs.items}
    more = pairs_of(pairing, contents(20).items, works)
    assert [pair for pair in more if pair.content.id in photographs.by_id()] == pairs
    mixed = [list(photographs.items), list(works.items)]
    for items in mixed:
        random.Random(shuffling).shuffle(items)
    assert pairs_of(pairing, *(c if i else c.items for i, c in enumerate(map(Catalogue.of, mixed)))) == pairs  # type: ignore[arg-type]
    moved = Catalogue(tuple(replace(item, path=Path("/elsewhere") / item.path) for item in works.items))
    assert [
        (p.content.id, tuple(s.item.id for s in p.styles), p.overrides, p.replicate)
        for p in pairs_of(pairing, photographs.items, moved)
    ] == names
    if pairing.disjoint_styles:
        owners = {(share.item.id, pair.split) for pair in pairs for share in pair.styles}
        assert len({style for style, _ in owners}) == len(owners)


@settings(max_examples=20, deadline=None)
@given(options)
def test_every_pairing_round_trips_through_its_manifest(
    tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Any]
) -> None:
    photographs, works = contents(9), styles(3)
    pairs = pairs_of(pairing_of(chosen), photographs.items, works)
    path = tmp_path_factory.mktemp("pairs") / "manifest.csv"
    assert write_manifest(manifest_rows(pairs), path) == len(pairs)
    assert read_pairs(path, 99, photographs, StyleSet(works)) == pairs


@pytest.mark.parametrize(
    ("strategy", "balance", "count", "expected"),
    [
        ("random", "none", 3, "94b4c418cb472f4b"),
        ("random", "artist", 3, "3b7d45f33445b252"),
        ("random", "genre", 3, "0328bd5b8dd0d3fc"),
        ("random", "artist", 17, "f2bb58a69de70b3b"),
        ("artist", "none", 1, "e29cb9a29bc353b4"),
        ("grid", "none", 1, "1e99dcdfe25ededd"),
    ],
)
def test_a_pairing_of_the_first_version_draws_what_it_drew(
    strategy: str, balance: str, count: int, expected: str
) -> None:
    photographs = Catalogue.of(Item(f"photo-{i:04d}.jpg", Path("x"), label=f"class {i % 3}") for i in range(50))
    works = Catalogue.of(
        Item(f"{artist}/{i}.jpg", Path("x"), artist=artist, genre=("oil", "print")[i % 2])
        for artist, count in (("A", 5), ("B", 1), ("C", 12))
        for i in range(count)
    )
    pairing = Pairing.model_validate({"strategy": strategy, "balance": balance, "styles_per_content": count, "seed": 5})
    pairs = draw_pairs(pairing, photographs.items, StyleSet(works))
    text = "\n".join(f"{p.content.id} {p.styles[0].item.id} {p.artist} {p.label}" for p in pairs)
    assert sha256(text.encode()).hexdigest()[:16] == expected


def fingerprint(pairing: Pairing) -> str:
    return fingerprints(METHOD.method.resolve(), None, METHOD.output, pairing).run[:16]


def test_the_later_keys_at_their_defaults_leave_the_run_s_fingerprint_as_it_was() -> None:
    assert fingerprint(Pairing()) == "6f23b1f94e550b48"
    assert fingerprint(Pairing(unstylized=0, blend=1, replicates=1, pools=None)) == "6f23b1f94e550b48"
    one = Pairing(balance="artist", styles_per_content=3, seed=1, artists=["A"])
    assert fingerprint(one) == "93c91d9dbf59d88c"
    assert fingerprint(Pairing(strategy="grid")) == "c33d8d7ba5f010bc"
    assert fingerprint(Pairing(strategy="manifest", manifest=Path("x.csv"))) == "32ccfec543ec519c"


def test_any_other_value_of_any_key_changes_it() -> None:
    others: list[dict[str, Any]] = [{}, {"pools": {"cat": ["A"]}}, {"unstylized": 0.1}, {"splits": {"train": 1}}]
    others += [
        {"disjoint_styles": True},
        {"disjoint_styles": "stable"},
        {"conflict": True},
        {"blend": 2},
        {"strengths": [1]},
        {"replicates": 2},
        {"balance": "artist"},
    ]
    others += [{"balance": "artist", "weights": {"A": weight}} for weight in (1, 2)]
    assert len({fingerprint(Pairing.model_validate(other)) for other in others}) == len(others)
