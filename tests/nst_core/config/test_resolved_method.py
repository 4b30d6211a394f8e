"""A run's method is resolved for the devices of its workers."""

from __future__ import annotations

import torch

from nst_core.config.devices import Fleet
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import parse_config

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def test_the_precision_is_that_of_the_workers_devices_not_of_this_machines() -> None:
    method = resolve_method(parse_config({"method": {"recipe": "wavelet", "precision": "auto"}}), Fleet(GPU, CPU, 3))
    assert (method.recipe.precision, str(method.device)) == ("bfloat16", "cuda:0")
