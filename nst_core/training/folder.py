"""The folder of a training: its settings, its checkpoint, its losses, previews, and the network with its card."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.engine.images.pixels import encode_image, to_pixels
from nst_core.errors import RunFolderError
from nst_core.storage.atomic import write_bytes_atomic, write_text_atomic

SETTINGS, CHECKPOINT, CARD, CARD_DATA = "training.json", "checkpoint.pt", "card.md", "card.json"
LOSSES, EVALUATIONS, LEFT_OUT = "losses.parquet", "evaluations.parquet", "left_out.csv"
PREVIEWS = "previews"


class TrainingFolder:
    """A folder that holds one training; every file of it is there in full or not at all.

    A checkpoint is written after the losses up to it, and replaces the one before it once it is whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Note the settings of the training that begins, or check that it is the one that the folder holds.

        Raises:
            RunFolderError: the folder holds another training, or something else.
        """
        path = self.root / SETTINGS
        if path.is_file():
            self._check_same(json.loads(path.read_text("utf-8")), settings)
        elif (self.root / CHECKPOINT).exists() or (self.root / "plan").exists():
            raise RunFolderError(f"{self.root} holds something else than a training: choose another name.")
        write_text_atomic(path, json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n")

    def checkpoint(self) -> dict[str, Any] | None:
        """The state of the trainer at the last checkpoint, if there is one. Raises RunFolderError."""
        path = self.root / CHECKPOINT
        if not path.is_file():
            return None
        try:
            data = io.BytesIO(path.read_bytes())
            state: dict[str, Any] = torch.load(data, map_location="cpu", weights_only=True)
            return state
        except Exception as error:  # any bytes may be in it
            raise RunFolderError(
                f"The checkpoint {path} is damaged: delete it, and the training begins anew."
            ) from error

    def write_checkpoint(
        self, state: Mapping[str, Any], losses: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write the losses and measurements so far, then the state. Raises DiskFull, all earlier files kept."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        self._write_table(LOSSES, losses)
        self._write_table(EVALUATIONS, evaluations)
        write_bytes_atomic(self.root / CHECKPOINT, buffer.getvalue())

    def rows(self, name: str, up_to: int) -> list[dict[str, Any]]:
        """The rows of a table (`LOSSES`, `EVALUATIONS`) up to a step; later ones are of steps that are made again."""
        path = self.root / name
        if not path.is_file():
            return []
        import pyarrow.parquet as pq

        return [row for row in pq.read_table(io.BytesIO(path.read_bytes())).to_pylist() if row["step"] <= up_to]

    def write_previews(self, step: int, pictures: Tensor) -> None:
        """Write pictures, (R, C, 3, H, W), in rows and columns as a PNG named by the step."""
        pixels = np.concatenate([np.concatenate([to_pixels(each) for each in row], axis=1) for row in pictures])
        write_bytes_atomic(self.root / PREVIEWS / f"step_{step:07}.png", encode_image(pixels, "png"))

    def write_result(self, name: str, data: bytes, card: str, facts: Mapping[str, Any]) -> None:
        """Write the network, its card, and the card's facts as JSON."""
        write_bytes_atomic(self.root / name, data)
        write_text_atomic(self.root / CARD_DATA, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
        write_text_atomic(self.root / CARD, card)

    def _write_table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not rows:
            return
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), buffer, compression="zstd")
        write_bytes_atomic(self.root / name, buffer.getvalue())

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Steps may differ: a training can be made longer."""
        changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
        changed = [key for key in changed if key not in ("steps", "versions")]
        if changed:
            told = ", ".join(f"{key} ({_short(before.get(key))} → {_short(now.get(key))})" for key in changed)
            raise RunFolderError(
                f"{self.root} holds a training with other settings: {told}. Choose another name, or delete the folder."
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}…"
