"""The losses that a network of one style is trained by (Johnson, Alahi, Fei-Fei 2016, section 3.2).

Published over VGG-16; here over VGG-19, or over the slim network, whose inner products stand for VGG-19's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nst_core.engine.channel_counts import CONTENT_POWERS, STYLE_POWERS
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import content_mean, gram_matrix, style_mean, total_variation_half_sum

CONTENT_LAYERS = {"vgg19": "relu3_3", "slim": "relu3_1"}
STYLE_LAYERS = {
    "vgg19": ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
    "slim": ("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
}
"""By network; the published ones, and those that the slim network has in the same blocks."""


class PerceptualLoss:
    """Content, style and total variation of pictures, each as the authors' code computes it.

    Args:
        extractor: `vgg19` or `slim`.
        painting: (1, 3, H, W) sRGB in [0, 1], on the device of the extractor.
    """

    def __init__(self, extractor: Extractor, painting: Tensor) -> None:
        self.extractor = extractor
        self.content_layer, self.style_layers = CONTENT_LAYERS[extractor.name], STYLE_LAYERS[extractor.name]
        self.layers = (*self.style_layers, self.content_layer)
        with torch.no_grad():
            maps = extractor(painting, self.style_layers)
        self.targets = {layer: gram_matrix(maps[layer]) for layer in self.style_layers}

    def __call__(self, pictures: Tensor, contents: Tensor) -> Mapping[str, Tensor]:
        """The losses of pictures of contents, both (B, 3, H, W), each (B,).

        * `content`: the mean of (F − P)², F the pictures' features and P the contents' (eq. 2);
        * `style`: Σ over layers of the mean of (G − A)², Gram matrices over channels and positions (eq. 3, 4);
        * `tv`: ½ Σ of the squared differences of neighbouring pixels of 0–255.
        """
        with torch.no_grad():
            wanted = self.extractor(contents, [self.content_layer])[self.content_layer]
        maps, shares = self.extractor(pictures, self.layers), self.extractor.channel_shares
        style = pictures.new_zeros(len(pictures))
        for layer in self.style_layers:
            positions = maps[layer].shape[2] * maps[layer].shape[3]
            distance = style_mean(gram_matrix(maps[layer]), self.targets[layer], positions)
            style = style + shares.get(layer, 1.0) ** STYLE_POWERS["mean"] * distance
        weight = shares.get(self.content_layer, 1.0) ** CONTENT_POWERS["mean"]
        return {
            "content": weight * content_mean(maps[self.content_layer], wanted),
            "style": style,
            "tv": total_variation_half_sum(pictures),
        }
