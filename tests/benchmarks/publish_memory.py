"""Peak memory of sending one tar to a Hub on this machine, by Xet and by plain HTTPS.

    uv run python tests/benchmarks/publish_memory.py 64 400 1024

The tar is random bytes, which neither compress nor repeat. The Hub is a process of its own, and holds twice the tar.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1] / "nst_core"
MIB = 2**20


def serve() -> None:
    """A Hub until the standard input ends."""
    from hub_stand_in import running_hub

    with running_hub() as hub:
        hub.cas.grants_enabled = False  # their checksum is slow in Python
        print(hub.address, flush=True)
        sys.stdin.read()


def send(tar: Path) -> None:
    """Print the peak before and after, in MiB, and the seconds between."""
    from nst_core.publishing.hub import HubRepository

    repository = HubRepository("ada/tars")
    repository.create()
    repository.commit("What is loaded once", {"first.png": b"x" * 1000})
    before, start = peak(), time.perf_counter()
    repository.commit("A tar", {"train-000000.tar": tar})
    print(f"| {before:.0f} | {peak() - before:.0f} | {time.perf_counter() - start:.1f} |")


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(size: int, by_xet: bool, folder: Path) -> str:
    from hub_stand_in import TOKEN

    tar = folder / f"{size}.tar"
    if not tar.exists():
        rng = np.random.default_rng(size)
        with tar.open("wb") as file:
            for _ in range(size):
                file.write(rng.bytes(MIB))
    script = [sys.executable, __file__]
    with subprocess.Popen([*script, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        told = {
            **os.environ,
            "HF_ENDPOINT": hub.stdout.readline().strip(),
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_DISABLE_XET": "0" if by_xet else "1",
        }
        row = subprocess.run([*script, "--send", str(tar)], env=told, stdout=subprocess.PIPE, text=True, check=True)
        hub.communicate()
    return f"| {size} | {'Xet' if by_xet else 'HTTPS'} {row.stdout.strip()}"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[64, 400], help="MiB")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--send", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.send:
        send(given.send)
    else:
        print("| tar, MiB | by | peak before, MiB | more | s |\n|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            for size in given.sizes:
                for by_xet in (True, False):
                    print(measure(size, by_xet, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
