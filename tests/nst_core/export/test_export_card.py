"""The dataset card that goes with an export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nst_core.export import ExportOptions, export_run
from nst_core.export.card import hub_licenses

MakeRun = Callable[..., Path]


def card_of(folder: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_card_counts_and_names_sources_licences_and_origins(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(
        {"label": "cat", "split": "val", "content_source_url": "https://example.org/1"},
        {"label": "cat", "artist": "Ada", "content_license": None, "style_license": "CC-BY-NC-SA-4.0;CC0-1.0"},
        {"label": "dog", "status": "failed"},
    )
    export_run(run, "imagefolder", tmp_path / "out")
    front, body = card_of(tmp_path / "out")
    assert front["license"] == ["cc-by-2.0", "cc-by-nc-sa-4.0", "cc0-1.0", "unknown"]
    assert front["size_categories"] == ["n<1K"]
    for line in (
        "2 images stylized by",
        "* content: `folder` photos\n",
        "* content: CC-BY-2.0: 1\n* content: not stated: 1\n",
        "* style: CC-BY-NC-SA-4.0: 1\n* style: CC0-1.0: 2\n",
        "* https://example.org/1 (CC-BY-2.0)\n",
        "* train: 1\n* val: 1\n",
        "* cat: 2\n",
        "* Ada: 1\n* Monet: 1\n",
    ):
        assert line in body
    assert "dog" not in body
    assert "somebody" not in body


def test_an_unstylized_image_has_no_style_whose_licence_could_be_unknown(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run({}, {"style_ids": [], "style_license": None, "artist": "unstylized"})
    export_run(run, "imagefolder", tmp_path / "out")
    front, body = card_of(tmp_path / "out")
    assert front["license"] == ["cc-by-2.0", "cc0-1.0"]
    assert "* style: CC0-1.0: 1\n" in body
    assert "style: not stated" not in body


@pytest.mark.parametrize("to", ["imagefolder", "webdataset"])
def test_names_cannot_write_the_card_s_own_structure(make_run: MakeRun, tmp_path: Path, to: str) -> None:
    export_run(make_run({"artist": "# x\n\n---\nlicense: mit\n<script>", "label": "`[a](b)`"}), to, tmp_path / "out")
    front, body = card_of(tmp_path / "out")
    assert front["license"] == ["cc-by-2.0", "cc0-1.0"]
    assert "* # x --- license: mit \\<script\\>: 1\n" in body
    assert "* \\`\\[a\\](b)\\`: 1\n" in body


def test_long_lists_are_cut_and_said_to_be(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.export.card._SHOWN", 2)
    export_run(make_run(*({"artist": f"Artist {n}"} for n in range(5))), "webdataset", tmp_path / "out")
    assert "* Artist 1: 1\n* … and 3 more\n" in card_of(tmp_path / "out")[1]


def test_licences_by_the_hub_s_names() -> None:
    assert hub_licenses(["CC-BY-2.0", "CC0-1.0", "not stated", "Own terms", "CC-BY-NC-ND-2.0"]) == [
        "cc-by-2.0", "cc0-1.0", "other", "unknown",
    ]  # fmt: skip


def test_a_run_whose_run_file_is_gone_has_a_card_all_the_same(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run({})
    (run / "run.yaml").unlink()
    export_run(run, "webdataset", tmp_path / "out", ExportOptions(shard_size=1))
    assert "* content: `unknown`\n" in card_of(tmp_path / "out")[1]
