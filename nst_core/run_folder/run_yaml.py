"""Contents of run.yaml, secrets masked: configuration, fingerprints, versions, host."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import nst_core
from nst_core.config.fingerprint import FINGERPRINT_VERSION
from nst_core.config.resolved_method import ResolvedMethod
from nst_core.config.run_config import RunConfig
from nst_core.run_folder.folder import FILES_LEFT_OUT
from nst_core.storage.secrets import redact, redact_command


def run_yaml_data(
    config: RunConfig, method: ResolvedMethod, left_out: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, Any]:
    """The contents of run.yaml. `left_out`: files of the sources that are no items, by role and reason."""
    packages = ("torch", "torchvision", "pillow", "numpy", "prefect", "pandas", "pyarrow")
    return {
        "config": redact(config.model_dump(mode="json", exclude={"train"})),
        "fingerprint": method.fingerprints.run,
        "method_fingerprint": method.fingerprints.method,
        "fingerprint_version": FINGERPRINT_VERSION,
        "method_fingerprint_data": dict(method.fingerprints.method_data),
        "weights_sha256": method.weights_sha256,
        "device": str(method.device),
        **({FILES_LEFT_OUT: {role: dict(counts) for role, counts in left_out.items()}} if left_out else {}),
        "versions": {
            "nst": nst_core.__version__,
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "host": socket.gethostname(),
        "command": redact_command(sys.argv),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
