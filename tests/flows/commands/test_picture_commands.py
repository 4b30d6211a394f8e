"""`nst contact-sheet` and `nst triptych` as a person meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from shown import done, write

from flows.cli import _guarded, app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two artists, two contents each, made worse and worse; the current folder is empty."""
    run = tmp_path / "run"
    rows = [
        done(run, name, artist, left=0.1 * place, pair_id=f"{place:04x}" * 4)
        for place, (name, artist) in enumerate([("a", "Ada"), ("b", "Ada"), ("a", "Bo"), ("b", "Bo")], start=1)
    ]
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return write(run, rows)


def nst(*arguments: object) -> int:
    return _guarded(lambda: app([str(argument) for argument in arguments], standalone_mode=False))


def made(folder: Path | str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


class TestContactSheet:
    def test_without_more_it_is_written_here(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert nst("contact-sheet", run) == 0
        assert capsys.readouterr().out == "Contact sheet: contact-sheet.png\n"
        assert Image.open("contact-sheet.png").format == "PNG"
        assert not (run / "gallery").exists()

    def test_of_one_artist_and_few_pictures_at_a_place_of_choice(self, run: Path) -> None:
        assert nst("contact-sheet", run, run, "--artist", "ada", "--most", 1, "-o", "sheets/ada.PNG") == 0
        assert made("sheets") == ["ada.PNG"]

    @pytest.mark.parametrize(
        "wrong",
        [["--artist", "Cy"], ["--most", "0"], ["--most", "241"], ["-o", "sheet.jpg"], ["nowhere"]],
    )
    def test_what_is_wrong_is_exit_2_and_writes_nothing(self, run: Path, wrong: list[str]) -> None:
        assert nst("contact-sheet", run, *wrong) == 2
        assert made() == []


class TestTriptych:
    def test_of_one_pair_it_is_written_here_as_the_result_is_called(
        self, run: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert nst("triptych", run, "00010") == 0
        assert made() == ["triptych-a--ada.png"]
        assert capsys.readouterr().out == "Triptych: triptych-a--ada.png\n"

    @pytest.mark.parametrize(("name", "form"), [("one.png", "PNG"), ("one.jpg", "JPEG"), ("one.JPEG", "JPEG")])
    def test_the_ending_of_the_name_says_the_format(self, run: Path, name: str, form: str) -> None:
        assert nst("triptych", run, "0001", "-o", f"made/{name}") == 0
        assert Image.open(f"made/{name}").format == form

    def test_of_several_pairs_they_go_into_a_folder(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert nst("triptych", run, "0001", "0004", "-o", "both") == 0
        assert made("both") == ["triptych-a--ada.png", "triptych-b--bo.png"]
        assert capsys.readouterr().out == "2 triptychs: both\n"

    @pytest.mark.parametrize(
        ("chosen", "names"),
        [
            (["--artist", "bo"], ["a--bo", "b--bo"]),
            (["--best", "3"], ["a--ada", "a--bo", "b--ada"]),
            (["--artist", "bo", "--best", "1"], ["a--bo"]),
            (["--all"], ["a--ada", "a--bo", "b--ada", "b--bo"]),
        ],
    )
    def test_pairs_may_be_chosen_in_other_ways(self, run: Path, chosen: list[str], names: list[str]) -> None:
        assert nst("triptych", run, *chosen, "-o", "made") == 0
        assert made("made") == [f"triptych-{name}.png" for name in names]

    def test_results_of_one_name_in_two_folders_do_not_meet(self, run: Path) -> None:
        write(run, [done(run, "a", "Ada", pair_id="f" * 16, file_name="images/cats/a--ada.png")], part="0001")
        assert nst("triptych", run, "--artist", "Ada", "-o", "made") == 0
        assert made("made") == [
            "triptych-a--ada-0001000100010001.png",
            "triptych-a--ada-ffffffffffffffff.png",
            "triptych-b--ada.png",
        ]

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            (["00"], "is no pair id"),
            (["eeee"], "has no pair eeee"),
            ([], "Say which pairs in one way"),
            (["0001", "--all"], "Say which pairs in one way"),
            (["--all", "--best", "1"], "Say which pairs in one way"),
            (["--artist", "Cy"], "no finished picture of 'Cy'"),
            (["0001", "-o", "one.gif"], "must end in .png, .jpg or .jpeg"),
            (["0001", "0002", "-o", "one.png"], "2 triptychs need a folder"),
        ],
    )
    def test_what_is_wrong_is_a_sentence_and_exit_2_and_writes_nothing(
        self, run: Path, wrong: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert nst("triptych", run, *wrong) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())
        assert made() == []

    def test_a_picture_that_is_gone_is_no_reason_to_stop(self, run: Path) -> None:
        (run.parent / "inputs" / "a.png").unlink()
        assert nst("triptych", run, "0001") == 0
        assert made() == ["triptych-a--ada.png"]
