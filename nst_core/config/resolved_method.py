"""The method of a run resolved: recipe, devices, weights and fingerprints."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nst_core.config.devices import Fleet, local_fleet
from nst_core.config.fingerprint import Fingerprints, fingerprints
from nst_core.config.run_config import RunConfig
from nst_core.engine.devices import resolve_precision
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.networks.sessions import session_for


@dataclass(frozen=True)
class ResolvedMethod:
    """A recipe resolved for the devices of a run.

    Attributes:
        recipe: with its precision resolved.
        weights_sha256: of the network that makes the pictures.
        min_side, min_style_side: shortest side, in pixels, of a content (a style) that the method accepts.
    """

    recipe: MethodRecipe
    fleet: Fleet
    weights_sha256: str | None
    min_side: int
    min_style_side: int
    fingerprints: Fingerprints

    @property
    def device(self) -> torch.device:
        """The device that each worker computes on, by its name there."""
        return self.fleet.device


def resolve_method(config: RunConfig, fleet: Fleet | None = None) -> ResolvedMethod:
    """Load the networks and fix the precision for a fleet, by default this machine's.

    Raises:
        ConfigError, WeightsError: the recipe or the fleet asks for devices or weights that are not available.
    """
    fleet = fleet or local_fleet(config.execution)
    recipe = resolve_precision(config.method.resolve(), fleet.device)
    session = session_for(recipe, fleet.here)
    hashes = session.start_sha256, session.stages_sha256
    prints = fingerprints(recipe, session.weights_sha256, config.output, config.pairing, *hashes)
    sides = session.least_sides
    return ResolvedMethod(recipe, fleet, session.weights_sha256, sides.content, sides.style, prints)
