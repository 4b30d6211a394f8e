"""What a manifest asks of a method that it cannot do."""

from __future__ import annotations

from nst_core.config.run_config import RunConfig
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError
from nst_core.plan.pair_table import PairTable
from nst_core.sources.base import STYLE_MASK


def check_overrides(config: RunConfig, pairs: PairTable) -> None:
    """Raise ConfigError where rows for a transfer network have weights of losses, or masks of styles."""
    if not isinstance(config.method.resolve(), TransferRecipe):
        return
    for setting in pairs.settings:
        own = setting.overrides
        for column, value in (("style_weight", own.style_weight), ("content_weight", own.content_weight)):
            if value is not None:
                raise ConfigError(
                    f"The manifest has a {column}, and the method is a transfer network, which has no losses: use the "
                    "column strength."
                )
        if setting.extras.get(STYLE_MASK):
            raise ConfigError(
                "The manifest has a style_mask, and the method is a transfer network, which sees a style as a whole: "
                "leave the column out."
            )
