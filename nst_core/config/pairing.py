"""The pairing section of a run file: which content images meet which styles, how often, and how strongly."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator

from nst_core.config.location import Location
from nst_core.config.section import Section

NameList = Annotated[list[str], Field(min_length=1)]
SplitName = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]  # as a manifest's cell could say it
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_STRATEGIES = {
    "balance": ("random", "artist", "grid", "manifest"),
    "weights": ("random",),
    "blend": ("random", "artist"),
    **dict.fromkeys(
        ("pools", "unstylized", "splits", "disjoint_styles", "strengths", "replicates", "originals"),
        ("random", "artist", "grid", "nearest", "farthest"),
    ),
    "conflict": ("random", "artist", "grid"),
}
"""The strategies that follow a key; with another strategy the key must be at its default."""

_LARGEST = 1e100
"""The largest weight, share or strength: their sums and multiples stay finite."""

_LATER_KEYS = (
    "weights",
    "pools",
    "unstylized",
    "splits",
    "disjoint_styles",
    "conflict",
    "blend",
    "strengths",
    "replicates",
    "originals",
)


class Pairing(Section):
    """Which content images meet which styles."""

    strategy: Literal["random", "artist", "grid", "nearest", "farthest", "manifest"] = Field(
        "random",
        description="`random`: some styles per content. `artist`: every content once per artist. `grid`: all × all. "
        "`nearest`: the styles whose palettes are nearest to the content's. `farthest`: those whose are farthest. "
        "`manifest`: as a CSV file says.",
    )
    styles_per_content: PositiveInt = Field(
        1, description="`random`, `nearest`, `farthest`: how many styles each content gets."
    )
    balance: Literal["none", "artist", "genre"] = Field(
        "none",
        description="`random`: draw the artist (or genre) first, then one of its styles.",
    )
    weights: dict[str, Weight] | None = Field(
        None,
        min_length=1,
        description="`random`, with `balance`: how often these artists (or genres) are drawn, others standing at 1; "
        "0 is never. Without weights, a content meets every artist once before any twice; with them, each style "
        "is a draw of its own.",
    )
    artists: NameList | None = Field(None, description="Use these artists only; all where it is left out.")
    pools: dict[str, NameList] | None = Field(
        None,
        min_length=1,
        description="By label of the content: the artists or genres whose styles it meets. Other labels meet all.",
    )
    unstylized: float = Field(
        0.0, ge=0, le=1, description="Share of the contents that are delivered as they are, only resized."
    )
    originals: bool = Field(
        False, description="Deliver every content as it is, too, only resized, beside its stylized pictures."
    )
    splits: dict[SplitName, Positive] | None = Field(
        None,
        min_length=1,
        description="Divides contents that have no split, e.g. `{train: 0.8, val: 0.2}`, by their ids.",
    )
    disjoint_styles: bool | Literal["stable"] = Field(
        False,
        description="Divide the style images among the splits, in the proportions of `splits`, so that no two splits "
        "share one; files with the same bytes count as one. `true`: artist by artist, as evenly as can be. `stable`: "
        "each by the sha256 of its file alone, so that further styles move none, and other runs of the same `splits` "
        "and seed divide them alike.",
    )
    conflict: bool = Field(
        False,
        description="No content meets styles whose artist (or genre) has the name of its label, as for pictures whose "
        "texture is of another class than their shape.",
    )
    blend: PositiveInt = Field(
        1, description="`random`, `artist`: how many styles are blended, in equal shares, in each image."
    )
    strengths: list[Positive] | None = Field(
        None, min_length=1, description="Make each pair once with each of these multiples of the recipe's style weight."
    )
    replicates: PositiveInt = Field(
        1,
        description="Make each pair so often, with other random numbers (for recipes that start from noise).",
    )
    manifest: Location | None = Field(None, description="`manifest`: the CSV file; may be a URL.")
    seed: NonNegativeInt = Field(0, description="Seed of all draws.")

    @model_validator(mode="after")
    def _fits_together(self) -> Pairing:
        if self.strategy == "manifest" and self.manifest is None:
            raise ValueError("strategy `manifest` needs the CSV file's path in pairing.manifest")
        if self.strategy != "manifest" and self.manifest is not None:
            raise ValueError("pairing.manifest is given: set pairing.strategy to `manifest`, or leave it out")
        for name, strategies in _STRATEGIES.items():
            if self.strategy not in strategies and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"`{name}` means nothing to strategy `{self.strategy}`: leave it out")
        for name in ("weights", "splits", "strengths"):
            numbers = getattr(self, name) or ()
            if any(number > _LARGEST for number in (numbers.values() if isinstance(numbers, dict) else numbers)):
                raise ValueError(f"`{name}` has a number above {_LARGEST:g}")
        if self.weights and self.balance == "none":
            raise ValueError("`weights` needs `balance`: artist or genre")
        return self

    def fingerprint_data(self) -> dict[str, Any]:
        """The part of a run's fingerprint: all keys but `manifest`, later ones only if not at their defaults."""
        data = self.model_dump(mode="json", exclude={"manifest"})
        for name in _LATER_KEYS:
            if data[name] == type(self).model_fields[name].default:
                del data[name]
        return data
