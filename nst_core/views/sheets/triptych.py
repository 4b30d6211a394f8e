"""Triptychs: content, style and result of one pair side by side, whole and equally high, with their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image
from nst_core.errors import InputError, MissingImage, StorageRefused
from nst_core.run_folder.artists import ArtistFacts
from nst_core.run_folder.finished_pairs import FinishedPair, display_name
from nst_core.storage.paths import located
from nst_core.views.sheets.lettering import Lettering, legible_text, name_line
from nst_core.views.sheets.picture_grid import Cell, LabelledPicture, draw_row, equally_high_cells, stack

LOWEST, HIGHEST = 320, 1600
"""Bounds of the panels' height in pixels; within them it is the result's own, so that it is shown pixel by pixel."""
MARGIN, GAP = 40, 24
_NARROWEST = 0.6  # the room of a panel and its texts, over its height
_LIMITS = ImageLimits(min_side=1)


def triptych(pair: FinishedPair, facts: ArtistFacts | None = None) -> Pixels:
    """The pair's content, its style (of a blend: all of them, with their shares) and its result, (H, W, 3) uint8.

    A picture that is gone or cannot be read leaves an empty panel that says so.

    Args:
        facts: what is known of the artist.
    """
    return draw_panels(panels_of(pair, facts))


def panels_of(pair: FinishedPair, facts: ArtistFacts | None = None) -> list[LabelledPicture]:
    """The panels of a pair, their pictures decoded. An unstylized pair has no style to show."""
    artist, styles = legible_text(pair.artist or ""), pair.styles
    years = f", {facts.years}" if artist and facts and facts.years else ""
    style_notes = (
        [f"Style, {share:.0%}" for share in pair.shares]
        if len(styles) > 1
        else [name_line(artist, years) if artist else "Style"]
    )
    title = f"After {artist}" if artist and len(styles) == 1 else "Result"
    origin = f"{pair.run_folder.absolute().name} · pair {pair.pair_id}"
    return [
        LabelledPicture(_picture(located(pair.content_path)), pair.content_name, "Content"),
        *(
            LabelledPicture(_picture(located(style.name)), display_name(style.name), note)
            for style, note in zip(styles, style_notes, strict=False)
        ),
        LabelledPicture(_picture(pair.result), title, origin),
    ]


def panel_cells(panels: Sequence[LabelledPicture]) -> list[Cell]:
    """The places of the panels from left to right, as high as the result (the last one) is, within bounds."""
    result = panels[-1].pixels
    height = LOWEST if isinstance(result, str) else min(max(result.shape[0], LOWEST), HIGHEST)
    return equally_high_cells(panels, MARGIN, height, GAP, round(height * _NARROWEST))


def draw_panels(panels: Sequence[LabelledPicture]) -> Pixels:
    """The panels with their texts on one picture, (H, W, 3) uint8."""
    cells = panel_cells(panels)
    text = Lettering(round(15 + max(cell.height for cell in cells) / 100))
    return stack([draw_row(panels, cells, text, cells[-1].left + cells[-1].room + MARGIN)], MARGIN, 0)


def _picture(path: Path) -> Pixels | str:
    """The picture, or why it cannot be shown."""
    try:
        return decode_image(path, _LIMITS).pixels
    except MissingImage:
        return "is no longer there"
    except (InputError, StorageRefused, OSError):
        return "cannot be read"
