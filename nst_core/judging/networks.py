"""The networks that judge, and the choice of one that did not make the pictures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from nst_core.engine.features import build_extractor
from nst_core.engine.features.weights import imagenet_file
from nst_core.engine.quality import Judge
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import UsageError


@dataclass(frozen=True)
class JudgeNetwork:
    """A network that can judge.

    Attributes:
        name: the value of the column `judge`.
        features, weights: as recipes spell them.
        content_layer: whose self-similarity CFSD compares: at a quarter of the picture's side, as in its source.
        style_layers: whose statistics tell the distance to the style.
    """

    name: str
    features: str
    weights: str
    content_layer: str
    style_layers: tuple[str, ...]

    def load(self) -> Judge:
        """The judge, on the CPU. Raises WeightsError where the weights are not to be had."""
        inputs: Literal["torchvision", "caffe"] = "caffe" if self.weights == "caffe" else "torchvision"
        terms = ContentTerm(((self.content_layer, 1.0),)), StyleTerm(tuple((name, 1.0) for name in self.style_layers))
        recipe = Recipe("judge", *terms, features=self.features, weights=self.weights, inputs=inputs)
        return Judge(build_extractor(recipe), self.content_layer, self.style_layers)


NETWORKS = {
    network.name: network
    for network in (
        JudgeNetwork("vgg19", "vgg19", "caffe", "relu3_1", ("relu1_1", "relu2_1", "relu3_1", "relu4_1")),
        JudgeNetwork("squeezenet", "squeezenet1_0", "imagenet", "fire3", ("relu1", "fire2", "fire3", "fire4", "fire5")),
        JudgeNetwork("wavelet", "wavelet", "", "second1", ("first0", "first1", "first2", "second0", "second1")),
    )
}
"""By name, the better judge first. `squeezenet` needs torchvision's ImageNet weights, the others no download."""


def choose_network(made_by: Collection[str]) -> JudgeNetwork:
    """The best judge of pictures that these extractors made: none of them, and nothing to download for it.

    VGG-16 and the slim network count as VGG-19, and the two SqueezeNets as one: they learned from the same pictures,
    layer by layer.
    """
    makers = {_family(features) for features in made_by}
    for network in NETWORKS.values():
        if _family(network.features) not in makers and _is_here(network):
            return network
    raise UsageError(
        f"The pictures were made by {', '.join(sorted(made_by))}, and no other network is here to judge them: name one "
        f"of {', '.join(NETWORKS)} with --judge."
    )


def named_network(name: str) -> JudgeNetwork:
    """The judge of that name. Raises UsageError."""
    if name not in NETWORKS:
        raise UsageError(f"There is no judge {name!r}: it is one of {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def made_it_too(network: JudgeNetwork, made_by: Collection[str]) -> bool:
    """Whether one of these extractors is the judge's own."""
    return _family(network.features) in {_family(features) for features in made_by}


def _family(features: str) -> str:
    family = features.rstrip("0123456789_").lower()
    return "vgg" if family == "slim" else family  # trained to see what VGG-19 sees


def _is_here(network: JudgeNetwork) -> bool:
    return network.weights != "imagenet" or imagenet_file(network.features).is_file()
