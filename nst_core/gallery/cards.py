"""From a result row to what a page shows of it: its pictures, its caption, its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nst_core.gallery.pages import Card, Picture
from nst_core.gallery.results import Pair, StyleShare, display_name
from nst_core.gallery.thumbnails import Thumbnail
from nst_core.manifest_rows import UNSTYLIZED
from nst_core.storage import located
from nst_core.web import number

Thumbnails = Mapping[Path, Thumbnail | None]


def pictures(pair: Pair, run_folder: Path) -> list[Path]:
    """The files that the pair's card shows, as far as the row names them."""
    named = [pair.content_path, *(style.path for style in pair.styles)]
    result = result_path(pair, run_folder)
    return [located(path) for path in named if path] + ([result] if result else [])


def result_path(pair: Pair, run_folder: Path) -> Path | None:
    """The result's file; None if the row names none, or one outside the run folder."""
    if not pair.file_name:
        return None
    path = PurePosixPath(pair.file_name)
    return None if path.is_absolute() or ".." in path.parts else run_folder / path


def card(pair: Pair, run_folder: Path, thumbnails: Thumbnails) -> Card:
    """The card of a pair, once its thumbnails are made."""
    result = result_path(pair, run_folder)
    content = _picture(pair.content_path, "unknown content", thumbnails)
    styles = tuple(_picture(style.path, "unknown style", thumbnails) for style in pair.styles)
    unstylized = not pair.styles and pair.artist == UNSTYLIZED
    style_name = "" if unstylized else _style_name(pair.styles)
    told = f"{content.name} as it is" if unstylized else f"{content.name} in the style of {style_name}"
    shown = Picture(told, thumbnails.get(result) if result else None)
    return Card(
        anchor=f"pair-{pair.pair_id}",
        content=content,
        styles=styles if styles or unstylized else (Picture(style_name, None),),
        style_name=style_name,
        result=shown,
        file_name=pair.file_name if result and result.is_file() else None,
        loss_path=pair.loss_path,
        facts=_told(_facts(pair)),
        details=_told(_details(pair)),
    )


def _picture(path: str | None, unnamed: str, thumbnails: Thumbnails) -> Picture:
    return Picture(display_name(path) or unnamed, thumbnails.get(located(path)) if path else None)


def _style_name(styles: tuple[StyleShare, ...]) -> str:
    names = [display_name(style.path) or style.path for style in styles]
    shares = [f" ({style.share:.0%})" if style.share is not None else "" for style in styles]
    return " + ".join(name + share for name, share in zip(names, shares, strict=True)) or "unknown style"


def _facts(pair: Pair) -> dict[str, str | None]:
    return {
        "Loss": number(pair.total_loss),
        "Evaluations": number(pair.evaluations or None),
        "Time": _with_unit(pair.seconds or None, "s"),
        "Method": pair.method,
    }


def _details(pair: Pair) -> dict[str, str | None]:
    return {
        "Content loss": number(pair.content_loss),
        "Style loss": number(pair.style_loss),
        "Content weight α": number(pair.alpha),
        "Style weight β": number(pair.beta),
        "Features": pair.features,
        "Worked at": _with_unit(pair.size, "px"),
        "Result": _dimensions(pair),
        "Label": pair.label,
        "Split": pair.split,
        "Genre": pair.genre,
        "Content licence": pair.content_license,
        "Content source": pair.content_source_url,
        "Style licence": pair.style_license,
        "Pair": pair.pair_id,
    }


def _told(values: dict[str, str | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in values.items() if value)


def _with_unit(value: float | None, unit: str) -> str:
    text = number(value)
    return f"{text}\u00a0{unit}" if text else ""


def _dimensions(pair: Pair) -> str:
    return f"{pair.width:.0f} × {pair.height:.0f}\u00a0px" if pair.width and pair.height else ""
