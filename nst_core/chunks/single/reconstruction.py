"""What layers know of an image: pictures made from noise that have the image's features, or its Gram matrices.

Figure 1 of Gatys, Ecker, Bethge 2016 ("Image Style Transfer Using Convolutional Neural Networks"): content
reconstructions after Mahendran and Vedaldi 2015 ("Understanding Deep Image Representations by Inverting Them"), style
reconstructions by the texture synthesis of Gatys, Ecker, Bethge 2015 ("Texture Synthesis Using Convolutional Neural
Networks").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from nst_core.chunks.decoding import BatchReader, ScaledImage, content_batch, style_key
from nst_core.chunks.encoding import output_pixels
from nst_core.chunks.single.picture_rows import SheetRow, Tile, contact_sheet
from nst_core.config.devices import run_devices
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.devices import resolve_precision
from nst_core.engine.images.pixels import Pixels, encode_image
from nst_core.engine.objective import style_target
from nst_core.engine.optimisation import Pairs, StylizedBatch, Watch
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import Session, session_for
from nst_core.errors import NumericalError
from nst_core.recipes import recipe_dict
from nst_core.storage.atomic import check_writable, write_bytes_atomic, write_text_atomic
from nst_core.storage.progress import Progress

What = Literal["content", "style"]
WHATS: dict[str, tuple[What, ...]] = {"content": ("content",), "style": ("style",), "both": ("style", "content")}
"""What can be reconstructed, in the order of the contact sheet: the style above, as in the paper."""

Group = tuple[str, ...]
"""Layers that are looked at together."""

METHOD: dict[str, Any] = {
    # Relative losses, 1 without any structure, weigh every layer of every network alike against the TV term. That one
    # keeps out of a reconstruction what its layers do not see: else it would stay the noise that it was at the start.
    "content": {"loss": "relative", "colours": "content"},
    "style": {"loss": "frobenius"},
    "alpha": 1.0,
    "beta": 20.0,
    "tv_weight": 5.0,
    "range_weight": 1000.0,
    "optimiser": {
        "name": "lbfgs",
        "learning_rate": 1.0,
        "history": 10,
        "precondition": "spectral",
        "spectral_power": 0.5,
    },
    "start": "noise",
    "colour": "style",
    "evaluations": 250,
    "bucket": 1,
    "style_scale": 1.0,
}
"""What a reconstruction changes in any recipe."""

VGG = (("relu1_1",), ("relu2_1",), ("relu3_1",), ("relu4_1",), ("relu5_1",))
SQUEEZENET = (("relu1",), ("fire3",), ("fire5",), ("fire7",), ("fire8",))
WAVELET = {
    "content": (("first0",), ("first1",), ("first2",), ("first3",), ("first4",)),
    "style": (("first0", "second0"), ("first1", "second1"), ("first2", "second2"), ("first3", "second3"), ("first4",)),
}
HEADINGS = {
    "content": "Content: what the features of one layer determine",
    "style": "Style: what the Gram matrices of all layers so far determine",
}


@dataclass(frozen=True)
class Reconstruction:
    """A picture to make.

    Attributes:
        layers: compared with the image's, each with the same weight; the weights sum to 1.
        added: those of them by which it differs from the one before, which name it.
    """

    what: What
    layers: Group
    added: Group

    @property
    def file_name(self) -> str:
        return f"{self.what}_{'-'.join(self.added)}.png"

    @property
    def caption(self) -> str:
        """The layers by name; a style's, which adds some to those before, begins with a plus."""
        return ("" if self.added == self.layers else "+ ") + " + ".join(self.added)


@dataclass(frozen=True)
class Reconstructed:
    """A picture made, (H, W, 3) uint8, with the loss (of content or style) of the noise and of the picture."""

    reconstruction: Reconstruction
    pixels: Pixels
    first_loss: float
    last_loss: float


def reconstruction_config(recipe: str, overrides: Sequence[str] = ()) -> RunConfig:
    """A run configuration for reconstructions with what a recipe says of network and size. Raises ConfigError."""
    return parse_config({"method": {"recipe": recipe, **METHOD}}, overrides)


def parse_groups(texts: Iterable[str]) -> list[Group]:
    """Groups of layers as a person writes them: `relu1_1,relu2_1`, or several as one: `first0+second0,first1`."""
    groups = (tuple(name.strip() for name in group.split("+")) for text in texts for group in text.split(","))
    return list(dict.fromkeys(named for group in groups if (named := tuple(filter(None, group)))))


def default_groups(features: str, what: What) -> Sequence[Group]:
    """A spread of layers over an extractor's depth."""
    if features == "wavelet":
        return WAVELET[what]
    return VGG if features.startswith("vgg") else SQUEEZENET


def reconstructions(what: What, groups: Sequence[Group]) -> list[Reconstruction]:
    """One per group: for content of that group alone, for style of it and all before."""
    if what == "content":
        return [Reconstruction(what, group, group) for group in groups]
    so_far = accumulate(groups, lambda before, group: tuple(dict.fromkeys((*before, *group))))
    return [Reconstruction(what, layers, group) for layers, group in zip(so_far, groups, strict=True)]


def reconstruct(
    image: Path,
    folder: Path,
    what: str,
    groups: Sequence[Group],
    config: RunConfig,
    progress: Progress | None = None,
) -> list[Reconstructed]:
    """Reconstruct an image; writes `content_<layers>.png` and `style_<layers>.png`, `contact_sheet.png` with all of
    them, and `reconstruction.json` with losses and settings.

    Args:
        what: one of `WHATS`.
        groups: of layers; none at all mean those of `default_groups`.
        config: of `reconstruction_config`; method, execution, output.size, the content's limits and the seed count.
        progress: called with the evaluations done and their total, over all reconstructions.

    Raises:
        InputError: the image cannot be used, or is too small for the layers.
        UsageError: the folder cannot be written.
        ConfigError, WeightsError: the recipe asks for what is not to be had; a layer is unknown.
        NumericalError: an optimisation diverged.
    """
    device = run_devices(config.execution)[0]
    base = resolve_precision(config.method.resolve(), device)
    wanted = [
        one for kind in WHATS[what] for one in reconstructions(kind, groups or default_groups(base.features, kind))
    ]
    session = session_for(_recipe(wanted, base), device)
    original = BatchReader(session, config.content.limits(), config.style.limits()).content(image, base.size)
    check_writable(folder)
    studio = _Studio(session, original, content_batch([original], session), config)
    made = []
    for number, one in enumerate(wanted):
        made.append(studio.make(one, _part(progress, number, len(wanted), base.evaluations)))
        write_bytes_atomic(folder / one.file_name, encode_image(made[-1].pixels, "png"))
    write_bytes_atomic(folder / "contact_sheet.png", encode_image(figure(studio.picture(studio.contents), made), "png"))
    write_text_atomic(folder / "reconstruction.json", _report(image, studio, made))
    return made


def figure(original: Pixels, made: Sequence[Reconstructed]) -> Pixels:
    """The contact sheet, (H, W, 3) uint8: a row for content, one for style, the original first in each."""
    rows = []
    for what in dict.fromkeys(one.reconstruction.what for one in made):
        tiles = [Tile(one.pixels, one.reconstruction.caption) for one in made if one.reconstruction.what == what]
        rows.append(SheetRow([Tile(original, "original"), *tiles], HEADINGS[what]))
    return contact_sheet(rows)


@dataclass(frozen=True)
class _Studio:
    """What the reconstructions of one image share.

    Attributes:
        session: holds the network, and every layer that any of them looks at.
        contents: the image as the engine takes it, (1, 3, H, W).
    """

    session: Session
    original: ScaledImage
    contents: Tensor
    config: RunConfig

    def make(self, one: Reconstruction, progress: Callable[[int, float], None] | None) -> Reconstructed:
        """Raises NumericalError, OutOfMemory."""
        made = self._optimised(_recipe([one], self.session.recipe), Watch(self.config.execution.report_every, progress))
        if made.failed[0]:
            raise NumericalError
        first, last = (getattr(point, one.what) for point in (made.traces[0][0], made.traces[0][-1]))
        return Reconstructed(one, self.picture(made.images), first, last)

    def picture(self, images: Tensor) -> Pixels:
        """(1, 3, H, W) in [0, 1] as files show it."""
        return output_pixels(images[0].cpu(), self.original, self.config.output)

    def _optimised(self, recipe: Recipe, watch: Watch) -> StylizedBatch:
        session = self.session.under(recipe)
        key = style_key(self.original), recipe.style_names()
        target = session.target(key, lambda: style_target(self.contents[0], recipe, session.extractor))
        pairs = Pairs(self.contents, [target], [self.config.pairing.seed])
        return session.stylize(pairs, watch, self.config.execution.evaluation)


def _recipe(wanted: Sequence[Reconstruction], base: Recipe) -> Recipe:
    """The recipe that looks at the layers of all the wanted, and at no others."""

    def layers(what: What) -> tuple[tuple[str, float], ...]:
        names = dict.fromkeys(name for one in wanted if one.what == what for name in one.layers)
        return tuple((name, 1 / len(names)) for name in names)

    content, style = replace(base.content, layers=layers("content")), replace(base.style, layers=layers("style"))
    return replace(base, content=content, style=style)


def _part(progress: Progress | None, number: int, parts: int, evaluations: int) -> Callable[[int, float], None] | None:
    """Progress within one of several parts as that of the whole."""
    return progress and (lambda done, _: progress(number * evaluations + done, parts * evaluations))


def _report(image: Path, studio: _Studio, made: Sequence[Reconstructed]) -> str:
    """The content of `reconstruction.json`."""
    method = recipe_dict(studio.session.recipe)
    for section in ("content", "style"):
        del method[section]["layers"]  # each reconstruction names its own
    data = {
        "image": str(image),
        "sha256": studio.original.sha256,
        "width": made[0].pixels.shape[1],
        "height": made[0].pixels.shape[0],
        "seed": studio.config.pairing.seed,
        "weights_sha256": studio.session.extractor.weights_sha256,
        "method": method,
        "reconstructions": [_entry(one) for one in made],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _entry(one: Reconstructed) -> dict[str, Any]:
    file = {"file": one.reconstruction.file_name, "first_loss": one.first_loss, "last_loss": one.last_loss}
    return asdict(one.reconstruction) | file
