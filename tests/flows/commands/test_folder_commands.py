"""Commands about a run folder as a person or a script meets them: what they print, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from finished import finished_run
from typer.testing import CliRunner, Result

from flows.cli import app
from nst_core.run_folder.artists import ArtistFacts, record_artist_facts
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.verify.findings import MENDING


def nst(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


class TestVerify:
    def test_a_sound_run_is_said_to_be_and_exit_0(self, finished: Path) -> None:
        result = nst("verify", finished)
        assert result.exit_code == 0
        assert "Sound and complete" in result.stdout
        assert "12 pairs planned; rows: 2 failed, 2 quarantined, 2 skipped, 6 success; 6 images" in result.stdout

    def test_what_is_wrong_is_counted_told_and_how_it_is_mended_and_exit_3(self, folder: Path) -> None:
        next((folder / "images").rglob("*.png")).unlink()
        result = nst("verify", folder)
        assert result.exit_code == 3
        assert f"missing image: 1. What mends it: {MENDING['missing_image']}\n  images/" in result.stdout
        assert "Sound" not in result.stdout

    def test_the_first_twenty_of_a_kind_are_shown_and_all_in_json(self, folder: Path) -> None:
        for number in range(30):
            (folder / "images" / f"extra{number}.png").touch()
        assert nst("verify", folder).stdout.count("is the image of no planned pair") == 20
        assert "… and 10 more" in nst("verify", folder).stdout
        answer = json.loads(nst("verify", folder, "--json").stdout)
        assert answer["counts"] == {"unplanned_image": 30}
        assert answer["mending"] == {"unplanned_image": MENDING["unplanned_image"]}
        assert len(answer["findings"]) == 30
        assert not answer["sound"]

    def test_a_run_at_work_is_named(self, folder: Path) -> None:
        with RunFolder(folder).locked() as held:
            assert f"A run is working here ({held.owner})" in nst("verify", folder).stdout
            assert json.loads(nst("verify", folder, "--json").stdout)["at_work"] == [str(held.owner)]
        assert "working" not in nst("verify", folder).stdout


@pytest.mark.usefixtures("api")
class TestRetry:
    def test_what_can_be_mended_is_made_and_exit_3_where_something_is_left(self, folder: Path) -> None:
        result = nst("retry", folder)
        assert result.exit_code == 3, result.exception
        assert "2 of 4 pairs made that were tried again" in result.stdout
        assert "12 pairs: 8 success, 2 quarantined, 2 skipped" in result.stdout
        assert nst("verify", folder).exit_code == 0

    def test_once_all_succeed_exit_0_and_then_there_is_nothing_to_try(
        self, tmp_path: Path, make_image: Callable[..., Path]
    ) -> None:
        folder = finished_run(tmp_path, make_image).run_folder
        make_image(tmp_path / "content" / "broken.png", 48, 40, seed=77)
        answer = json.loads(nst("retry", folder, "--json").stdout)
        assert (answer["tried"], answer["made"], answer["success"], answer["skipped"]) == (4, 4, 10, 2)
        again = nst("retry", folder)
        assert again.exit_code == 0
        assert "There was nothing to try again" in again.stdout

    def test_what_was_known_of_the_artists_stays_known(self, folder: Path) -> None:
        record_artist_facts(folder, {"Ada": ArtistFacts("1815–1852", None, "British")})
        assert nst("retry", folder).exit_code == 3
        assert "* Ada (1815–1852 · British): 4\n" in (folder / "README.md").read_text("utf-8")
        assert nst("verify", folder).exit_code == 0

    def test_only_one_kind(self, folder: Path) -> None:
        answer = json.loads(nst("retry", folder, "--only", "quarantined", "--json").stdout)
        assert (answer["tried"], answer["made"], answer["failed"]) == (2, 0, 2)
        assert nst("retry", folder, "--only", "skipped").exit_code == 2

    def test_what_it_was_told_otherwise_counts(self, folder: Path) -> None:
        refused = nst("retry", folder, "--set", "method.evaluations=3")
        assert "Changed: method.evaluations (2 → 3)" in str(refused.exception)
