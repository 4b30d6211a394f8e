"""The list of images that a training leaves out because they are bad."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from nst_core.storage.atomic import write_text_atomic
from nst_core.training.folder import LEFT_OUT
from nst_core.training.images import BadImage


def write_left_out(folder: Path, bad: Sequence[BadImage]) -> None:
    """Write `left_out.csv`: role, path and reason of each bad image."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["role", "path", "reason"])
    writer.writerows((one.role, one.path, one.reason) for one in bad)
    write_text_atomic(folder / LEFT_OUT, buffer.getvalue())
