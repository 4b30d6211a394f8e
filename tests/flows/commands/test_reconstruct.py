"""`nst reconstruct` as a person meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from flows.cli import _guarded, app

QUICK = ["--set", "method.evaluations=3", "--set", "execution.devices=cpu"]


@pytest.fixture(autouse=True)
def _image_in_the_working_folder(
    tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image(tmp_path / "image.png", 80, 64, seed=1)
    monkeypatch.chdir(tmp_path)


def exit_code(*arguments: str) -> int:
    """Of `nst reconstruct image.png …`, without the seconds that a process of its own takes to start."""
    return _guarded(lambda: app(["reconstruct", "image.png", *arguments, *QUICK], standalone_mode=False))


def test_pictures_and_their_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("-o", "made", "--layers", "first0+second0,first1", "--layers", "first2") == 0
    told = capsys.readouterr().out
    assert len(list((tmp_path / "made").glob("content_*.png"))) == 3
    assert Image.open(tmp_path / "made" / "style_first0-second0.png").size == (80, 64)
    assert "Contact sheet: made/contact_sheet.png" in told
    assert "made/content_first1.png: loss " in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "made", "--layers", "first9"], "no layer 'first9'; it has luminance0"),
        (["-o", "image.png"], "image.png cannot be written"),
        (["-o", "made", "--recipe", "wavelt"], "did you mean 'wavelet'"),
        (["-o", "made", "--set", "content.max_pixels=100"], "image.png: "),
        (["-o", "made", "--what", "colour"], "'colour' is not one of"),
        ([], "Missing option"),
    ],
)
def test_what_is_wrong_is_said_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert exit_code(*arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
