"""Text in pictures: names of people and files in whatever script, in the fonts that this machine has.

Pillow's built-in font has ASCII and little else. So fonts are looked for where systems keep them; what none of them has
is written in Latin letters where that is possible (`é` as `e`), and else left out: no name becomes a row of boxes.
"""

from __future__ import annotations

import bisect
import itertools
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from PIL import ImageDraw, ImageFont, features

from nst_core.storage.slugs import TRANSLITERATE

PREFERRED = (
    "LiberationSans-Regular",
    "NotoSans-Regular",
    "Arial",
    "DejaVuSans",
    "FreeSans",
    "NotoSansCJK-Regular",
    "NotoSansCJKsc-Regular",
    "SourceHanSans-Regular",
    "wqy-zenhei",
    "wqy-microhei",
    "DroidSansFallbackFull",
    "ipag",
    "PingFang",
    "Hiragino Sans GB",
    "AppleSDGothicNeo",
    "Arial Unicode",
    "msyh",
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansDevanagari-Regular",
    "NotoSansThai-Regular",
    "NotoEmoji-Regular",
    "Symbola",
    "unifont",
)
"""Names of font files without their endings, best first: the first one that has all of a text is used for it."""

_BUILT_IN = "Pillow's own"
_ENDINGS = (".ttf", ".otf", ".ttc")
_NO_CHARACTER = "\U0010fffd"  # of no font: what is drawn for it is drawn for all that a font lacks
_PLAIN = TRANSLITERATE | str.maketrans({"–": "-", "—": "-", "‐": "-", "‑": "-", "×": "x", "−": "-", "«": '"', "»": '"'})
_PROBE_SIZE = 24
_SHAPED = features.check("raqm")  # else right-to-left scripts would be drawn backwards, and unjoined
_LEFT_TO_RIGHT = "\u200e"
_UNSEEN = f"\u200c\u200d{_LEFT_TO_RIGHT}" if _SHAPED else ""  # signs that only tell how others are drawn


@dataclass(frozen=True)
class Lettering:
    """Text of one size, in pixels."""

    size: int

    @property
    def line(self) -> int:
        """Height of a line of text."""
        return round(self.size * 1.3)

    def getlength(self, text: str) -> float:
        """Width of a text in pixels, by the fonts' metrics."""
        return sum(_font(name, self.size).getlength(part) for name, part in _runs(text))

    def write(
        self, draw: ImageDraw.ImageDraw, left: float, baseline: float, text: str, ink: tuple[int, int, int]
    ) -> None:
        """Draw one line from `left` on, standing on `baseline`."""
        for name, part in _runs(text):
            font = _font(name, self.size)
            draw.text((left, baseline), part, ink, font, "ls")
            left += font.getlength(part)

    def height(self, lines: int) -> int:
        """Height of so many lines of text below a picture, with what hangs below the last one; 0 of none."""
        return lines * self.line + self.line // 4 if lines else 0

    def shorten(self, text: str, width: float) -> str:
        """The text, or as much of its beginning as stays within `width` pixels with an ellipsis behind it."""
        text = legible_text(text)
        if self.getlength(text) <= width:
            return text
        clusters = list(_clusters(text))
        return "".join(clusters[: self._fitting(clusters, width, "…")]).rstrip() + "…"

    def wrap(self, text: str, width: float, most: int) -> list[str]:
        """The text in at most `most` lines of `width` pixels, the last one shortened; none of an empty text.

        Lines are broken between words, and within words that are too long alone. A letter wider than `width` gets a
        line of its own.
        """
        rest, lines = legible_text(text), list[str]()
        while rest and len(lines) < most - 1 and self.getlength(rest) > width:
            clusters = list(_clusters(rest))
            line = "".join(clusters[: max(1, self._fitting(clusters, width))])
            if not rest[len(line) :].startswith(" "):
                line = line.rpartition(" ")[0] or line
            lines, rest = [*lines, line.rstrip()], rest[len(line) :].lstrip()
        return [*lines, self.shorten(rest, width)] if rest else lines

    def _fitting(self, clusters: Sequence[str], width: float, ending: str = "") -> int:
        """The number of clusters that stay within a width with the ending behind them."""

        def length(count: int) -> float:
            return self.getlength("".join(clusters[:count]).rstrip() + ending)

        return bisect.bisect_right(range(1, len(clusters) + 1), width, key=length)


def legible_text(text: str) -> str:
    """The part of a text that can be drawn, on one line; may be empty.

    Letters that no font here has lose their marks, or are transliterated; the others are left out, and so are control
    characters (a name may hold one that turns the line around).
    """
    signs = (" " if sign.isspace() else sign for sign in unicodedata.normalize("NFC", text))
    visible = (sign for sign in signs if unicodedata.category(sign)[0] != "C" or sign in _UNSEEN)
    text = " ".join("".join(visible).split())
    if _font_of(text) is not None:
        return text
    return " ".join("".join(map(_legible_cluster, _clusters(text))).split())


def name_line(name: str, rest: str) -> str:
    """A line of a name and a rest: a name from right to left does not turn the numbers after it around."""
    return f"{_LEFT_TO_RIGHT}{name}{_LEFT_TO_RIGHT}{rest}"


def font_files() -> dict[str, Path]:
    """The preferred fonts that are on this machine, by name, best first."""
    return dict(_font_paths(tuple(map(str, _folders()))))


@cache
def _font_paths(folders: tuple[str, ...]) -> tuple[tuple[str, Path], ...]:
    paths: dict[str, Path] = {}
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in sorted(names):
                file = Path(parent, name)
                if file.suffix.lower() in _ENDINGS:
                    paths.setdefault(file.stem, file)
    return tuple((name, paths[name]) for name in PREFERRED if name in paths and _opens(paths[name]))


def _opens(path: Path) -> bool:
    try:
        ImageFont.truetype(str(path), _PROBE_SIZE)
    except OSError:
        return False
    return True


def _folders() -> Iterator[Path]:
    """The folders in which systems keep fonts, the user's own first."""
    home = Path.home()
    if sys.platform == "darwin":
        yield from (home / "Library" / "Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts"))
        return
    yield from (home / ".local" / "share" / "fonts", home / ".fonts")
    shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    yield from (Path(share, "fonts") for share in shares.split(":") if share)


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces of one font each: one piece wherever some font has all of it."""
    whole = _font_of(text)
    pieces = [(whole, text)] if whole is not None else [(_font_of(one) or _BUILT_IN, one) for one in _clusters(text)]
    for name, group in itertools.groupby(pieces, key=lambda piece: piece[0]):
        yield name, "".join(part for _, part in group)


def _clusters(text: str) -> Iterator[str]:
    """Letters with the marks that belong to them."""
    cluster = ""
    for sign in text:
        if cluster and not (unicodedata.combining(sign) or sign in _UNSEEN or unicodedata.category(sign) == "Mn"):
            yield cluster
            cluster = ""
        cluster += sign
    if cluster:
        yield cluster


def _legible_cluster(cluster: str) -> str:
    if _font_of(cluster) is not None:
        return cluster
    plain = unicodedata.normalize("NFKD", cluster.translate(_PLAIN))
    return "".join(sign for sign in plain if sign.isascii() and sign.isprintable())


def _font_of(text: str) -> str | None:
    """The name of the best font that has all of a text; None where there is none."""
    signs = frozenset(sign for sign in text if not sign.isspace() and sign not in _UNSEEN)
    if not _SHAPED and any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in signs):
        return None
    return next((name for name in (*font_files(), _BUILT_IN) if all(_has(name, sign) for sign in signs)), None)


@cache
def _has(name: str, sign: str) -> bool:
    return _bitmap(name, sign) != _bitmap(name, _NO_CHARACTER)


@cache
def _bitmap(name: str, sign: str) -> tuple[tuple[int, int], bytes]:
    mask = _font(name, _PROBE_SIZE).getmask(sign)
    return mask.size, bytes(mask)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    if name == _BUILT_IN:
        return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size=size))
    return ImageFont.truetype(str(font_files()[name]), size)
