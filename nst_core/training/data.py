"""What a training learns from: its images, and what its card and its folder say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nst_core.config.run_config import RunConfig
from nst_core.engine.training.crops import TrainingImages
from nst_core.training.images import SplitSource


@dataclass(frozen=True)
class TrainingData:
    """The split sources of a training."""

    content: SplitSource
    style: SplitSource

    def roles(self) -> Mapping[str, SplitSource]:
        return {"content": self.content, "style": self.style}

    def images(self) -> TrainingImages:
        return TrainingImages(self.content.images, self.style.images, self.content.held_out, self.style.held_out)

    def facts(self, config: RunConfig) -> dict[str, dict[str, Any]]:
        """What the card says of it."""
        return {
            role: {
                "source": getattr(config, role).source,
                "images": len(source.images),
                "held_out": len(source.held_out),
                "bad": len(source.bad),
                "licenses": source.licenses,
                "sha256": source.sha256,
            }
            for role, source in self.roles().items()
        }
