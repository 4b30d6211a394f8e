"""`nst judge` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from art_fid_run import run_of_copies, stand_in_networks

from flows.cli import _guarded, app


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of_copies(tmp_path)


def nst(*arguments: object) -> int:
    return _guarded(lambda: app([str(argument) for argument in arguments], standalone_mode=False))


def test_measures_stand_beside_those_of_content_and_style(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nst("judge", run, "--judge", "wavelet") == 0
    text = capsys.readouterr().out
    assert "2 pictures judged by wavelet, 2 of them now" in text
    assert f"`nst report {run}` and `nst gallery {run}` show them picture by picture" in text
    assert "ArtFID" not in text
    assert nst("judge", run, "--judge", "wavelet", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["judged"], told["new"]) == (2, 0)
    assert told["medians"]["cfsd"] == pytest.approx(0, abs=1e-5)


def test_art_fid_is_of_the_run_and_of_each_artist(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = stand_in_networks(tmp_path, monkeypatch)
    assert nst("judge", run, "--judge", "wavelet", "--artfid", network) == 0
    head, whole, ada, note = capsys.readouterr().out.splitlines()[-4:]
    assert head.split()[-3:] == ["results", "content", "style"]
    results, content, style = map(float, whole.split()[-3:])
    assert results == pytest.approx(content, abs=0.02)
    assert style != pytest.approx(content, abs=0.02)
    assert ada.startswith("Ada")
    assert "few pictures" in note


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_a_bad_file_of_the_network_is_a_sentence_and_exit_2(
    content: bytes | None, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "art_inception.pth"
    if content is not None:
        file.write_bytes(content)
    assert nst("judge", run, "--judge", "wavelet", "--artfid", file) == 2
    assert "art_inception.pth" in capsys.readouterr().err


def test_an_unknown_judge_is_exit_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nst("judge", run, "--judge", "vgg16") == 2
    assert "vgg19" in capsys.readouterr().err
