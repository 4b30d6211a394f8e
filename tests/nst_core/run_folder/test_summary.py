"""The summary counts what the results say, and names every bad input once."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planned import pair, plan, success

from nst_core.manifest.pairing import Pair, StyleShare
from nst_core.run_folder.card import write_card
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.results import Result, chunk_file, unfinished_result, write_results
from nst_core.run_folder.summary import summarize, write_summary
from nst_core.sources.base import Item


def write(folder: Path, *results: Result) -> None:
    """All results in files of their own."""
    for result in results:
        write_results([result], chunk_file(folder, "monet", result.chunk_id + result.pair_id))


def lost(row: PlannedPair, message: str, error_class: str = "TruncatedImage") -> Result:
    return unfinished_result(row, "quarantined", 1, error_class, message)


def quarantine(folder: Path, rows: list[PlannedPair]) -> list[dict[str, str]]:
    write_summary(folder, summarize(folder, Plan.of(rows)))
    with (folder / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_counts_are_those_of_the_planned_pairs(tmp_path: Path) -> None:
    rows = plan([pair(f"{i}.jpg", artist="Monet" if i % 2 else None) for i in range(7)], chunk=8)
    done, gpu, failed, bad, skipped, *_ = rows
    write(
        tmp_path,
        success(done, seconds=2.0),
        success(gpu, seconds=1800.0, device="cuda:0"),
        unfinished_result(failed, "failed", 3, "OutOfMemory", "no memory"),
        lost(bad, f"{bad.content_path}: cut"),
        unfinished_result(skipped, "skipped", 0, "NoDerivatives", "its licence forbids it"),
        replace(success(done), pair_id="of another plan"),
    )
    summary = summarize(tmp_path, Plan.of(rows), made=2, seconds=4.0)
    counts = ("planned", "success", "failed", "quarantined", "skipped", "missing")
    assert [getattr(summary, name) for name in counts] == [7, 2, 1, 1, 1, 2]
    assert (summary.seconds, summary.images_per_second) == (4.0, 0.5)
    assert (summary.compute_seconds, summary.gpu_hours) == (1802.0, 0.5)
    assert summary.errors == {"OutOfMemory": 1, "TruncatedImage": 1}
    assert sum(summary.by_artist.values()) == 2
    assert set(summary.by_artist) == {done.artist or "unknown", gpu.artist or "unknown"}
    assert not summary.all_succeeded


def test_all_succeeded_means_every_planned_pair(tmp_path: Path) -> None:
    one, two = rows = plan([pair("a.jpg"), pair("b.jpg")])
    write(tmp_path, success(one))
    assert not summarize(tmp_path, Plan.of(rows)).all_succeeded
    write(tmp_path, success(two))
    assert summarize(tmp_path, Plan.of(rows)).all_succeeded


def test_a_damaged_results_file_counts_as_missing(tmp_path: Path) -> None:
    rows = plan([pair()])
    write(tmp_path, success(rows[0]))
    next(tmp_path.rglob("*.parquet")).write_bytes(b"PAR1")
    assert summarize(tmp_path, Plan.of(rows)).missing == 1


def test_every_bad_input_has_one_row_with_the_pairs_it_took_down_and_its_role(tmp_path: Path) -> None:
    rows = plan([pair(f"{i}.jpg", f"Monet/{j}.jpg") for i in range(3) for j in range(3)])
    for row in rows:
        if row.content_id == "0.jpg":
            write(tmp_path, lost(row, f"{row.content_path}: the file ends before the image does"))
        elif row.style_ids == ("Monet/2.jpg",):
            write(tmp_path, lost(row, f"{row.style_paths[0]}: there is no such file", "MissingImage"))
        else:
            write(tmp_path, success(row))
    assert quarantine(tmp_path, rows) == [
        {
            "path": "art/Monet/2.jpg",
            "role": "style",
            "error_class": "MissingImage",
            "reason": "there is no such file",
            "pairs": "2",
        },
        {
            "path": "photos/0.jpg",
            "role": "content",
            "error_class": "TruncatedImage",
            "reason": "the file ends before the image does",
            "pairs": "3",
        },
    ]


def test_an_input_that_is_bad_in_two_ways_still_has_one_row(tmp_path: Path) -> None:
    rows = plan([pair("a.jpg"), pair("a.jpg", "Monet/2.jpg")])
    write(tmp_path, *(lost(row, f"photos/a.jpg: at size {i} it is too small") for i, row in enumerate(rows)))
    (entry,) = quarantine(tmp_path, rows)
    assert (entry["path"], entry["pairs"]) == ("photos/a.jpg", "2")


@pytest.mark.parametrize(
    "name", ["a;b.jpg", "img@2.jpg", "img@2", "x@half", "a@0.5;b@x", "a: b.jpg", "a, 'b' \"c\".jpg"]
)
@pytest.mark.parametrize("blend", [False, True])
def test_a_bad_style_is_named_whatever_its_name(tmp_path: Path, name: str, blend: bool) -> None:
    style = (StyleShare(Item(name, Path("art") / name), 0.5),)
    rows = plan([replace(pair(), styles=(*pair().styles, *style) if blend else style)])
    write(tmp_path, lost(rows[0], f"art/{name}: the file is empty (0 bytes)", "EmptyImage"))
    (entry,) = quarantine(tmp_path, rows)
    assert (entry["path"], entry["role"], entry["reason"]) == (f"art/{name}", "style", "the file is empty (0 bytes)")


def test_a_bad_style_is_named_also_after_the_dataset_moved(tmp_path: Path) -> None:
    blend = tuple(StyleShare(Item(f"{name}.jpg", Path(f"art/{name}.jpg")), 0.5) for name in "ab")
    (row,) = plan([replace(pair(), styles=blend)])
    write(tmp_path, lost(row, "art/b.jpg: cut"))
    moved = replace(row, content_path="new/a.jpg", style_paths=("new/a.jpg", "new/b.jpg"))
    (entry,) = quarantine(tmp_path, [moved])
    assert (entry["path"], entry["role"]) == ("art/b.jpg", "style")


def test_without_bad_inputs_the_quarantine_has_a_header_only(tmp_path: Path) -> None:
    assert quarantine(tmp_path, []) == []
    assert (tmp_path / "quarantine.csv").read_text() == "path,role,error_class,reason,pairs\n"


def test_summary_json_holds_the_counts(tmp_path: Path) -> None:
    rows = plan([pair(artist="北斎")])
    write(tmp_path, success(rows[0]))
    write_summary(tmp_path, summarize(tmp_path, Plan.of(rows)))
    data = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (data["planned"], data["success"], data["by_artist"]) == (1, 1, {"北斎": 1})
    assert data["seconds"] is data["images_per_second"] is None


def test_files_that_say_the_same_are_left_untouched(tmp_path: Path) -> None:
    rows = plan([pair()])
    write(tmp_path, success(rows[0]))

    def states() -> list[int]:
        write_summary(tmp_path, summarize(tmp_path, Plan.of(rows)))
        write_card(tmp_path, summarize(tmp_path, Plan.of(rows)), {})
        return [(tmp_path / name).stat().st_ino for name in ("summary.json", "quarantine.csv", "README.md")]

    assert states() == states()


def licensed(name: str, content_license: str | None, style_license: str | None, url: str | None) -> Pair:
    content = Item(name, Path(name), license=content_license, source_url=url)
    return Pair(content, (StyleShare(Item("s", Path("s"), license=style_license)),), "Monet")


def test_the_card_names_licences_and_sources(tmp_path: Path) -> None:
    rows = plan(
        [
            licensed("a", "CC BY 2.0", "CC0-1.0", "https://example.org/a"),
            licensed("b", "CC BY 2.0", None, "https://example.org/b"),
            licensed("c", None, "CC0-1.0", None),
        ]
    )
    write(tmp_path, *(success(row) for row in rows))
    run_yaml: dict[str, Any] = {
        "config": {
            "method": {"recipe": "wavelet"},
            "content": {"source": "folder", "path": "photographs"},
            "style": {"source": "sample", "path": "data"},
        },
        "method_fingerprint": "f" * 64,
        "method_fingerprint_data": {"method": {"features": "wavelet", "size": 256, "evaluations": 60}},
    }
    write_card(tmp_path, summarize(tmp_path, Plan.of(rows)), run_yaml)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for line in (
        f"# {tmp_path.name}",
        "* content: `folder` photographs",
        "* style: `sample` data",
        "* content: CC BY 2.0: 2",
        "* content: not stated: 1",
        "* style: CC0-1.0: 2",
        "* style: not stated: 1",
        "* https://example.org/a (CC BY 2.0)",
        "* https://example.org/b (CC BY 2.0)",
        "* Monet: 3",
    ):
        assert line in card.splitlines()
    assert "Recipe `wavelet`: features `wavelet`, size 256, 60 evaluations" in card
    assert "3 images stylized" in card


def test_a_card_can_be_written_before_anything_is_made(tmp_path: Path) -> None:
    write_card(tmp_path, summarize(tmp_path, Plan.of([])), {})
    assert "0 images stylized" in (tmp_path / "README.md").read_text()


def test_an_unstylized_image_counts_under_no_style_s_licence(tmp_path: Path) -> None:
    content = Item("a", Path("a"), license="CC BY 2.0")
    (row,) = plan([Pair(content, (), "unstylized")])
    write(tmp_path, success(row))
    assert summarize(tmp_path, Plan.of([row])).licenses == {"content: CC BY 2.0": 1}
