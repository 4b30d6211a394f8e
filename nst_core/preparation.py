"""From a run file to work: sources → pairs → plan part → chunks. The stations before the engine, in one line."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import nst_core
from nst_core.capacity import grouping
from nst_core.config import RunConfig
from nst_core.engine.devices import resolve_device, resolve_precision
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import session_for
from nst_core.errors import StrictInputs
from nst_core.fingerprint import FINGERPRINT_VERSION, Fingerprints, fingerprints
from nst_core.inputs import Input, file_state, inspect_inputs, present_hash
from nst_core.pairing import Pair, make_pairs
from nst_core.plan import EXTENSIONS, PlanContext, PlannedPair, input_limits, pair_id, plan_part
from nst_core.redaction import redacted, redacted_command
from nst_core.run_folder import Chunk, Outcome, RunFolder, done_pairs, pending_chunks
from nst_core.sources import open_source
from nst_core.sources.base import path_text
from nst_core.summary import is_current, summarize
from nst_core.worker import Work

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Method:
    """A recipe made definite on this machine.

    Attributes:
        recipe: with its precision resolved.
        min_side, min_style_side: shortest image side that its layers (style layers) can look at.
    """

    recipe: Recipe
    device: torch.device
    weights_sha256: str | None
    min_side: int
    min_style_side: int
    fingerprints: Fingerprints


@dataclass(frozen=True)
class State:
    """A run folder's plan against what is there.

    Attributes:
        plan: every planned pair, paths as the sources have them now.
        stale: pair ids whose inputs have other bytes than when they were planned.
        chunks: those with work left.
        done: pairs with nothing left to do.
    """

    plan: list[PlannedPair]
    stale: list[str]
    chunks: list[Chunk]
    done: int


def resolve_method(config: RunConfig) -> Method:
    """Load the extractor and fix device and precision. Raises ConfigError, WeightsError."""
    device = resolve_device(config.execution.device)
    recipe = resolve_precision(config.method.resolve(), device)
    extractor = session_for(recipe, device).extractor
    return Method(
        recipe,
        device,
        extractor.weights_sha256,
        extractor.min_side(recipe.layer_names()),
        extractor.min_side(recipe.style_names()),
        fingerprints(recipe, extractor.weights_sha256, config.output, config.pairing),
    )


def pairs_of(config: RunConfig, progress: Progress | None = None) -> list[Pair]:
    """Every pair that the run file asks for. Raises SourceError, ConfigError, ManifestError."""
    contents, styles = open_source(config.content, "content"), open_source(config.style, "style", progress)
    return make_pairs(config.pairing, contents, styles)


def new_part(
    config: RunConfig, method: Method, pairs: Sequence[Pair], folder: RunFolder, progress: Progress | None = None
) -> list[PlannedPair]:
    """The rows that `pairs` add to the plan in `folder` (which is not written): only their inputs are inspected."""
    earlier = folder.read_plan()
    known = {row.pair_id for row in earlier}
    fresh = [pair for pair in pairs if pair_id(pair, method.fingerprints.method) not in known]
    if not fresh:
        return []
    wanted = input_limits(fresh, config.content.limits(), config.style.limits())
    inputs: dict[Path, Input] = {}
    for found in inspect_inputs(wanted):
        inputs[found.path] = found
        if progress:
            progress(len(inputs), len(wanted))
    sides = (method.min_side, method.min_style_side)
    context = PlanContext(method.recipe, method.fingerprints, *sides, EXTENSIONS[config.output.format], inputs)
    groups = grouping(config.execution, method.recipe, method.device, len(fresh))
    return plan_part(folder.next_part(), fresh, earlier, context, groups)


def read_state(folder: RunFolder, pairs: Sequence[Pair] = (), method_fingerprint: str = "") -> State:
    """What the folder holds against its plan; `pairs` tell where their files lie now."""
    plan = _with_present_paths(folder.read_plan(), pairs, method_fingerprint)
    outcomes = folder.outcomes()
    stale = _stale(plan, outcomes)
    done = done_pairs(plan, outcomes, folder.image_files(), set(stale))
    return State(plan, stale, pending_chunks(plan, done), sum(done.values()))


def finished_state(config: RunConfig, method: Method, pairs: Sequence[Pair]) -> State | None:
    """The state of a run folder that holds all that `config` asks for, gallery included; None where work is left."""
    folder = RunFolder(config.run_folder)
    folder.check_method(method.fingerprints)
    wants_gallery = config.output.gallery and not (folder.root / "gallery" / "index.html").is_file()
    if not folder.exists() or wants_gallery:
        return None
    state = read_state(folder, pairs, method.fingerprints.method)
    planned = {row.pair_id for row in state.plan}
    new = any(pair_id(pair, method.fingerprints.method) not in planned for pair in pairs)
    if new or state.chunks or not is_current(folder.root, summarize(folder.root, state.plan)):
        return None
    return state


@dataclass(frozen=True)
class Preview:
    """What a run would do, counted. Shapes are those that are optimised, padded to the recipe's bucket."""

    pairs: int
    new_pairs: int
    done: int
    left: int
    chunks: int
    contents: int
    styles: int
    artists: int
    shapes: int
    bad_inputs: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "bad_inputs": list(self.bad_inputs)}


def preview(config: RunConfig, progress: Progress | None = None) -> Preview:
    """Count what `run` would do; writes nothing. Raises what `run` raises before it starts."""
    method = resolve_method(config)
    folder = RunFolder(config.run_folder)
    folder.check_writable()
    folder.check_method(method.fingerprints)
    pairs = pairs_of(config, progress)
    state = read_state(folder, pairs, method.fingerprints.method)
    new = new_part(config, method, pairs, folder, progress)
    rows = [*state.plan, *new]
    return Preview(
        pairs=len(rows),
        new_pairs=len(new),
        done=state.done,
        left=len(rows) - state.done,
        chunks=len(state.chunks) + len({row.chunk_id for row in new}),
        contents=len({row.content_id for row in rows}),
        styles=len({row.style_ids for row in rows}),
        artists=len({row.artist_slug for row in rows}),
        shapes=len({method.recipe.padded(row.width, row.height) for row in rows if not row.error_class}),
        bad_inputs=tuple(dict.fromkeys(row.error_message for row in rows if row.error_message)),
    )


def work_of(config: RunConfig, method: Method) -> Work:
    """What every chunk of this run needs to know."""
    return Work(
        run_folder=config.run_folder,
        recipe=method.recipe,
        weights_sha256=method.weights_sha256,
        output=config.output,
        content_limits=config.content.limits(),
        style_limits=config.style.limits(),
        device=str(method.device),
        threads=1 if config.execution.threads == "auto" else config.execution.threads,
        report_every=config.execution.report_every,
        evaluation=config.execution.evaluation,
    )


def run_file(config: RunConfig, method: Method) -> dict[str, Any]:
    """The contents of run.yaml."""
    packages = ("torch", "torchvision", "pillow", "numpy", "prefect", "pandas", "pyarrow")
    return {
        "config": redacted(config.model_dump(mode="json")),
        "fingerprint": method.fingerprints.run,
        "method_fingerprint": method.fingerprints.method,
        "fingerprint_version": FINGERPRINT_VERSION,
        "method_fingerprint_data": dict(method.fingerprints.method_data),
        "weights_sha256": method.weights_sha256,
        "device": str(method.device),
        "versions": {
            "nst": nst_core.__version__,
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "host": socket.gethostname(),
        "command": redacted_command(sys.argv),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def strict_check(rows: Sequence[PlannedPair]) -> None:
    """For `--strict`: raises StrictInputs, listing them, if any planned input is bad."""
    bad = list(dict.fromkeys(row.error_message for row in rows if row.error_message))
    if bad:
        shown = "\n".join(f"  {message}" for message in bad[:50])
        raise StrictInputs(f"{len(bad)} bad inputs, and --strict was given: nothing was started.\n{shown}")


def _with_present_paths(plan: list[PlannedPair], pairs: Sequence[Pair], method: str) -> list[PlannedPair]:
    """The plan with the paths that the sources give now: a dataset may have moved since it was planned."""
    present: Mapping[str, Pair] = {pair_id(pair, method): pair for pair in pairs}

    def moved(row: PlannedPair) -> PlannedPair:
        pair = present.get(row.pair_id)
        if pair is None:
            return row
        content, styles = path_text(pair.content.path), tuple(path_text(s.item.path) for s in pair.styles)
        if (content, styles) == (row.content_path, row.style_paths):
            return row
        return replace(row, content_path=content, style_paths=styles)

    return [moved(row) for row in plan]


def _stale(plan: Sequence[PlannedPair], outcomes: Mapping[str, Outcome]) -> list[str]:
    """Pairs whose inputs have other bytes than planned, or than their image was made of if that was later."""
    files = _Files({}, {})

    def stale(row: PlannedPair) -> bool:
        planned = [(row.content_path, row.content_sha256, row.content_bytes, row.content_mtime_ns)]
        planned += zip(row.style_paths, row.style_sha256, row.style_bytes, row.style_mtime_ns, strict=True)
        if not any(files.differ(path, sha256, (size, mtime)) for path, sha256, size, mtime in planned):
            return False
        made = outcomes.get(row.pair_id)
        return made is None or made.inputs != tuple(files.hash(path) for path, *_ in planned)

    return [row.pair_id for row in plan if stale(row)]


@dataclass(frozen=True)
class _Files:
    """What files hold now, each looked at once, and hashed only where size or time are not as planned."""

    states: dict[str, tuple[int, int]]
    hashes: dict[str, str | None]

    def differ(self, path: str, sha256: str | None, state: tuple[int, int]) -> bool:
        if path not in self.states:
            self.states[path] = file_state(Path(path))
        # A file that could not be read may be readable now, with the same size and time.
        return (self.states[path] != state or sha256 is None) and self.hash(path) != sha256

    def hash(self, path: str) -> str | None:
        if path not in self.hashes:
            self.hashes[path] = present_hash(path)
        return self.hashes[path]
