"""`nst stylize` with `execution.tile`: the same picture, made in tiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from flows.cli import _guarded, app
from nst_core.engine.tiling import extractor


def test_tiles_change_no_picture(
    tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, style = (make_image(tmp_path / f"{seed}.png", 100, 84, seed=seed) for seed in (1, 2))
    counts: list[int] = []
    plain = extractor.tiles

    def counted(*arguments: object) -> list[object]:
        found = plain(*arguments)  # type: ignore[arg-type]
        counts.append(len(found))
        return found  # type: ignore[return-value]

    monkeypatch.setattr(extractor, "tiles", counted)
    chosen = ("method.recipe=wavelet", "method.size=100", "method.evaluations=3")

    def made(tile: str) -> Image.Image:
        settings = [part for one in (*chosen, f"execution.tile={tile}") for part in ("--set", one)]
        output = tmp_path / f"{tile}.png"
        arguments = ["stylize", str(content), str(style), "-o", str(output), *settings]
        assert _guarded(lambda: app(arguments, standalone_mode=False)) == 0
        return Image.open(output)

    whole = made("none")
    assert not counts
    tiled = made("64")
    assert min(counts) > 1
    assert max(most for _, most in ImageChops.difference(whole, tiled).getextrema()) <= 1
