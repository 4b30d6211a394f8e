"""What the judges say of a row of pictures, averaged over pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from judges import Distance, structure
from stylized_pictures import Picture, colour_matched
from torch import Tensor


@dataclass(frozen=True)
class Scores:
    """The verdict on some pictures of the same pairs.

    Attributes:
        style: by judge, the distance to the style, as a share of what the colour-matched content has: the geometric
            mean over pairs. 1 is no better than the content in the style's colours.
        structure: the mean structural similarity to the content.
        seconds: that one picture took.
    """

    name: str
    style: dict[str, float]
    structure: float
    seconds: float


class Bench:
    """Judges, and what they said of the colour-matched contents."""

    def __init__(self, judges: Mapping[str, Distance]) -> None:
        self.judges = judges

    def scores(self, name: str, pictures: Sequence[Picture]) -> Scores:
        """Of stylised pictures."""
        return Scores(
            name,
            {judge: self._relative(judge, ((p, p.image) for p in pictures)) for judge in self.judges},
            sum(structure(p.image, p.content) for p in pictures) / len(pictures),
            sum(p.seconds for p in pictures) / len(pictures),
        )

    def content(self, pictures: Sequence[Picture]) -> Scores:
        """Of the contents as they are: the floor."""
        style = {judge: self._relative(judge, ((p, p.content) for p in pictures)) for judge in self.judges}
        return Scores("the content itself", style, 1.0, 0.0)

    def matched(self, pictures: Sequence[Picture]) -> Scores:
        """Of the contents in the style's colours: 1, by definition."""
        similar = [structure(colour_matched(p), p.content) for p in pictures]
        return Scores("the content in the style's colours", dict.fromkeys(self.judges, 1.0), _mean(similar), 0.0)

    def halves(self, pictures: Sequence[Picture]) -> Scores:
        """Of one half of each style against the other: the ceiling, as one painting differs from itself."""
        style = {judge: _geometric(self._half_apart(judge, p) for p in pictures) for judge in self.judges}
        return Scores("the style's left half, judged by its right", style, math.nan, 0.0)

    def _relative(self, judge: str, images: Iterable[tuple[Picture, Tensor]]) -> float:
        return _geometric(self.judges[judge](image, p.style) / self._matched_apart(judge, p) for p, image in images)

    def _half_apart(self, judge: str, picture: Picture) -> float:
        left, right = picture.style.tensor_split(2, dim=2)
        return self.judges[judge](left, right) / self._matched_apart(judge, picture)

    def _matched_apart(self, judge: str, picture: Picture) -> float:
        return self.judges[judge](colour_matched(picture), picture.style)


def markdown(rows: Sequence[Scores]) -> str:
    """A table, one row per `Scores`."""
    names = list(rows[0].style)
    lines = [["pictures", *names, "SSIM to the content", "s per image"], ["---", *["---:"] * (len(names) + 2)]]
    for row in rows:
        figures = [f"{row.style[name]:.3f}" for name in names]
        seconds = f"{row.seconds:.1f}" if row.seconds else ""
        lines.append([row.name, *figures, "" if math.isnan(row.structure) else f"{row.structure:.2f}", seconds])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _geometric(values: Iterable[float]) -> float:
    return math.exp(_mean([math.log(value) for value in values]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
