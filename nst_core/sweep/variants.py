"""The variants of a sweep: one run per combination of values, in a run folder of its own below the sweep's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.config.fingerprint import fingerprints
from nst_core.config.pairing import Pairing
from nst_core.config.run_config import RunConfig, load_config
from nst_core.engine.recipe import Recipe
from nst_core.errors import ConfigError, UsageError
from nst_core.networks.files import network_of
from nst_core.storage.slugs import slugify
from nst_core.sweep.axes import Axis, combinations, decides_pictures
from nst_core.sweep.setting_text import Settings, override_text, set_options, value_text

VARIANTS = "variants"
"""The sub-folder of a sweep with the run folders of its variants."""

PAIRS_FILE = "pairs.csv"
"""The manifest, in a sweep's folder, of the pairs that every variant makes."""

_WORDS, _DIGITS = 48, 8


@dataclass(frozen=True)
class Variant:
    """A combination of values, and the run that makes its pictures.

    Attributes:
        place: on each axis, the index of its value.
        method: a hash of what decides its pictures, as far as that is the same on every machine.
    """

    place: tuple[int, ...]
    settings: Settings
    config: RunConfig
    method: str

    @property
    def label(self) -> str:
        """`beta=10 style_scale=2`, for people."""
        return " ".join(override_text(key.removeprefix("method."), value) for key, value in self.settings)


def make_variants(file: Path, overrides: Sequence[str], axes: Sequence[Axis], folder: Path) -> list[Variant]:
    """The variants of a run file, whose runs take their pairs from `PAIRS_FILE` in the sweep's folder.

    A variant's folder is called after its values and a hash of its method: another method, whether by an edited run
    file or by another `--set`, has another folder, and what is there already is found whatever the order of the axes.

    Raises:
        ConfigError: a key or a value is wrong.
        UsageError: a key decides no picture, or two combinations make the same ones.
    """
    for axis in axes:
        if not decides_pictures(axis.key):
            load_config(file, [*overrides, override_text(axis.key, axis.values[0])])  # a mistyped key is told as such
            raise UsageError(
                f"--over {axis.key}: a sweep makes the same pairs with other settings of their pictures, so that it "
                "can go over keys of `method`, and over output.size, output.format and output.quality."
            )
    variants = [_variant(file, overrides, place, settings, folder) for place, settings in combinations(axes)]
    first: dict[str, Variant] = {}
    for variant in variants:
        same = first.setdefault(variant.method, variant)
        if same is not variant:
            raise UsageError(f"{same.label} and {variant.label} make the same pictures: leave one of them out.")
    return variants


def _variant(file: Path, overrides: Sequence[str], place: tuple[int, ...], settings: Settings, folder: Path) -> Variant:
    try:
        config = load_config(file, [*overrides, *(override_text(key, value) for key, value in settings)])
    except ConfigError as error:
        raise ConfigError(f"With {set_options(settings)}: {error}") from error
    recipe = config.method.resolve()
    named = ";".join(network_of(recipe)[1])  # in place of hashes, which machines need not agree on before they run
    weights = recipe.weights if isinstance(recipe, Recipe) else named
    of_stages = [stage.weights for stage in recipe.stages] if isinstance(recipe, Recipe) else []
    method = fingerprints(recipe, weights, config.output, Pairing(), named or None, of_stages).method
    # The sweep's page is in their place.
    own_pages = {"gallery": False, "report": False, "judge": False, "describe": False}
    own = {
        "name": _folder_name(settings, method),
        "output": config.output.model_copy(update={"root": folder / VARIANTS, **own_pages}),
        "pairing": Pairing(strategy="manifest", manifest=folder / PAIRS_FILE, seed=config.pairing.seed),
    }
    return Variant(place, settings, config.model_copy(update=own), method)


def _folder_name(settings: Settings, method: str) -> str:
    """`beta-10-style_scale-2-` and the beginning of the method's hash."""
    words = slugify("-".join(f"{key.rpartition('.')[2]}-{_word(value)}" for key, value in sorted(settings)))
    return f"{words[:_WORDS].strip('-')}-{method[:_DIGITS]}"


def _word(value: Any) -> str:
    """A value in a folder's name: numbers however they are written."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if is_number else value_text(value)
