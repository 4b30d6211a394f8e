"""Tables of pairs: their ids are hashes of what identifies them, for any text; what pairs share is kept once."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planned import pair

from nst_core.config.fingerprint import canonical_hash
from nst_core.manifest.pairing import Pair, StyleShare
from nst_core.manifest.row import Overrides
from nst_core.plan.pair_table import id_numbers, id_text, pair_id, tabulate_pairs
from nst_core.sources.base import Item

METHOD = "f" * 64

texts = st.text(st.characters(), max_size=8)  # surrogates, quotes and control characters among them
weights = st.none() | st.floats(0, 1e12)
shares = st.builds(
    lambda name, share: StyleShare(Item(name, Path("x")), share), texts, st.just(1.0) | st.floats(1e-9, 1e9)
)
pairs = st.builds(
    lambda content, styles, artist, label, split, own, replicate: Pair(
        Item(content, Path("x")), tuple(styles), artist, label, split, own, replicate
    ),
    texts,
    st.lists(shares, max_size=3),
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.builds(
        Overrides,
        weights,
        weights,
        st.none() | st.integers(16, 65500),
        st.none() | st.integers(0, 2**63 - 1),
        st.none() | st.floats(0, 1),
    ),
    st.integers(0, 2**31 - 1),
)
ODD = 'a"b\\c\n\x00\x7f\u2028\ud800é🎨'


def identity(pair: Pair, method: str) -> dict[str, Any]:
    """Everything that a pair's id is a hash of."""
    return {
        "version": 1,
        "content": pair.content.id,
        "styles": [[style.item.id, style.share] for style in pair.styles],
        "artist": pair.artist,
        "label": pair.label,
        "split": pair.split,
        "overrides": {k: v for k, v in asdict(pair.overrides).items() if k != "strength" or v is not None},
        "replicate": pair.replicate,
        "method": method,
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(pairs, max_size=6), texts)
@example([pair(ODD, ODD, ODD, label=ODD, split=ODD)], ODD)
@example([pair(label=""), pair(split=""), pair(artist=""), pair()], METHOD)
def test_ids_are_hashes_of_canonical_json_whatever_the_texts(drawn: list[Pair], method: str) -> None:
    pairs = tabulate_pairs(drawn, method)
    expected = {canonical_hash(identity(one, method))[:16]: one for one in reversed(drawn)}
    assert list(map(id_text, pairs.ids.tolist())) == sorted(expected)
    for place, name in enumerate(sorted(expected)):
        one, setting = expected[name], pairs.settings[pairs.setting[place]]
        combination = pairs.combinations[pairs.combination[place]]
        assert pairs.contents[pairs.content[place]].id == one.content.id
        assert (combination.styles, combination.artist) == (one.styles, one.artist)
        assert (setting.label, setting.split, setting.overrides, setting.replicate) == (
            one.label,
            one.split,
            one.overrides,
            one.replicate,
        )


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_ids_as_numbers_and_as_text_are_inverse(numbers: list[int]) -> None:
    assert id_numbers(map(id_text, numbers)).tolist() == numbers
    assert all(len(id_text(number)) == 16 for number in numbers)


def test_pairs_of_one_id_are_one_pair_the_first() -> None:
    pairs = tabulate_pairs([pair(extras={"note": "first"}), pair("b.jpg"), pair(extras={"note": "second"})], METHOD)
    assert len(pairs) == 2
    place = pairs.ids.tolist().index(int(pair_id(pair(), METHOD), 16))
    assert pairs.settings[pairs.setting[place]].extras == {"note": "first"}


def test_what_many_pairs_share_is_kept_once() -> None:
    contents = [Item(f"{i}.jpg", Path("x")) for i in range(30)]
    styles = [(StyleShare(Item(f"{i}.jpg", Path("y"))),) for i in range(5)]
    pairs = tabulate_pairs((Pair(c, s, "A", replicate=r) for c in contents for s in styles for r in range(2)), METHOD)
    assert (len(pairs), len(pairs.contents), len(pairs.combinations), len(pairs.settings)) == (300, 30, 5, 2)


def test_the_order_of_the_pairs_does_not_matter_to_ids() -> None:
    drawn = [pair(f"{i}.jpg", f"{i % 7}.jpg") for i in range(200)]
    expected = tabulate_pairs(drawn, METHOD).ids.tolist()
    random.Random(3).shuffle(drawn)
    assert tabulate_pairs(drawn, METHOD).ids.tolist() == expected == sorted(expected)


def test_pairs_made_on_the_fly_are_never_mistaken_for_one_another() -> None:
    """Objects that are gone give their `id()` to later ones."""
    pairs = tabulate_pairs((replace(pair(f"{i}.jpg", f"{i}.jpg"), artist=str(i)) for i in range(500)), METHOD)
    expected = sorted(pair_id(pair(f"{i}.jpg", f"{i}.jpg", str(i)), METHOD) for i in range(500))
    assert list(map(id_text, pairs.ids.tolist())) == expected


def test_an_empty_draft_is_a_draft() -> None:
    pairs = tabulate_pairs([], METHOD)
    assert len(pairs) == len(pairs.contents) == 0
    assert pairs.ids.dtype == np.dtype(np.uint64)
    assert len(pairs.without(pairs.ids)) == 0


def test_without_leaves_the_others_as_they_are() -> None:
    pairs = tabulate_pairs([pair(f"{i}.jpg") for i in range(9)], METHOD)
    left = pairs.without(pairs.ids[::2])
    assert left.ids.tolist() == pairs.ids[1::2].tolist()
    assert [left.contents[place].id for place in left.content] == [
        pairs.contents[place].id for place in pairs.content[1::2]
    ]
    assert len(pairs.without(id_numbers([]))) == 9
