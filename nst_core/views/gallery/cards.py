"""Cards: the pictures, names and parameters of a result on an artist's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nst_core.manifest.row import UNSTYLIZED
from nst_core.run_folder.finished_pairs import display_name
from nst_core.run_folder.own_files import own_file_or_none
from nst_core.run_folder.quality import MEASURES
from nst_core.storage.paths import parse_path_or_none
from nst_core.views.gallery.results import GalleryPair, NamedShare
from nst_core.views.thumbnails import Thumbnail
from nst_core.views.web import number

Thumbnails = Mapping[Path, Thumbnail | None]

_NARROWEST, _WIDEST = 0.6, 2.4


@dataclass(frozen=True)
class CardStyle:
    """A painting on a card. `share` is a text, empty where there is none."""

    path: str
    name: str
    share: str
    thumbnail: Thumbnail | None
    sha256: str | None = None


@dataclass(frozen=True)
class ResultCard:
    """One finished pair on an artist's page.

    Attributes:
        identity: the end of its deep link `#pair-<identity>`; no two of an artist have the same.
        name: the content's.
        styles: empty where the content stayed as it was.
        link: address of the result's file from the artist's page; None where that is not there.
    """

    identity: str
    pair: GalleryPair
    name: str
    content: Thumbnail | None
    styles: tuple[CardStyle, ...]
    result: Thumbnail | None
    link: str | None

    @property
    def style_name(self) -> str:
        """`Starry Night + The Scream`; empty where the content stayed as it was."""
        return " + ".join(style.name for style in self.styles)

    @property
    def title(self) -> str:
        return f"{self.name} in the style of {self.style_name}" if self.styles else f"{self.name} as it is"

    @property
    def loss_left(self) -> float | None:
        """The share of the pair's initial loss that is left; None where that is unknown."""
        return self.pair.loss_left

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result in pixels, or of a picture that has its shape."""
        if self.pair.width and self.pair.height:
            return int(self.pair.width), int(self.pair.height)
        thumbnail = self.result or self.content
        return thumbnail.sizes[-1][1:] if thumbnail else (3, 2)

    @property
    def ratio(self) -> float:
        """Width over height of the card's picture: the result's, within what a row of pictures can take."""
        width, height = self.size
        return round(min(max(width / height, _NARROWEST), _WIDEST), 3)


def inputs(pair: GalleryPair) -> list[Path]:
    """The photograph and the paintings of a pair, as far as the row names them."""
    names = [pair.content_path, *(style.path for style in pair.styles)]
    return [path for path in map(parse_path_or_none, names) if path is not None]


def pictures(pair: GalleryPair) -> list[Path]:
    """The files that the gallery shows of a pair: its inputs, and its result."""
    result = result_path(pair)
    return [*inputs(pair), *([result] if result else [])]


def result_path(pair: GalleryPair) -> Path | None:
    """The result's file; None if the row names none, or one that is not the run folder's own."""
    return own_file_or_none(pair.run.folder, pair.file_name)


def card(pair: GalleryPair, identity: str, thumbnails: Thumbnails, link: str | None) -> ResultCard:
    """The card of a pair, once its thumbnails are made."""
    result, unstylized = result_path(pair), not pair.styles and pair.artist == UNSTYLIZED
    styles = tuple(_style(style, thumbnails) for style in pair.styles)
    return ResultCard(
        identity=identity,
        pair=pair,
        name=display_name(pair.content_path or "") or "unknown content",
        content=_thumbnail(pair.content_path, thumbnails),
        styles=styles if styles or unstylized else (CardStyle("", "unknown style", "", None),),
        result=thumbnails.get(result) if result else None,
        link=link,
    )


def parameters(pair: GalleryPair) -> dict[str, str]:
    """The losses and settings of a result as texts; without what its row does not tell."""
    texts = {
        "Loss": number(pair.total_loss),
        "Content loss": number(pair.content_loss),
        "Style loss": number(pair.style_loss),
        **{MEASURES[name].title: number(value) or "0" for name, value in pair.quality.items()},
        "Content weight α": number(pair.alpha),
        "Style weight β": number(pair.beta),
        "Method": pair.method,
        "Features": pair.features,
        "Evaluations": number(pair.evaluations or None),
        "Time": _with_unit(pair.seconds or None, "s"),
        "Worked at": _with_unit(pair.size, "px"),
        "Result": f"{pair.width:.0f} × {pair.height:.0f}\u00a0px" if pair.width and pair.height else "",
        "Label": pair.label,
        "Split": pair.split,
        "Genre": pair.genre,
        "Pair": pair.pair_id,
    }
    return {name: value for name, value in texts.items() if value}


def rights(pair: GalleryPair) -> dict[str, str]:
    """The licences and sources of the inputs; without what the row does not tell."""
    texts = {
        "Photograph’s licence": pair.content_license,
        "Photograph’s source": pair.content_source_url,
        "Painting’s licence": pair.style_license,
    }
    return {name: value for name, value in texts.items() if value}


def _style(style: NamedShare, thumbnails: Thumbnails) -> CardStyle:
    share = f"{style.share:.0%}" if style.share is not None else ""
    return CardStyle(style.path, display_name(style.path), share, _thumbnail(style.path, thumbnails), style.sha256)


def _thumbnail(path: str | None, thumbnails: Thumbnails) -> Thumbnail | None:
    picture = parse_path_or_none(path)
    return thumbnails.get(picture) if picture is not None else None


def _with_unit(value: float | None, unit: str) -> str:
    text = number(value)
    return f"{text}\u00a0{unit}" if text else ""
