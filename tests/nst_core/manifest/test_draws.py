"""Draws are even, and functions of their key alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nst_core.manifest.draws import divide, draw, uniform, weighted_choice


@given(st.integers(0, 30), st.integers(0, 30), st.integers(), st.text())
def test_drawn_indices_are_distinct_and_within_the_pool(count: int, pool: int, seed: int, key: str) -> None:
    indices = draw(count, pool, seed, key)
    assert len(indices) == len(set(indices)) == min(count, pool)
    assert all(0 <= index < pool for index in indices)


@given(st.integers(0, 30), st.integers(1, 30), st.integers())
def test_asking_for_more_adds_to_what_was_drawn(count: int, pool: int, seed: int) -> None:
    assert draw(count + 1, pool, seed)[:count] == draw(count, pool, seed)[:count]


def test_every_index_comes_up_about_equally_often_in_every_place() -> None:
    draws = [draw(3, 5, 0, f"content {i}") for i in range(5000)]
    for place in range(3):
        counts = Counter(indices[place] for indices in draws)
        assert set(counts) == set(range(5))
        assert all(abs(count - 1000) < 150 for count in counts.values())  # five standard deviations


def test_a_draw_is_pinned() -> None:
    """Whatever changes this literal moves the pairs of every user."""
    assert draw(4, 10, 7, "photo.jpg", "Claude Monet") == [1, 4, 6, 0]


def test_the_key_s_parts_are_told_apart() -> None:
    assert draw(8, 1000, "ab", "c") != draw(8, 1000, "a", "bc")


def test_names_that_are_no_text_can_be_keys() -> None:
    assert len(draw(1, 5, "caf\udce9.jpg", "\ud800")) == 1


shares = st.dictionaries(st.text(max_size=5), st.floats(0.01, 100), min_size=1, max_size=5)


@given(shares, st.integers(0, 100))
def test_the_order_in_which_shares_are_given_changes_nothing(parts: dict[str, float], key: int) -> None:
    turned = dict(reversed(parts.items()))
    items = [f"item {number}" for number in range(7)]
    assert weighted_choice(parts, key) == weighted_choice(turned, key)
    assert divide(items, parts, key) == divide(items[::-1], turned, key)


def test_fractions_are_even_and_below_one() -> None:
    found = [uniform("key", number) for number in range(4000)]
    assert all(0 <= number < 1 for number in found)
    assert all(abs(count - 400) < 100 for count in Counter(int(number * 10) for number in found).values())


def test_weights_say_how_often_each_is_drawn_and_zero_is_never() -> None:
    counts = Counter(weighted_choice({"a": 3.0, "never": 0.0, "b": 1.0}, number) for number in range(4000))
    assert counts.keys() == {"a", "b"}
    assert abs(counts["a"] - 3000) < 140


def test_shares_need_not_add_up_to_one() -> None:
    counts = Counter(weighted_choice({"train": 8, "val": 2}, number) for number in range(4000))
    assert abs(counts["val"] - 800) < 130
    assert [weighted_choice({"train": 0.8, "val": 0.2}, number) for number in range(50)] == [
        weighted_choice({"train": 80, "val": 20}, number) for number in range(50)
    ]


@given(st.integers(1, 40), shares, st.integers(0, 1000))
def test_divided_items_are_as_many_in_each_part_as_its_share_allows(
    count: int, parts: dict[str, float], key: int
) -> None:
    found = divide([f"item {number}" for number in range(count)], parts, key)
    counts, total = Counter(found.values()), sum(parts.values())
    assert len(found) == count
    assert all(abs(counts[name] - count * share / total) < 1 + 1e-6 for name, share in parts.items())


def test_a_single_item_goes_to_each_part_as_often_as_its_share_says() -> None:
    counts = Counter(divide(["one"], {"train": 0.8, "val": 0.2}, artist)["one"] for artist in range(2000))
    assert abs(counts["val"] - 400) < 90
