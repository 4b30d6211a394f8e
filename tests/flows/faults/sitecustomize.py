"""Faults for processes that a test starts with this folder on PYTHONPATH. `NST_FAULT` says which, as `kind:argument`.

The product has no hooks for tests: what is to go wrong is put over its functions when their module is loaded.
"""

import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
from pathlib import Path

KIND, _, ARGUMENT = os.environ.get("NST_FAULT", "").partition(":")


def has_happened():
    """Whether a fault that is to happen once has done so; it counts as happening now."""
    if once := os.environ.get("NST_FAULT_ONCE"):
        try:
            Path(once).touch(exist_ok=False)
        except FileExistsError:
            return True
    return False


def at(name):
    """What happens when the image of that name is read."""
    if KIND == "delete":
        Path(os.environ["NST_FAULT_FILE"]).unlink(missing_ok=True)
    if name != ARGUMENT or has_happened():
        return
    if KIND == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif KIND == "abort":
        os.abort()
    elif KIND == "cuda":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    elif KIND == "io":
        raise OSError(5, "Input/output error")
    elif KIND == "hang":
        time.sleep(3600)


def in_decoding(module):
    original = module.read_scaled

    def read_scaled(request):
        at(request.path.name)
        return original(request)

    module.read_scaled = read_scaled


def in_session(module):
    original, calls = module.stylize_batch, []

    def stylize_batch(pairs, *rest):
        calls.append(len(pairs.contents))
        while KIND == "gate" and len(calls) > int(ARGUMENT) and not Path(os.environ["NST_FAULT_FILE"]).exists():
            time.sleep(0.05)
        if KIND == "memory" and len(pairs.contents) > int(ARGUMENT):
            raise module.torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        if KIND == "endless" and not has_happened():
            time.sleep(3600)
        return original(pairs, *rest)

    module.stylize_batch = stylize_batch


def in_runners(module):
    from collections import Counter

    from nst_core.run_folder.chunk_rows import rows_file, write_rows
    from nst_core.run_folder.results import unfinished_result
    from nst_core.run_folder.time_spent import TimeSpent

    def nothing(chunk, work, watch, attempt):
        """Rows without images."""
        rows = {row.pair_id: unfinished_result(row, "failed", 1, "Dummy", "not made") for row in chunk.rows}
        write_rows(chunk, rows, rows_file(work.run_folder, chunk))
        return module.ChunkReport(Counter(failed=len(rows)), TimeSpent())

    if grace := os.environ.get("NST_FAULT_GRACE"):
        module.GRACE = float(grace)
    if KIND == "dummy":
        module.stylize_chunk = nothing


def seconds_off():
    """By how much the clock is wrong now: what the file that the fault names says."""
    try:
        return float(Path(ARGUMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0.0


def in_results(module):
    if KIND == "clock":
        module.datetime = Jumping


if KIND == "clock":
    import datetime as dates

    right_time, right_time_ns = time.time, time.time_ns
    time.time = lambda: right_time() + seconds_off()
    time.time_ns = lambda: right_time_ns() + int(1e9 * seconds_off())

    class Jumping(dates.datetime):
        """A date of a clock that jumps."""

        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + dates.timedelta(seconds=seconds_off())


def in_server(module):
    if KIND == "no-server":
        module.MAX_RESTARTS = 0


def in_atomic(module):
    """The disk is full when the checkpoint of a training is written for the time that the fault names."""
    original, written = module.os.replace, []

    def replace(source, target):
        if Path(target).name == "checkpoint.pt":
            written.append(target)
            if len(written) == int(ARGUMENT):
                raise OSError(28, "No space left on device")
        original(source, target)

    if KIND == "full":
        module.os.replace = replace


PATCHES = {
    "nst_core.storage.atomic": in_atomic,
    "flows.server.run_server": in_server,
    "nst_core.run_folder.results": in_results,
    "nst_core.chunks.decoding": in_decoding,
    "nst_core.engine.session": in_session,
    "flows.runners.base": in_runners,
}


class Patching(importlib.abc.MetaPathFinder):
    """Loads a module as usual, then changes it."""

    def find_spec(self, name, path, target=None):
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            PATCHES[name](module)

        spec.loader.exec_module = exec_module
        return spec


if KIND:
    sys.meta_path.insert(0, Patching())
