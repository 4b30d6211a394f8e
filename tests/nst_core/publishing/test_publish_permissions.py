"""What licences forbid to publish, and how that is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nst_core.errors import UsageError
from nst_core.export import ExportOptions
from nst_core.publishing import publish_run
from nst_core.sources.licenses import publication_obstacle

MakeRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("licenses", "obstacle"),
    [
        (("CC-BY-2.0", "CC0-1.0"), None),
        (("CC-BY-NC-2.0", "CC-BY-NC-SA-4.0"), None),
        (("CC-BY-SA-2.0", "CC0-1.0"), None),
        (("No known copyright restrictions", "CC-BY-4.0;CC0-1.0"), None),
        (("CC-BY-ND-2.0", "CC0-1.0"), "CC-BY-ND-2.0 forbids adaptations"),
        (("CC-BY-2.0", "CC0-1.0;CC-BY-NC-ND-4.0"), "CC-BY-NC-ND-4.0 forbids adaptations"),
        (("CC-BY-SA-2.0", "CC-BY-NC-SA-4.0"), "CC-BY-SA-2.0 and CC-BY-NC-SA-4.0 do not go together"),
        (("CC-BY-NC-2.0", "CC-BY-SA-4.0"), "CC-BY-SA-4.0 and CC-BY-NC-2.0 do not go together"),
        ((None, "CC0-1.0"), "no licence is stated"),
        (("All rights reserved", "CC0-1.0"), "'All rights reserved' permits nothing"),
    ],
)
def test_what_two_licences_permit_together(licenses: tuple[str | None, ...], obstacle: str | None) -> None:
    assert publication_obstacle(*licenses) == obstacle


@pytest.fixture
def mixed(make_run: MakeRun) -> Path:
    return make_run(
        {},
        {"content_license": "CC-BY-ND-2.0"},
        {"content_license": None},
        {"content_license": "CC-BY-SA-2.0", "style_license": "CC-BY-NC-4.0"},
        {"style_ids": [], "style_paths": [], "style_path": None, "style_license": None, "artist": "unstylized"},
        {"style_license": None},
    )


def test_what_is_forbidden_is_refused_row_by_row_and_can_be_left_out(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        publish_run(mixed, tmp_path / "out")
    told = str(caught.value)
    assert "4 of the 6 images of run may not be published by their licences:\n" in told
    for number, reason in (
        (1, "CC-BY-ND-2.0 forbids adaptations"),
        (2, "no licence is stated for their photographs"),
        (3, "CC-BY-SA-2.0 and CC-BY-NC-4.0 do not go together"),
        (5, "no licence is stated for their paintings"),
    ):
        assert re.search(rf"1 because {re.escape(reason)}: images/{number}--monet--[0-9a-f]{{8}}\.png\n", told)
    assert not (tmp_path / "out").exists()
    [condition] = re.findall(r'--where "(.*?)"', told)
    report = publish_run(mixed, tmp_path / "out", options=ExportOptions(where=condition))
    assert report.forced == 0
    assert report.export.images == 1  # the unstylized one states no style's licence, as what was to be left out


def test_forced_all_of_them_are_published_and_counted(mixed: Path, tmp_path: Path) -> None:
    report = publish_run(mixed, tmp_path / "out", "webdataset", force=True)
    assert (report.forced, report.export.images, report.public) == (4, 6, None)
    assert (tmp_path / "out" / "train-000000.tar").is_file()
    assert "content: CC-BY-ND-2.0: 1" in (tmp_path / "out" / "README.md").read_text()


def test_many_rows_are_named_up_to_a_number(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        publish_run(make_run(*({"style_license": "CC-BY-ND-4.0"} for _ in range(15))), tmp_path / "out")
    assert " and 5 more\n" in str(caught.value)
    assert "--where" not in str(caught.value)
    assert "--force" in str(caught.value)
