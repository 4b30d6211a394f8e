"""Reconstructions of an image from noise: pictures that have its features, or its Gram matrices, at some layers.

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

from nst_core.chunks.batch_tensors import content_batch
from nst_core.chunks.decoding import BatchReader, ScaledImage, style_key
from nst_core.chunks.encoding import output_pixels
from nst_core.config.devices import run_devices
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.batch import Pairs
from nst_core.engine.devices import resolve_precision
from nst_core.engine.images.pixels import Pixels, encode_image
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import Session, session_for
from nst_core.engine.watch import Watch
from nst_core.errors import NumericalError
from nst_core.recipes import load_recipe
from nst_core.recipes.plain_data import recipe_dict
from nst_core.storage.atomic import check_writable, write_bytes_atomic, write_text_atomic
from nst_core.storage.progress import Progress
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

Kind = Literal["content", "style"]
KINDS: dict[str, tuple[Kind, ...]] = {"content": ("content",), "style": ("style",), "both": ("style", "content")}
"""Kinds of reconstruction by the name of a request, in the order of the contact sheet: style first, as in the paper."""

Group = tuple[str, ...]
"""Layers whose features are compared together."""

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
    "scales": None,
    "stages": None,
    "average": 0.0,
    "bucket": 1,
    "style_scale": 1.0,
}
"""The settings that a reconstruction changes in any recipe."""

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
    """A picture to optimise.

    Attributes:
        layers: compared with the image's, each with the same weight; the weights sum to 1.
        added: those of them by which it differs from the one before, which name it.
    """

    what: Kind
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
class ReconstructedImage:
    """The picture of a reconstruction, (H, W, 3) uint8, and the loss (of content or style) before and after."""

    reconstruction: Reconstruction
    pixels: Pixels
    first_loss: float
    last_loss: float


def reconstruction_config(recipe: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The run configuration of a reconstruction: a recipe's network and size with `METHOD`. Raises ConfigError."""
    load_recipe(recipe)  # a transfer network has nothing to reconstruct from, and says so
    return parse_config({"method": {"recipe": recipe, **METHOD}}, overrides)


def parse_groups(texts: Iterable[str]) -> list[Group]:
    """Parse groups of layers: `relu1_1,relu2_1`, or several layers as one group: `first0+second0,first1`."""
    groups = (tuple(filter(None, map(str.strip, group.split("+")))) for text in texts for group in text.split(","))
    return list(dict.fromkeys(filter(None, groups)))


def default_groups(features: str, what: Kind) -> Sequence[Group]:
    """Groups of layers over the whole depth of an extractor."""
    if features == "wavelet":
        return WAVELET[what]
    return VGG if features.startswith("vgg") else SQUEEZENET


def reconstructions(what: Kind, groups: Sequence[Group]) -> list[Reconstruction]:
    """One reconstruction per group: for content of that group alone, for style of it and all before."""
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
) -> list[ReconstructedImage]:
    """Reconstruct an image; write `content_<layers>.png` and `style_<layers>.png`, `contact_sheet.png` with all of
    them, and `reconstruction.json` with losses and settings.

    Args:
        what: one of `KINDS`.
        groups: of layers; by default those of `default_groups`.
        config: of `reconstruction_config`; method, execution, output.size, the content's limits and the seed count.
        progress: called with the evaluations done and their total, over all reconstructions.

    Raises:
        InputError: the image cannot be used, or is too small for the layers.
        UsageError: the folder cannot be written.
        ConfigError, WeightsError: the recipe cannot be resolved; a layer is unknown.
        NumericalError: an optimisation diverged.
    """
    device = run_devices(config.execution)[0]
    base = resolve_precision(load_recipe(config.method.recipe, config.method.model_extra), device)
    wanted = [
        one for kind in KINDS[what] for one in reconstructions(kind, groups or default_groups(base.features, kind))
    ]
    session = session_for(_recipe(wanted, base), device, config.execution.tiling)
    original = BatchReader(session, config.content.limits(), config.style.limits()).content(image, base.size)
    check_writable(folder)
    optimiser = _Optimiser(session, original, content_batch([original], session), config)
    images = []
    for number, one in enumerate(wanted):
        images.append(optimiser.reconstruct(one, _part(progress, number, len(wanted), base.total_evaluations)))
        write_bytes_atomic(folder / one.file_name, encode_image(images[-1].pixels, "png"))
    sheet = figure(optimiser.output_pixels(optimiser.contents), images)
    write_bytes_atomic(folder / "contact_sheet.png", encode_image(sheet, "png"))
    write_text_atomic(folder / "reconstruction.json", _report(image, optimiser, images))
    return images


def figure(original: Pixels, images: Sequence[ReconstructedImage]) -> Pixels:
    """The contact sheet, (H, W, 3) uint8: a row for content, one for style, the original first in each."""
    first, rows = LabelledPicture(original, "original"), []
    for kind in dict.fromkeys(one.reconstruction.what for one in images):
        row = [
            LabelledPicture(one.pixels, one.reconstruction.caption) for one in images if one.reconstruction.what == kind
        ]
        rows.append(PictureRow([first, *row], HEADINGS[kind]))
    return draw_rows(rows)


@dataclass(frozen=True)
class _Optimiser:
    """The optimiser of the reconstructions of one image.

    Attributes:
        session: holds the network, and every layer that any of them compares.
        contents: the image as the engine takes it, (1, 3, H, W).
    """

    session: Session
    original: ScaledImage
    contents: Tensor
    config: RunConfig

    def reconstruct(self, one: Reconstruction, progress: Callable[[int, float], None] | None) -> ReconstructedImage:
        """Optimise one picture. Raises NumericalError, OutOfMemory."""
        recipe = _recipe([one], self.session.recipe)
        session = self.session.under(recipe)
        key = style_key(self.original), recipe.style_names()
        target = session.target(key, lambda: session.style_target(self.contents[0]))
        pairs = Pairs(self.contents, [target], [self.config.pairing.seed])
        execution = self.config.execution
        result = session.stylize(pairs, Watch(execution.report_every, progress), execution.evaluation)
        if result.failed[0]:
            raise NumericalError
        first, last = (getattr(point, one.what) for point in (result.traces[0][0], result.traces[0][-1]))
        return ReconstructedImage(one, self.output_pixels(result.images), first, last)

    def output_pixels(self, images: Tensor) -> Pixels:
        """The pixels of a file, (H, W, 3) uint8, from an engine's image, (1, 3, H, W) in [0, 1]."""
        return output_pixels(images[0].cpu(), self.original, self.config.output)


def _recipe(wanted: Sequence[Reconstruction], base: Recipe) -> Recipe:
    """The recipe that compares the layers of these reconstructions, and no others."""

    def layers(what: Kind) -> tuple[tuple[str, float], ...]:
        names = dict.fromkeys(name for one in wanted if one.what == what for name in one.layers)
        return tuple((name, 1 / len(names)) for name in names)

    content = replace(base.content, layers=layers("content"))
    style = replace(base.style, layers=layers("style"), beside=())
    return replace(base, content=content, style=style, strength=None)


def _part(progress: Progress | None, number: int, parts: int, evaluations: int) -> Callable[[int, float], None] | None:
    """The progress of one of several parts, reported as that of the whole."""
    return progress and (lambda done, _: progress(number * evaluations + done, parts * evaluations))


def _report(image: Path, optimiser: _Optimiser, images: Sequence[ReconstructedImage]) -> str:
    """The content of `reconstruction.json`."""
    method = recipe_dict(optimiser.session.recipe)
    for section in ("content", "style"):
        del method[section]["layers"]  # each reconstruction names its own
    data = {
        "image": str(image),
        "sha256": optimiser.original.sha256,
        "width": images[0].pixels.shape[1],
        "height": images[0].pixels.shape[0],
        "seed": optimiser.config.pairing.seed,
        "weights_sha256": optimiser.session.extractor.weights_sha256,
        "method": method,
        "reconstructions": [_entry(one) for one in images],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _entry(one: ReconstructedImage) -> dict[str, Any]:
    file = {"file": one.reconstruction.file_name, "first_loss": one.first_loss, "last_loss": one.last_loss}
    return asdict(one.reconstruction) | file
