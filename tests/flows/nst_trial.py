"""`nst` as a subprocess, with a run of many small pairs to try it on, and faults to put into its way."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

FAULTS = Path(__file__).parent / "faults"
TINY = {"recipe": "wavelet", "size": 32, "evaluations": 4}


@dataclass(frozen=True)
class Trial:
    """A run file in a folder of its own.

    Attributes:
        environment: of the processes that it starts.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def run_folder(self) -> Path:
        return self.folder / "outputs" / "trial"

    def write(self, **sections: Any) -> None:
        data = {
            "content": "content",
            "style": "style",
            "pairing": "artist",
            "method": TINY,
            "execution": {"devices": "cpu", "workers": 2, "batch_size": 2, "chunk_size": 8},
            "output": {"format": "png", "gallery": False, "report": False},
        }
        for name, section in sections.items():
            data[name] = {**data[name], **section} if isinstance(data.get(name), dict) else section  # type: ignore[dict-item]
        (self.folder / "trial.yaml").write_text(yaml.safe_dump(data))

    def start(self, *arguments: object, fault: str = "", **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | self._faulty(fault) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def nst(self, *arguments: object, fault: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, fault=fault, **environment)
        try:
            out, err = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *settings: str, fault: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """`nst run`, with settings as `--set` takes them."""
        options = [part for setting in settings for part in ("--set", setting)]
        return self.nst("run", "trial.yaml", *options, fault=fault, **environment)

    def rows(self) -> pd.DataFrame:
        return pd.read_parquet(self.run_folder / "results").set_index("pair_id").sort_index()

    def images(self) -> dict[str, bytes]:
        root = self.run_folder / "images"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def _faulty(self, fault: str) -> dict[str, str]:
        return {"PYTHONPATH": str(FAULTS), "NST_FAULT": fault} if fault else {}
