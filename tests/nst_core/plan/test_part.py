"""A plan: pairs keep their identity for ever, and the grouping is a function of the pairs alone."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import METHOD, PRINTS, context, pair, plan, rows

from nst_core.engine.images.pixels import ImageLimits, working_size
from nst_core.errors import MissingImage, TruncatedImage
from nst_core.manifest.pairing import Pair, StyleShare
from nst_core.manifest.row import Overrides
from nst_core.plan.grouping import Grouping
from nst_core.plan.new_part import input_limits
from nst_core.plan.pair_table import PairTable, pair_id, tabulate_pairs
from nst_core.plan.part import plan_part
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.sources.base import Item

ONE = Pair(
    Item("photos/a.jpg", Path("x/a.jpg"), "cat"),
    (StyleShare(Item("Monet/1.jpg", Path("y/1.jpg")), 0.75), StyleShare(Item("Monet/2.jpg", Path("y/2.jpg")), 0.25)),
    "Claude Monet",
    "cat",
    "train",
    Overrides(style_weight=2.0, size=64),
)


NOTHING = Plan.of([])


def tabulated(pairs: list[Pair]) -> PairTable:
    return tabulate_pairs(pairs, PRINTS.method)


def test_a_pair_s_id_is_pinned() -> None:
    """Whatever changes this literal makes every image of every user anew."""
    assert pair_id(ONE, "f" * 64) == "516afb4ef09970d8"


@pytest.mark.parametrize(
    "changes",
    [
        {"content": replace(ONE.content, id="photos/b.jpg")},
        {"styles": ONE.styles[:1]},
        {"styles": ONE.styles[::-1]},
        {"styles": (replace(ONE.styles[0], share=0.5), ONE.styles[1])},
        {"styles": (StyleShare(replace(ONE.styles[0].item, id="Monet/3.jpg"), 0.75), ONE.styles[1])},
        {"artist": "Monet"},
        {"artist": None},
        {"label": None},
        {"label": "dog"},
        {"split": "val"},
        {"overrides": Overrides()},
        {"overrides": Overrides(style_weight=2.5, size=64)},
        {"overrides": Overrides(content_weight=2.0, size=64)},
        {"overrides": Overrides(style_weight=2.0, size=65)},
        {"overrides": Overrides(style_weight=2.0, size=64, seed=0)},
        {"overrides": Overrides(style_weight=2.0, size=64, strength=0.0)},
        {"replicate": 1},
    ],
    ids=str,
)
def test_a_pair_s_id_changes_with_each_ingredient(changes: dict[str, Any]) -> None:
    assert pair_id(replace(ONE, **changes), "f" * 64) != pair_id(ONE, "f" * 64)


def test_a_pair_s_id_changes_with_the_method() -> None:
    assert pair_id(ONE, "e" * 64) != pair_id(ONE, "f" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": replace(ONE.content, path=Path("/elsewhere/a.jpg"))},
        {"content": replace(ONE.content, license="CC0", source_url="https://example.org", label="dog", split="val")},
        {"styles": tuple(StyleShare(replace(s.item, path=Path("z"), genre="oil"), s.share) for s in ONE.styles)},
        {"extras": {"note": "for the show"}},
    ],
    ids=["path", "licence", "genre", "extras"],
)
def test_a_pair_s_id_changes_with_nothing_else(changes: dict[str, Any]) -> None:
    assert pair_id(replace(ONE, **changes), "f" * 64) == pair_id(ONE, "f" * 64)


def test_ids_are_distinct_and_16_hex_digits() -> None:
    ids = [pair_id(pair(f"{i}.jpg"), "f" * 64) for i in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(identity) == 16 and int(identity, 16) >= 0 for identity in ids)


def some_pairs(count: int = 24) -> list[Pair]:
    """Three artists, contents of three shapes."""
    return [
        pair(f"{'abc'[i % 3]}{i}.jpg", f"s{i % 2}.jpg", ("Monet", "Hokusai", None)[i % 7 % 3], label=f"c{i % 2}")
        for i in range(count)
    ]


SHAPES = {f"{'abc'[i % 3]}{i}": ((100, 80), (80, 100), (64, 64))[i % 3] for i in range(100)}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(1, 5), st.integers(1, 12))
def test_a_chunk_never_spans_two_artists_and_a_batch_never_two_shapes(count: int, batch: int, chunk: int) -> None:
    rows = plan(some_pairs(count), batch, max(batch, chunk), **SHAPES)
    assert len(rows) == count
    for _, members in itertools.groupby(sorted(rows, key=lambda r: r.chunk_id), key=lambda r: r.chunk_id):
        chunk_rows = list(members)
        assert len({row.artist_slug for row in chunk_rows}) == 1
        assert len(chunk_rows) <= max(batch, chunk)
        for number in {row.batch for row in chunk_rows}:
            batch_rows = [row for row in chunk_rows if row.batch == number]
            assert len({(row.width, row.height) for row in batch_rows}) == 1
            assert len(batch_rows) <= batch


def test_rows_of_a_chunk_and_of_a_batch_stand_together() -> None:
    rows = plan(some_pairs(), **SHAPES)
    places = [(row.chunk_id, row.batch) for row in rows]
    assert [key for key, _ in itertools.groupby(places)] == sorted(set(places))


def test_the_grouping_does_not_depend_on_the_order_of_the_pairs() -> None:
    pairs = some_pairs()
    expected = plan(pairs, **SHAPES)
    for seed in range(5):
        random.Random(seed).shuffle(pairs)
        assert plan(pairs, **SHAPES) == expected


def test_styles_are_neighbours_so_that_their_targets_are_reused() -> None:
    rows = plan([pair(f"{i}.jpg", f"s{i % 2}.jpg") for i in range(8)], batch=4, chunk=8)
    assert [len({row.style_ids for row in rows if row.batch == batch}) for batch in (0, 1)] == [1, 1]


def test_the_same_pair_twice_is_one_image() -> None:
    assert len(plan([pair(), pair()])) == 1


def test_a_later_part_adds_only_what_is_new_and_keeps_names() -> None:
    first = plan(some_pairs(10), **SHAPES)
    second = plan(some_pairs(24), number=1, earlier=first, **SHAPES)
    assert len(second) == 14
    assert not {row.pair_id for row in first} & {row.pair_id for row in second}
    assert not {row.chunk_id for row in first} & {row.chunk_id for row in second}
    assert {(row.artist, row.artist_slug) for row in second} == {(row.artist, row.artist_slug) for row in first}
    assert plan(some_pairs(24), number=2, earlier=[*first, *second], **SHAPES) == []


def test_slugs_of_earlier_parts_are_kept_and_new_collisions_told_apart() -> None:
    first = plan([pair(artist="claude-monet", label="Cat", split="Val")])
    second = plan([pair("b.jpg", artist="Claude Monet", label="cat!", split="val")], earlier=first, number=1)
    assert (first[0].artist_slug, first[0].label_slug, first[0].split_slug) == ("claude-monet", "cat", "val")
    assert second[0].artist_slug.startswith("claude-monet-")
    assert second[0].label_slug is not None
    assert second[0].label_slug.startswith("cat-")
    assert second[0].split_slug == "val"  # in another spelling


@pytest.mark.parametrize(
    ("split", "label", "folder"),
    [
        (None, None, "images"),
        ("train", None, "images/train"),
        (None, "Red Panda", "images/red-panda"),
        ("train", "Red Panda", "images/train/red-panda"),
        ("..", "../..", "images/unknown-*/unknown-*"),
        ("", "", "images"),
    ],
)
def test_an_image_lies_where_split_and_label_say(split: str | None, label: str | None, folder: str) -> None:
    (row,) = plan([pair("x/My Photo.jpg", "Monet/Water Lilies.jpg", split=split, label=label)])
    path = Path(row.file_name)
    assert path.parent.match(folder)
    assert len(path.parent.parts) == len(Path(folder).parts)
    assert path.name == f"my-photo--water-lilies--{row.pair_id[:8]}.jpg"


@pytest.mark.parametrize(
    "name", ["北斎.jpg", "🎨" * 50 + ".jpg", "x" * 200 + ".jpg", "..", "a\\b\\c.jpg", ".jpg", "a/.."]
)
def test_any_name_gives_a_file_name_that_every_file_system_takes(name: str) -> None:
    (row,) = plan([pair(name, name)])
    assert row.file_name.isascii()
    assert len(Path(row.file_name).name) <= 160
    assert ".." not in row.file_name.split("/")
    assert row.file_name.startswith("images/")


def test_a_file_name_that_is_taken_gets_the_whole_id() -> None:
    (taken,) = plan([pair()])
    other = replace(taken, pair_id="f" * 16)
    (row,) = plan([pair()], earlier=[other], number=1)
    assert row.file_name == f"images/a--1--{row.pair_id}.jpg"


def test_file_names_are_distinct() -> None:
    pairs = [pair(f"{folder}/a.jpg", f"{other}/1.jpg") for folder in range(20) for other in range(20)]
    assert len({row.file_name for row in plan(pairs)}) == 400


def test_bad_inputs_carry_class_and_message_and_stand_apart() -> None:
    pairs = [pair("a.jpg"), pair("b.jpg"), pair("c.jpg", "bad.jpg")]
    errors = {
        "b.jpg": MissingImage("photos/b.jpg", "there is no such file"),
        "bad.jpg": TruncatedImage("art/bad.jpg", "the file ends before the image does"),
    }
    rows = {row.content_id: row for row in plan(pairs, errors=errors, chunk=8)}
    assert (rows["a.jpg"].error_class, rows["a.jpg"].error_message) == (None, None)
    assert rows["b.jpg"].error_class == "MissingImage"
    assert rows["b.jpg"].error_message == "photos/b.jpg: there is no such file"
    assert (rows["b.jpg"].width, rows["b.jpg"].content_sha256, rows["b.jpg"].content_bytes) == (0, None, 5)
    assert rows["c.jpg"].error_class == "TruncatedImage"
    assert rows["c.jpg"].style_sha256 == (None,)
    assert rows["a.jpg"].batch not in {rows["b.jpg"].batch, rows["c.jpg"].batch}


def test_a_content_that_the_method_cannot_look_at_is_too_small() -> None:
    (row,) = plan([pair("thin.jpg")], thin=(640, 100))
    assert (row.width, row.height) == (64, 10)
    assert row.error_class == "ImageTooSmall"
    assert row.error_message == (
        "photos/thin.jpg: at size 64 it is 64 × 10 pixels, but this method needs 16 on the shorter side"
    )


@pytest.mark.parametrize("size", [(641, 427), (427, 641), (500, 500), (50, 30), (64, 48), (1000, 999)])
def test_sizes_are_exact_and_follow_the_row(size: tuple[int, int]) -> None:
    pairs = [pair("p.jpg"), pair("p.jpg", overrides=Overrides(size=32))]
    rows = sorted(plan(pairs, p=size), key=lambda row: -row.size)
    assert [row.size for row in rows] == [64, 32]
    assert [(row.width, row.height) for row in rows] == [working_size(*size, 64), working_size(*size, 32)]


def test_a_batch_holds_what_has_one_shape_once_it_is_padded() -> None:
    pairs = [pair(f"{name}.jpg") for name in "abcd"]
    sizes = {"a": (640, 480), "b": (640, 470), "c": (480, 640), "d": (640, 400)}  # 64 × 48, 47, 40; and 48 × 64

    def batches(bucket: int) -> list[set[str]]:
        recipe = replace(METHOD.method.resolve(), bucket=bucket)
        planned_rows = rows(
            plan_part(0, tabulated(pairs), NOTHING, replace(context(pairs, **sizes), recipe=recipe), Grouping(4, 4))
        )
        keys = sorted({(row.chunk_id, row.batch) for row in planned_rows})
        return [{row.content_id[0] for row in planned_rows if (row.chunk_id, row.batch) == key} for key in keys]

    assert batches(1) == [{"c"}, {"d"}, {"b"}, {"a"}]
    assert batches(16) == [{"c"}, {"a", "b", "d"}]


def test_seeds_derive_from_the_id_unless_the_row_has_its_own() -> None:
    own, derived = plan([pair(), pair(overrides=Overrides(seed=7))])
    own, derived = (own, derived) if own.seed == 7 else (derived, own)
    assert own.seed == 7
    assert derived.seed == int(derived.pair_id, 16) >> 1
    assert 0 <= derived.seed < 2**63


def test_what_is_known_of_the_inputs_stands_in_the_row() -> None:
    content = Item("a.jpg", Path("a.jpg"), license="CC0", source_url="https://example.org/a")
    works = (Item("x", Path("x"), genre="oil", license="PD"), Item("y", Path("y"), license="PD"), Item("z", Path("z")))
    (row,) = plan([Pair(content, tuple(StyleShare(work, 0.5) for work in works), None, extras={"note": "ü"})])
    assert (row.content_license, row.content_source_url, row.style_license) == ("CC0", "https://example.org/a", "PD")
    assert (row.genre, row.extras) == ("oil", {"note": "ü"})
    assert (row.artist, row.artist_slug) == (None, "unknown")
    assert row.style_path == "x@0.5;y@0.5;z@0.5"
    assert (row.fingerprint, row.method_fingerprint) == (PRINTS.run, PRINTS.method)


def test_no_secret_of_an_address_gets_into_a_row() -> None:
    content = Item(
        "a.jpg",
        Path("a.jpg"),
        source_url="https://me:HUSH@e.org/a?sig=HUSH",
        extras=(("page", "https://e.org/?t=HUSH"),),
    )
    (row,) = plan(
        [Pair(content, (StyleShare(Item("x", Path("x"))),), None, extras={"note": "see https://e.org/#HUSH"})]
    )
    assert row.content_source_url == "https://***@e.org/a?sig=***"
    assert row.extras == {"page": "https://e.org/?t=***", "note": "see https://e.org/#***"}


def test_each_file_is_inspected_once_with_the_limits_of_its_role() -> None:
    both = pair("same.jpg")
    both = replace(both, styles=(StyleShare(both.content), StyleShare(Item("s", Path("s")))))
    content, style = ImageLimits(1, 1), ImageLimits(2, 2)
    assert input_limits(tabulated([both, both]), content, style) == {Path("photos/same.jpg"): content, Path("s"): style}


def test_the_extension_is_that_of_the_output_format() -> None:
    pairs = [pair()]
    (row,) = rows(plan_part(0, tabulated(pairs), NOTHING, replace(context(pairs), extension="png"), Grouping(1, 1)))
    assert row.file_name.endswith(".png")
    assert METHOD.output.format == "jpeg"


def test_a_row_is_one_value() -> None:
    assert plan([pair()]) == plan([pair()])
    assert isinstance(plan([pair()])[0], PlannedPair)
