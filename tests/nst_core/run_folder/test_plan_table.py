"""Plans as tables: what planning in columns gives is what planning row by row gave, and every row can be had back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planned import METHOD, PRINTS, context, pair, plan, success
from planned import rows as rows_of

from nst_core.errors import DuplicateImage, ExcludedLicense, InputError, MissingImage, SkippedInput, TruncatedImage
from nst_core.manifest.pairing import Pair, StyleShare, unstylized_pair
from nst_core.manifest.row import Overrides
from nst_core.plan.grouping import Grouping
from nst_core.plan.pair_table import tabulate_pairs
from nst_core.plan.part import PlanPart, plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.shapes import PlanContext
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import (
    DICTIONARY_COLUMNS,
    LATER_COLUMNS,
    PLAN_SCHEMA,
    Plan,
    PlannedPair,
    concat_plans,
    plan_columns,
)
from nst_core.run_folder.results import write_results
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import Input

NOTHING = Plan.of([])


def part_of(pairs: list[Pair], known: PlanContext | None = None, earlier: Plan = NOTHING) -> PlanPart:
    return plan_part(0, tabulate_pairs(pairs, PRINTS.method), earlier, known or context(pairs), Grouping(2, 4))


class TestAgainstTheFirstVersion:
    """Ten thousand pairs of all kinds, planned by the code that went row by row: the digest is what it gave."""

    def pairs(self) -> Iterator[Pair]:
        contents = [Item(f"ph otö/{i}.jpg", Path(f"photos/{i}.jpg"), license=("CC0", None)[i % 2]) for i in range(500)]
        styles = [Item(f"{i % 7}/{i}.jpg", Path(f"art/{i}.jpg"), genre=("oil", None)[i % 2]) for i in range(20)]
        for i in range(10_000):
            own = Overrides(size=(None, 32, 48)[i % 3], seed=(None, None, 7)[i % 11 % 3])
            artist = ("Claude Monet", "claude-monet", None)[i % 13 % 3]
            label, split = ("Cat", "dog", None)[i % 3], (None, "val")[i % 2]
            yield Pair(contents[i % 500], (StyleShare(styles[i // 500]),), artist, label, split, own)

    def known(self, pairs: list[Pair]) -> PlanContext:
        inputs = {}
        for path in {p.content.path for p in pairs} | {s.item.path for p in pairs for s in p.styles}:
            number, shapes = int(path.stem), ((100, 80), (480, 640), (500, 500), (640, 100))
            digest = sha256(str(path).encode()).hexdigest()
            inputs[path] = Input(path, *shapes[number % 4], digest, 1000 + number, number)
            if number % 19 == 18:
                error = MissingImage(path, "there is no such file")
                inputs[path] = Input(path, size_bytes=5, mtime_ns=7, error=error)
        return PlanContext(METHOD.method.resolve(), PRINTS, 16, 16, "jpg", inputs)

    def test_every_cell_of_every_row_is_the_same(self) -> None:
        pairs = list(self.pairs())
        known = self.known(pairs)
        rows = rows_of(plan_part(0, tabulate_pairs(pairs, PRINTS.method), NOTHING, known, Grouping(4, 64)))
        assert len(rows) == 10_000
        assert (rows[5000].pair_id, rows[5000].chunk_id) == ("a44ea4794d285c33", "00000-00079")
        cells = [{name: value for name, value in asdict(row).items() if name not in LATER_COLUMNS} for row in rows]
        text = "\n".join(json.dumps(row, sort_keys=True) for row in cells)
        digest = "c42d709bdff20a13eb29ef423013d65111e8b4e9a19da17ccbc96a8a7ac877b7"
        assert sha256(text.encode()).hexdigest() == digest


ALL_KINDS = [
    *(pair(f"{i}.jpg", f"{i % 3}.jpg", ("Monet", None)[i % 2], label=("cat", None)[i % 2]) for i in range(11)),
    Pair(Item("b", Path("b")), tuple(StyleShare(Item(n, Path(n)), 0.5) for n in "xy"), "Monet", extras={"note": "ü"}),
    unstylized_pair(Item("plain.jpg", Path("plain.jpg"), "cat"), "train"),
]


class TestPlan:
    def test_a_plan_through_parquet_has_the_same_rows(self, tmp_path: Path) -> None:
        part, folder = part_of(ALL_KINDS), RunFolder(tmp_path)
        folder.append_plan(0, part_tables(part))
        again = folder.read_plan()
        assert list(again) == rows_of(part) == list(Plan.of(again))
        assert len(again) == len(part) == 13

    def test_parts_of_before_there_was_a_column_are_read_beside_newer_ones(self, tmp_path: Path) -> None:
        folder, tables = RunFolder(tmp_path), list(part_tables(part_of(ALL_KINDS)))
        folder.append_plan(0, tables)
        folder.append_plan(1, tables)
        file = folder.plan_files()[0]
        pq.write_table(tables[0].drop_columns(list(LATER_COLUMNS)), file)
        assert [row.strength for row in folder.read_plan()] == [None] * 26
        assert plan_columns(file, ["strength", "pair_id"]).column_names == ["strength", "pair_id"]

    def test_texts_that_rows_share_are_read_as_dictionaries(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        folder.append_plan(0, part_tables(part_of(ALL_KINDS)))
        types = {field.name: field.type for field in folder.read_plan().table.schema}
        for name in DICTIONARY_COLUMNS:
            column, _, inner = name.partition(".")
            assert pa.types.is_dictionary(types[column].value_type if inner else types[column]), name

    def test_parts_are_read_one_after_the_other(self, tmp_path: Path) -> None:
        folder, first = RunFolder(tmp_path), part_of(ALL_KINDS[:7])
        folder.append_plan(0, part_tables(first))
        second = plan_part(
            1, tabulate_pairs(ALL_KINDS, PRINTS.method), folder.read_plan(), context(ALL_KINDS), Grouping(2, 4)
        )
        folder.append_plan(1, part_tables(second))
        assert list(folder.read_plan()) == [*rows_of(first), *rows_of(second)]
        assert dict(folder.read_plan().distinct("artist", "artist_slug")) == {
            "Monet": "monet", None: second.names.artists[None], "unstylized": "unstylized"
        }  # fmt: skip
        codes, names = folder.read_plan().codes("label")
        assert [names[code] if code >= 0 else None for code in codes] == [
            row.label for row in [*rows_of(first), *rows_of(second)]
        ]

    @pytest.mark.parametrize("place", [slice(2, 5), slice(None), slice(3, None, 2), slice(None, None, -1), slice(5, 2),
                                       slice(5, 2, 3), slice(-3, None), slice(0, 99)], ids=str)  # fmt: skip
    def test_a_slice_is_a_plan_of_those_rows(self, place: slice) -> None:
        rows = rows_of(part_of(ALL_KINDS))
        found = Plan.of(rows)[place]
        assert isinstance(found, Plan)
        assert list(found) == rows[place]

    def test_rows_stand_at_their_places_and_no_others(self) -> None:
        rows = rows_of(part_of(ALL_KINDS))
        whole = Plan.of(rows)
        assert [whole[i] for i in (0, 5, -1)] == [rows[0], rows[5], rows[-1]]
        for outside in (13, -14):
            with pytest.raises(IndexError):
                whole[outside]

    def test_rows_are_taken_by_place_or_by_mask(self) -> None:
        rows = rows_of(part_of(ALL_KINDS))
        assert list(Plan.of(rows).take(np.array([3, 1]))) == [rows[3], rows[1]]
        assert list(Plan.of(rows).take(np.arange(13) < 2)) == rows[:2]

    def test_an_empty_plan_answers_everything(self, tmp_path: Path) -> None:
        part, folder = part_of([]), RunFolder(tmp_path)
        assert (len(part), part.chunks, rows_of(part), list(part_tables(part)), part.errors()) == (0, 0, [], [], [])
        folder.append_plan(0, part_tables(part))
        for empty in (concat_plans([]), Plan.of([]), folder.read_plan(), Plan.of(rows_of(part_of(ALL_KINDS)))[3:3]):
            assert not [*empty, *empty.column("pair_id"), *empty.errors(), *empty.distinct("artist", "label")]
            assert [len(part) for part in empty.codes("label")] in ([0, 0], [0, 1])
            assert len(empty.numbers("width")) == len(empty[1:]) == len(empty.take(np.zeros(0, bool))) == 0
            assert empty.table.schema.names == PLAN_SCHEMA.names


def row_with(contents: SkippedInput | None, styles: SkippedInput | None, narrow: bool, bad: bool) -> PlannedPair:
    """The row of a pair of which these images are left out, that may be too narrow, and whose style may be bad."""
    pairs = [pair("a.jpg", "s.jpg")]
    errors: dict[str, InputError] = {"s.jpg": TruncatedImage("s.jpg", "it is cut")} if bad else {}
    known = replace(
        context(pairs, errors, a=(640, 20) if narrow else (100, 80)),
        skipped_contents={"a.jpg": contents} if contents else {},
        skipped_styles={"s.jpg": styles} if styles else {},
    )
    (row,) = rows_of(part_of(pairs, known))
    return row


EXCLUDED, DUPLICATE = ExcludedLicense("a.jpg", "its licence"), DuplicateImage("s.jpg", "the same as b.jpg")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (row_with(EXCLUDED, DUPLICATE, True, True), "ExcludedLicense"),
        (row_with(None, DUPLICATE, True, True), "DuplicateImage"),
        (row_with(None, None, True, True), "TruncatedImage"),
        (row_with(None, None, True, False), "ImageTooSmall"),
        (row_with(None, None, False, False), None),
    ],
    ids=lambda value: str(getattr(value, "error_class", "")),
)
def test_left_out_on_purpose_counts_before_unusable_and_that_before_too_narrow(
    row: PlannedPair, error: str | None
) -> None:
    assert row.error_class == error


def test_a_bad_content_counts_before_a_bad_style() -> None:
    errors: dict[str, InputError] = {name: MissingImage(name, f"{name} went") for name in ("a.jpg", "s.jpg")}
    (row,) = plan([pair("a.jpg", "s.jpg")], errors=errors)
    assert row.error_message == "a.jpg: a.jpg went"


def test_what_is_left_out_is_no_error_but_says_why_in_its_row() -> None:
    pairs = [pair("a.jpg"), pair("b.jpg", "gone.jpg")]
    known = context(pairs, {"gone.jpg": MissingImage("gone.jpg", "there is no such file")})
    part = part_of(pairs, replace(known, skipped_contents={"a.jpg": EXCLUDED}))
    rows = {row.content_id: row for row in rows_of(part)}
    assert (rows["a.jpg"].error_class, rows["a.jpg"].error_message) == ("ExcludedLicense", "a.jpg: its licence")
    assert part.errors() == Plan.of(rows_of(part)).errors() == ["gone.jpg: there is no such file"]


def test_a_content_that_stays_unstylized_is_a_row_without_styles_however_narrow() -> None:
    item = Item("thin.jpg", Path("thin.jpg"), "cat", split="val", license="CC0")
    (row,) = plan([unstylized_pair(item, "val")], thin=(640, 20))
    assert (row.style_ids, row.style_paths, row.style_shares, row.style_sha256, row.style_path) == ((), (), (), (), "")
    assert (row.artist, row.artist_slug, row.genre, row.style_license) == ("unstylized", "unstylized", None, None)
    assert row.file_name == f"images/val/cat/thin--unstylized--{row.pair_id[:8]}.jpg"
    assert (row.error_class, row.width, row.height) == (None, 64, 2)


def test_further_columns_of_a_content_come_under_the_pair_s_own_and_reach_the_results(tmp_path: Path) -> None:
    content = Item("a.jpg", Path("a.jpg"), extras=(("camera", "old"), ("note", "of the source")))
    (row,) = plan([replace(pair(), content=content, extras={"note": "of the row"})])
    assert dict(row.extras) == {"camera": "old", "note": "of the row"}
    write_results([success(row)], tmp_path / "part.parquet")
    table = pq.read_table(tmp_path / "part.parquet")
    assert (table["x_camera"].to_pylist(), table["x_note"].to_pylist()) == (["old"], ["of the row"])


def test_file_names_that_are_taken_by_an_earlier_part_are_told_apart_by_whole_ids() -> None:
    rows = rows_of(part_of(ALL_KINDS[:4]))
    earlier = Plan.of(replace(row, pair_id=f"{i:016x}") for i, row in enumerate(rows))
    again = rows_of(part_of(ALL_KINDS[:4], earlier=earlier))
    assert {row.file_name for row in again} == {
        row.file_name.replace(f"{row.pair_id[:8]}.", f"{row.pair_id}.") for row in rows
    }


def test_two_pairs_of_one_part_whose_ids_begin_alike_have_two_files() -> None:
    rows = plan([pair(replicate=number) for number in (63_635, 55_323)])  # found by trying
    assert rows[0].pair_id[:8] == rows[1].pair_id[:8] == "039debf2"
    assert {row.file_name for row in rows} == {
        "images/a--1--039debf2.jpg", f"images/a--1--{max(row.pair_id for row in rows)}.jpg"
    }  # fmt: skip
