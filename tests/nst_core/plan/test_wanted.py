"""What a run file asks for: licences and duplicates are left out as it says, and every pair still has its row."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import ConfigError, StrictInputs, UsageError
from nst_core.plan.new_part import check_strict
from nst_core.plan.wanted import open_sources, pair_sources, wanted_pairs

MakeImage = Callable[..., Path]

METADATA = "file_name,license\na.png,CC-BY-2.0\nb.png,CC-BY-NC-2.0\nc.png,CC-BY-NC-ND-2.0\nd.png,\n"


@pytest.fixture
def folder(tmp_path: Path, make_image: MakeImage) -> Path:
    """Four photographs under four licences, three paintings by one artist."""
    for number, name in enumerate("abcd"):
        make_image(tmp_path / "photos" / f"{name}.png", 40, 32, seed=number)
    (tmp_path / "photos" / "metadata.csv").write_text(METADATA)
    for number in range(3):
        make_image(tmp_path / "art" / "Monet" / f"{number}.png", 40, 40, seed=10 + number)
    return tmp_path


@pytest.fixture
def closed_folder(folder: Path, unlistable: Callable[[Path], Path]) -> Path:
    """A folder of photographs that nobody may list, root neither."""
    return unlistable(folder / "photos" / "closed")


def configured(
    folder: Path, content: dict[str, Any] | None = None, style: dict[str, Any] | None = None, **more: Any
) -> RunConfig:
    return parse_config(
        {
            "content": {"source": "folder", "path": str(folder / "photos"), **(content or {})},
            "style": {"source": "folder", "path": str(folder / "art"), **(style or {})},
            "pairing": "grid",
            "method": {"recipe": "wavelet", "size": 32},
            **more,
        }
    )


@pytest.mark.parametrize(
    ("terms", "left_out"),
    [
        ([], []),
        (["nc"], ["b.png", "c.png"]),
        (["nd"], ["c.png"]),
        (["nc", "nd", "unknown"], ["b.png", "c.png", "d.png"]),
        (["CC-BY-2.0"], ["a.png"]),
    ],
)
def test_contents_under_excluded_terms_keep_their_pairs_and_say_why(
    folder: Path, terms: list[str], left_out: list[str]
) -> None:
    wanted = wanted_pairs(configured(folder, content={"exclude_licenses": terms}), "f" * 64)
    assert len(wanted.pairs) == 12
    assert sorted(wanted.skipped_contents) == left_out
    for name, skip in wanted.skipped_contents.items():
        assert str(skip).startswith(f"{folder}/photos/{name}: its licence, ")
        assert str(skip).endswith(f" is left out by content.exclude_licenses ({', '.join(terms)})")


def test_an_unknown_term_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"content\.exclude_licenses.*did you mean"):
        open_sources(configured(folder, content={"exclude_licenses": ["unknwon"]}))


def test_styles_under_excluded_terms_are_not_drawn(folder: Path) -> None:
    (folder / "art" / "metadata.csv").write_text("file_name,license\nMonet/1.png,CC-BY-ND-4.0\n")
    config = configured(folder, style={"exclude_licenses": ["nd"]})
    drawn = {pair.styles[0].item.id for pair in pair_sources(config, open_sources(config))}
    assert drawn == {"Monet/0.png", "Monet/2.png"}


def test_a_manifest_that_names_an_excluded_style_gets_a_skipped_pair(folder: Path) -> None:
    (folder / "art" / "metadata.csv").write_text("file_name,license\nMonet/1.png,CC-BY-ND-4.0\n")
    (folder / "m.csv").write_text("content,style\na.png,Monet/1.png\na.png,Monet/2.png\n")
    pairing = {"strategy": "manifest", "manifest": str(folder / "m.csv")}
    wanted = wanted_pairs(configured(folder, style={"exclude_licenses": ["nd"]}, pairing=pairing), "f" * 64)
    assert len(wanted.pairs) == 2
    assert list(wanted.skipped_styles) == ["Monet/1.png"]
    assert sum(wanted.skip_reason(place) is not None for place in range(2)) == 1


def test_nothing_left_to_draw_is_told_before_anything_starts(folder: Path) -> None:
    with pytest.raises(ConfigError, match="No style is left to draw"):
        wanted_pairs(configured(folder, style={"exclude_licenses": ["unknown"]}), "f" * 64)


def test_copies_are_left_out_by_choice_and_name_the_one_that_is_used(folder: Path) -> None:
    shutil.copy(folder / "photos" / "a.png", folder / "photos" / "z.png")
    shutil.copy(folder / "art" / "Monet" / "0.png", folder / "art" / "Monet" / "9.png")
    both = wanted_pairs(configured(folder), "f" * 64)
    assert (len(both.pairs), dict(both.skipped_contents)) == (20, {})
    drop = {"duplicates": "drop_exact"}
    wanted = wanted_pairs(configured(folder, content=drop, style=drop), "f" * 64)
    assert len(wanted.pairs) == 15, "the copy of a style is not drawn, that of a content keeps its rows"
    (skip,) = wanted.skipped_contents.values()
    assert str(skip) == f"{folder}/photos/z.png: it is the same picture as a.png, which is used in its place"


@pytest.mark.parametrize("disjoint", [True, "stable"])
def test_no_two_splits_share_a_painting_not_even_by_a_copy(folder: Path, disjoint: object) -> None:
    for number in range(3):
        shutil.copy(folder / "art" / "Monet" / f"{number}.png", folder / "art" / "Monet" / f"copy{number}.png")
    pairing = {"strategy": "grid", "splits": {"train": 1, "val": 1}, "disjoint_styles": disjoint}
    config = configured(folder, pairing=pairing)
    pairs = list(pair_sources(config, open_sources(config)))
    seen = {
        split: {p.styles[0].item.path.read_bytes() for p in pairs if p.split == split} for split in ("train", "val")
    }
    assert all(seen.values())
    assert seen["train"].isdisjoint(seen["val"])


def test_fewer_styles_than_asked_for_are_told(folder: Path) -> None:
    few = configured(folder, pairing={"strategy": "random", "styles_per_content": 5})
    assert open_sources(few).notes == ("pairing.styles_per_content is 5, but 3 styles can be drawn: 3 each.",)
    assert open_sources(configured(folder, pairing={"strategy": "random", "styles_per_content": 3})).notes == ()


def test_splits_that_would_divide_nothing_are_refused(folder: Path) -> None:
    (folder / "photos" / "metadata.csv").write_text("file_name,split\na.png,val\nb.png,val\nc.png,val\nd.png,val\n")
    config = configured(folder, pairing={"strategy": "grid", "splits": {"train": 1, "val": 1}, "disjoint_styles": True})
    with pytest.raises(ConfigError, match=r"no content is in train: all contents have splits of their own \(val\)"):
        wanted_pairs(config, "f" * 64)


def test_what_a_source_leaves_out_is_counted_by_reason_and_told(folder: Path, closed_folder: Path) -> None:
    for name in ("notes.txt", "@eaDir/a.png", ".hidden.png"):
        (folder / "photos" / name).parent.mkdir(exist_ok=True)
        (folder / "photos" / name).write_bytes(b"x")
    sources = open_sources(configured(folder, content={"limit": 3}, style={"exclude": "2.png"}))
    assert sources.left_out == {
        "content": {"hidden": 1, "system": 1, "other kinds": 1, "limit": 1, "unreadable folders": 1},
        "style": {"exclude": 1},
    }
    assert sources.unreadable == (f"The folder {closed_folder} cannot be read: Permission denied.",)
    assert sources.notes == (
        "Left out of content: 1 hidden file, 1 file that systems keep for themselves (@eaDir 1), "
        "1 file of another kind (.txt 1), 1 image beyond content.limit, 1 folder that cannot be read.",
        f"The folder {closed_folder} cannot be read: Permission denied.",
        "Left out of style: 1 file by style.exclude.",
    )


def test_a_folder_that_cannot_be_read_is_a_bad_input_where_strict(folder: Path, closed_folder: Path) -> None:
    wanted = wanted_pairs(configured(folder), "f" * 64)
    assert len(wanted.pairs) == 12
    with pytest.raises(StrictInputs, match=rf"1 bad inputs, .*\n.*{closed_folder} cannot be read"):
        check_strict(wanted.unreadable)


def test_more_pairs_than_are_allowed_are_an_error_and_are_never_drawn(folder: Path) -> None:
    assert len(wanted_pairs(configured(folder), "m", most=12).pairs) == 12
    with pytest.raises(UsageError, match="more than 11 pairs"):
        wanted_pairs(configured(folder), "m", most=11)
    endless = {"strategy": "random", "replicates": 10**9}
    with pytest.raises(UsageError, match="more than 11 pairs"):
        wanted_pairs(configured(folder, pairing=endless), "m", most=11)
