"""Scales with their ticks, and an SVG with axes that curves, boxes and texts are drawn into."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from nst_core.views.web import number

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Scale:
    """A map of values from `low` to `high` onto pixels from `start` to `end`, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * ((at - low) / (high - low) if high > low else 0.5)

    def ticks(self, most: int) -> list[float]:
        """Round values of the scale, at most so many (a few more of a logarithmic one with a small range)."""
        return log_ticks(self.low, self.high, most) if self.log else even_ticks(self.low, self.high, most)


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    if high <= low:
        return [low]
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(step for step in _STEPS if step * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from `low` to `high`, thinned out; 1, 2, 5 times those, or even ones, where they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = [10.0**n for n in range(first, last + 1)]
    inside = [tick for tick in decades if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    if len(inside) >= 3:
        return inside[:: math.ceil(len(inside) / most)]
    finer = [step * tick for tick in decades for step in (1, 2, 5)]
    inside = [tick for tick in finer if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    return inside[:: math.ceil(len(inside) / most)] if len(inside) >= 2 else even_ticks(low, high, most)


def log_range(values: Sequence[float]) -> tuple[float, float]:
    """Bounds of a logarithmic scale that holds all values (which are above zero), with some room around."""
    low, high = min(values), max(values)
    air = max((high / low) ** 0.06, 1.05)
    return low / air, high * air


@dataclass
class Plot:
    """An SVG of `width` x `height` pixels, drawn element by element; title and description are its text alternative.

    The `kind` of an element is its CSS class.
    """

    title: str
    description: str
    width: int
    height: int
    _parts: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, tooltip: str = "") -> None:
        size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{max(height, 0.5):.1f}"'
        self._parts.append(f'<rect class="{kind}" {size}>{_tooltip(tooltip)}</rect>')

    def dot(self, x: float, y: float, radius: float, kind: str) -> None:
        self._parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>')

    def path(self, points: Sequence[tuple[float, float]], kind: str, closed: bool = False) -> None:
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path class="{kind}" d="M{way}{"Z" if closed else ""}"/>')

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start", tooltip: str = "") -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" {place}>{_tooltip(tooltip)}{escape(text)}</text>')

    def x_axis(
        self, scale: Scale, most: int, top: float, bottom: float, label: str = "", percent: bool = False
    ) -> None:
        """Ticks of a horizontal scale, their lines, and its label below them."""
        for tick in scale.ticks(most):
            self.line(scale(tick), top, scale(tick), bottom, "grid")
            self.text(scale(tick), bottom + 18, tick_text(tick, percent), "tick", "middle")
        if label:
            self.text((scale.start + scale.end) / 2, bottom + 38, label, "label", "middle")

    def y_axis(
        self, scale: Scale, most: int, left: float, right: float, label: str = "", percent: bool = False
    ) -> None:
        """Ticks of a vertical scale, their lines, and its label above them."""
        for tick in scale.ticks(most):
            self.line(left, scale(tick), right, scale(tick), "grid")
            self.text(left - 8, scale(tick) + 4, tick_text(tick, percent), "tick", "end")
        if label:
            self.text(0, scale.end - 14, label, "label")

    def svg(self) -> Markup:
        """The whole SVG."""
        name = escape(f"{self.title}. {self.description}")
        return Markup(
            f'<svg class="plot" role="img" aria-label="{name}" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}">{"".join(self._parts)}</svg>'
        )


def tick_text(value: float, percent: bool) -> str:
    """A tick's number; a share in percent."""
    return f"{number(100 * value)} %" if percent else number(value)


def shorten(text: str, most: int) -> str:
    """A name in at most `most` letters, of which wide ones count twice; an ellipsis stands for the rest."""
    room = most
    kept: list[str] = []
    for sign in text:
        room -= 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if room < 0:
            return "".join(kept[:-1]).rstrip() + "…"
        kept.append(sign)
    return text


def _tooltip(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
