"""The section `train` of a run file: how `nst train` trains a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from nst_core.config.section import Section


class Training(Section):
    """How `nst train` trains a network: content and style are then its training data. No run reads this section.

    `auto` is what suits the network that is trained.
    """

    steps: PositiveInt | Literal["auto"] = Field("auto", description="Steps in all; more of them go on from the last.")
    batch: PositiveInt | Literal["auto"] = Field("auto", description="Crops of images per step.")
    crop: PositiveInt | Literal["auto"] = Field("auto", description="Side of the crops, in pixels.")
    size: PositiveInt | Literal["auto"] = Field(
        "auto", description="Longer side that images are reduced to before crops are taken."
    )
    held_out: PositiveInt = Field(
        64, description="Images of each source that are kept for measuring, and never trained with: a fifth at most."
    )
    checkpoint_every: PositiveInt = Field(200, description="Steps between two checkpoints.")
    evaluate_every: PositiveInt = Field(1000, description="Steps between two measurements on held-out images.")
    seed: NonNegativeInt = Field(0, description="Of all that is random: weights, crops, what is held out.")
    features: str = Field(
        "slim",
        description="Of `johnson` and `adain`: the network by whose features pictures are compared, `slim`, `vgg19` "
        "(the original), or a file of `nst train slim`.",
    )
    style: str | None = Field(
        None, description="Of `johnson`: the one painting that is learned, its id or file name, if there are several."
    )
    style_weight: PositiveFloat | Literal["auto"] = Field(
        "auto", description="Of `johnson` and `adain`: weight of the style loss beside the content loss."
    )
