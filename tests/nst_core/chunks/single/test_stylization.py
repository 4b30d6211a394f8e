"""One image at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nst_core.chunks.single.stylization import stylize_one
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.batch import StylizedBatch
from nst_core.engine.session import Session
from nst_core.errors import ImageTooSmall, MissingImage, UsageError


@pytest.fixture
def images(tmp_path: Path, make_image: Callable[..., Path]) -> tuple[Path, Path]:
    return make_image(tmp_path / "content.png", 80, 64, seed=1), make_image(tmp_path / "style.png", 72, 72, seed=2)


def config(**output: str) -> RunConfig:
    method = {"recipe": "wavelet", "size": 48, "evaluations": 4}
    return parse_config({"method": method, "execution": {"devices": "cpu", "report_every": 2}, "output": output})


@pytest.mark.parametrize(("suffix", "format"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".png", "PNG")])
def test_the_name_of_the_output_says_its_format(
    images: tuple[Path, Path], tmp_path: Path, suffix: str, format: str
) -> None:
    output = tmp_path / f"out{suffix}"
    trace = stylize_one(*images, output, config(size="original"))
    made = Image.open(output)
    assert (made.format, made.size) == (format, (80, 64))
    assert (trace[0].iteration, trace[-1].iteration) == (0, 4)
    assert trace[-1].total < trace[0].total


def test_progress_counts_evaluations(images: tuple[Path, Path], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    stylize_one(*images, tmp_path / "out.png", config(), lambda done, total: seen.append((done, total)))
    assert seen == [(0, 4), (2, 4), (4, 4)]


@pytest.mark.parametrize(("wanted", "used"), [("auto", 2), (1, 1)])
def test_threads_and_evaluation_are_as_the_run_file_says(
    images: tuple[Path, Path], tmp_path: Path, wanted: str | int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, stylize = [], Session.stylize

    def noting(session: Session, pairs: Any, watch: Any, evaluation: Any = "eager") -> StylizedBatch:
        seen.append((torch.get_num_threads(), evaluation))
        return stylize(session, pairs, watch)

    monkeypatch.setattr(Session, "stylize", noting)
    asked = config()
    execution = asked.execution.model_copy(update={"threads": wanted, "evaluation": "compile"})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        stylize_one(*images, tmp_path / "out.png", asked.model_copy(update={"execution": execution}))
    finally:
        torch.set_num_threads(before)
    assert seen == [(used, "compile")]


def test_nothing_is_written_where_something_is_wrong(images: tuple[Path, Path], tmp_path: Path) -> None:
    content, style = images
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (200, 20)).save(tiny)
    with pytest.raises(UsageError, match=r"must end in \.jpg"):
        stylize_one(content, style, tmp_path / "out.gif", config())
    with pytest.raises(MissingImage):
        stylize_one(tmp_path / "none.png", style, tmp_path / "out.png", config())
    with pytest.raises(ImageTooSmall, match="at size 48 it is 48 × 5 pixels"):
        stylize_one(tiny, style, tmp_path / "out.png", config())
    assert not list(tmp_path.glob("out*"))


def test_at_strength_0_the_photograph_comes_back_in_its_own_pixels(images: tuple[Path, Path], tmp_path: Path) -> None:
    asked = config(size="original", format="png")
    asked = asked.model_copy(update={"method": asked.method.model_copy(update={"strength": 0})})
    assert stylize_one(*images, tmp_path / "out.png", asked) == []
    with Image.open(tmp_path / "out.png") as made, Image.open(images[0]) as content:
        assert made.tobytes() == content.convert("RGB").tobytes()
