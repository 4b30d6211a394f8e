"""How a run brought its contents to their working size, where it showed a part of them only: read from run.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nst_core.engine.working_size import Fit
from nst_core.run_folder.card import mapping_in
from nst_core.run_folder.folder import METHODS


def cropping_fit(run_yaml: Mapping[str, Any], fingerprint: str | None, size: int | None) -> Fit | None:
    """The fit of a content whose picture shows the middle of it only; None where it shows the whole.

    Args:
        fingerprint: of the method of the picture's row, by which a folder of the app knows it.
        size: the working size of that row.
    """
    method = mapping_in(run_yaml, "method_fingerprint_data", "method")
    if METHODS in run_yaml:
        method = mapping_in(run_yaml, METHODS, fingerprint or "", "method")
    crop = method.get("crop")
    if not isinstance(crop, int) or size is None:
        return None
    return Fit(
        size, method.get("side", "longer"), method.get("upscale", False), method.get("resizing", "lanczos"), crop
    )
