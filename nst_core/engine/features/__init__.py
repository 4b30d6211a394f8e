"""Extractors: images to named feature maps."""

from __future__ import annotations

from pathlib import Path

from nst_core.engine.features import caffe
from nst_core.engine.features.base import Extractor
from nst_core.engine.features.convnets import CONVNETS, ConvNet, build_convnet, random_state
from nst_core.engine.features.slim import SlimFeatures, slim_features
from nst_core.engine.features.wavelet import WaveletFeatures
from nst_core.engine.features.weights import file_weights, imagenet_weights, random_weights
from nst_core.engine.recipe import Recipe
from nst_core.errors import ConfigError

EXTRACTORS = ("wavelet", SlimFeatures.name, *CONVNETS)

__all__ = ["EXTRACTORS", "ConvNet", "Extractor", "build_extractor"]


def build_extractor(recipe: Recipe) -> Extractor:
    """The extractor that a recipe asks for, on the CPU, checked to have every layer that the recipe names.

    Its convolutions are bfloat16 where the recipe's (resolved) precision says so.

    Raises:
        ConfigError: no such extractor, or no such layer in it.
        WeightsError: its weights are not to be had or do not fit.
    """
    if recipe.features not in EXTRACTORS:
        raise ConfigError(f"method.features is {recipe.features!r}; it can be one of {', '.join(EXTRACTORS)}.")
    extractor = _extractor(recipe)
    for name in recipe.layer_names():
        if name not in extractor.layers:
            raise ConfigError(f"{recipe.features} has no layer {name!r}; it has {', '.join(extractor.layers)}.")
    return extractor.in_bfloat16() if recipe.precision == "bfloat16" else extractor


def _extractor(recipe: Recipe) -> Extractor:
    if recipe.features == "wavelet":
        return WaveletFeatures()
    return _slim(recipe) if recipe.features == SlimFeatures.name else _convnet(recipe)


def _slim(recipe: Recipe) -> Extractor:
    if recipe.weights in ("caffe", "imagenet") or recipe.normalised:
        raise ConfigError(
            "method.features is slim, which stands for the original VGG-19, and has weights of its own: set "
            "method.weights to shipped or to a file of `nst train slim`, and method.normalised to false."
        )
    if recipe.pooling != "max":
        raise ConfigError("method.features is slim, which was trained with maxima: set method.pooling to max.")
    return slim_features(recipe.weights)


def _check_weights(recipe: Recipe) -> None:
    """Raises ConfigError where a recipe's network or inputs are not those that its weights were trained with."""
    if recipe.weights == "shipped":
        raise ConfigError(
            f"method.weights is shipped, which is the slim network's, and method.features is {recipe.features}: set "
            "method.weights to caffe (VGG-19), to imagenet or to a file."
        )
    if recipe.weights == "caffe" and recipe.features != caffe.NETWORK:
        raise ConfigError(
            f"method.weights is caffe, the original {caffe.NETWORK}, and method.features is {recipe.features}: set "
            "method.weights to imagenet or to a file."
        )
    if recipe.normalised and recipe.weights != "caffe":
        raise ConfigError(
            "method.normalised needs the original VGG-19: set method.weights to caffe, or method.normalised to false."
        )
    trained = {"caffe": "caffe", "imagenet": "torchvision"}.get(recipe.weights, recipe.inputs)
    if recipe.inputs != trained:
        raise ConfigError(
            f"method.inputs is {recipe.inputs}, and the weights {recipe.weights} were trained with {trained}: leave "
            "method.inputs out."
        )


def _convnet(recipe: Recipe) -> Extractor:
    _check_weights(recipe)
    if recipe.weights == "caffe":
        weights = caffe.normalised_weights() if recipe.normalised else caffe.caffe_weights()
    elif recipe.weights == "random":
        weights = random_weights(random_state(recipe.features))
    elif recipe.weights == "imagenet":
        weights = imagenet_weights(recipe.features)
    else:
        weights = file_weights(Path(recipe.weights))
    return build_convnet(recipe.features, weights, recipe.pooling, recipe.inputs)
