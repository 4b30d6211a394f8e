"""The rules for run files that visitors upload: what they may read, where they write, how much they may ask for.

A run file is the words of whoever may use the machine; an uploaded one is not. So what it says is taken only where it
is known to be harmless: it reads the folders that the app was given, writes a new folder beside the other runs, and
names no address, no file of weights, no device and no amount of memory.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from nst_core.app.limits import Limits, with_limits
from nst_core.app.recipe_options import missing_files
from nst_core.app.request_errors import RequestError
from nst_core.app.runs.settings import RunSettings
from nst_core.config.execution import Execution
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.config.sources import CocoSource, DownloadedSource, SampleSource, SourceConfig
from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import ConfigError, UsageError, printable, short
from nst_core.networks.files import PINNED_WEIGHTS, named_files
from nst_core.recipes import load_method, recipe_names
from nst_core.recipes.files import TRANSFER
from nst_core.recipes.plain_data import recipe_dict
from nst_core.storage.yaml_files import parse_yaml

MACHINE_KEYS = (
    "runner", "workers", "threads", "devices", "address", "batch_size", "memory", "tile", "allow_private_addresses",
    "evaluation",
)  # fmt: skip
"""Keys of `execution` that say what of the machine is used: the app's own values hold for every uploaded run file."""

MOST_IN_EXECUTION = {"chunk_size": 10_000, "chunk_deadline": 3600, "retries": 10, "report_every": 1000}

MOST_IN_PAIRING = {"styles_per_content": 1000, "replicates": 1000, "blend": 16}

MOST_IN_METHOD = {
    "evaluations": 20_000, "scales": 4096, "bucket": 512, "history": 100, "laplacian_levels": 16, "laplacian_pool": 64,
    "gain_window": 65, "positions": 20_000, "projections": 4096, "patch": 16, "stride": 64, "edge": 256,
}  # fmt: skip
"""The largest numbers, by key, that a method may have: they bound its memory and time. Shipped recipes keep to them."""

MOST_TERMS = 8
"""Terms of style beside the first."""

MOST_LETTERS = 3000
"""Of what is said of a refused file."""

STYLE_FACTOR = 2
"""How much larger than a result its style may be."""

_NOT_IN_NAMES = re.compile(r"[^\w .-]|^[^\w]+")


@dataclass(frozen=True)
class RunFileRules:
    """The rules. `execution`: of the app's own run file."""

    settings: RunSettings
    limits: Limits
    execution: Execution

    def read(self, data: bytes, file_name: str) -> RunConfig:
        """The run that an uploaded file describes, bounded. Raises RequestError, which says all that is wrong."""
        try:
            written = parse_yaml(data.decode("utf-8-sig"), "it")
        except UnicodeDecodeError as error:
            raise _refusal("it is no text in UTF-8.") from error
        except ConfigError as error:
            raise _refusal(str(error)) from error
        if not isinstance(written, Mapping):
            raise _refusal("it must be a mapping of sections, such as `content: photographs/`.")
        if found := list(_faults_as_written(written)):
            raise _refusal("; ".join(dict.fromkeys(found)) + ".")
        try:
            config = parse_config({"name": _name_of(file_name), **written})
        except UsageError as error:
            raise _refusal(str(error)) from error
        return self.bounded(config)

    def bounded(self, config: RunConfig) -> RunConfig:
        """The run as it may be made here. Raises RequestError."""
        found = [
            *self._source_faults("content", config.content),
            *self._source_faults("style", config.style),
            *self._pairing_faults(config),
            *self._method_faults(config.method.resolve()),
            *self._execution_faults(config.execution),
            *self._output_faults(config),
        ]
        if found:
            raise _refusal("; ".join(found) + ".")
        return self.here(with_limits(config, self.limits), self.settings.folder)

    def here(self, config: RunConfig, root: Path) -> RunConfig:
        """The run with the app's devices, in a run folder below `root`."""
        machine = {key: getattr(self.execution, key) for key in MACHINE_KEYS}
        output = config.output.model_copy(update={"root": root})
        return config.model_copy(update={"execution": config.execution.model_copy(update=machine), "output": output})

    def reading_faults(self, config: RunConfig) -> list[str]:
        """What of a run would read files that nobody may have read from here."""
        sources = (*self._source_faults("content", config.content), *self._source_faults("style", config.style))
        return [*sources, *self._manifest_faults(config), *_file_faults(config.method.resolve())]

    def _source_faults(self, role: str, source: SourceConfig) -> Iterator[str]:
        if isinstance(source, SampleSource):
            if not any(_is_inside(source.path, folder) for folder in self.settings.samples):
                yield f"{role}.path is where the built-in pictures are put, which is settled here: leave it out"
            return
        yield from self._path_faults(f"{role}.path", source.path)
        if isinstance(source, DownloadedSource) and source.download:
            yield f"{role}.download: nothing is downloaded from here: leave it out"
        if isinstance(source, CocoSource):
            files = [file for file in (*source.annotation_files, source.region_annotations) if file is not None]
            for file in files:
                yield from self._path_faults(f"{role}.annotations", file)

    def _path_faults(self, key: str, path: Path) -> Iterator[str]:
        """Nothing is looked up on the disk: what lies outside must not be told by the answer."""
        folders = self.settings.data
        if any(_is_inside(path, folder) for folder in folders):
            return
        known = ", ".join(map(str, folders)) or "none; only built-in pictures, `sample`"
        yield f"{key} is {short(str(path))}, which is in none of the folders that may be read here ({known})"

    def _manifest_faults(self, config: RunConfig) -> Iterator[str]:
        if config.pairing.manifest is not None:
            yield from self._path_faults("pairing.manifest", config.pairing.manifest)

    def _pairing_faults(self, config: RunConfig) -> Iterator[str]:
        yield from self._manifest_faults(config)
        yield from _too_large("pairing", config.pairing.model_dump(), MOST_IN_PAIRING)
        if len(config.pairing.strengths or ()) > 100:
            yield "pairing.strengths has more than 100 numbers"

    def _method_faults(self, recipe: MethodRecipe) -> Iterator[str]:
        files = list(_file_faults(recipe))
        yield from files
        yield from _too_large("method", recipe_dict(recipe), MOST_IN_METHOD)
        for key, side, most in _sides(recipe, self.limits.size):
            if side > most:
                yield f"{key} asks for a side of {side} pixels, and {most} is the most here"
        if isinstance(recipe, Recipe) and len(recipe.style.beside) > MOST_TERMS:
            yield f"method.style.beside has {len(recipe.style.beside)} terms, and {MOST_TERMS} is the most here"
        if not files and (reason := missing_files(recipe)):  # else it would look for the file
            yield f"the recipe {short(recipe.name)} cannot run here: {reason.removesuffix('.')}"

    def _execution_faults(self, execution: Execution) -> Iterator[str]:
        default = Execution()
        for key in MACHINE_KEYS:
            if getattr(execution, key) not in (getattr(default, key), getattr(self.execution, key)):
                yield f"execution.{key} is for whoever runs this server to say: leave it out"
        yield from _too_large("execution", execution.model_dump(), MOST_IN_EXECUTION)
        if execution.chunk_deadline is None:
            yield f"execution.chunk_deadline must be a number of seconds, {MOST_IN_EXECUTION['chunk_deadline']} at most"

    def _output_faults(self, config: RunConfig) -> Iterator[str]:
        root = config.output.root
        if root != Path("outputs") and (".." in root.parts or _absolute(root) != _absolute(self.settings.folder)):
            yield f"output.root is {short(str(root))}, and runs are written below {self.settings.folder}: leave it out"
        if config.output.previews is not None:
            yield "output.previews fills the disk: leave it out"


def run_file_text(config: RunConfig) -> str:
    """A run file that says all of a configuration; it is JSON, and so YAML. Raises RequestError."""
    try:
        return json.dumps(config.model_dump(mode="json", exclude={"train"}), indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise _refusal("it has a number that is not finite.") from error


def _refusal(reason: str) -> RequestError:
    sentence = printable(reason)
    if len(sentence) > MOST_LETTERS:
        sentence = f"{sentence[:MOST_LETTERS]}…"
    return RequestError(422, f"The run file is refused: {sentence}")


def _faults_as_written(data: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the texts of a run file before anything is made of them: no variable is looked up."""
    for key, text in _texts(data, ""):
        if "://" in text:
            yield f"{key} names an address, and only folders of this server may be read"
        elif "$" in text or text.startswith("~"):
            yield f"{key} has a variable or ~ in it, and none is filled in here: write the path out"
        elif "\0" in text:
            yield f"{key} holds a zero byte"
    method = data.get("method")
    recipe = method.get("recipe") if isinstance(method, Mapping) else method
    if isinstance(recipe, str) and recipe not in ("auto", TRANSFER, *recipe_names()):
        yield (
            f"method.recipe is {short(recipe)}, and must be the name of a shipped recipe here "
            f"({', '.join(recipe_names())}): write what differs beside it"
        )


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text in plain data, with its key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}".removeprefix(".")[:100])
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)


def _file_faults(recipe: MethodRecipe) -> Iterator[str]:
    """Files of networks that a method names, but for those that a shipped recipe names: to load one is to trust it."""
    found = set(named_files(recipe))
    if isinstance(recipe, Recipe) and recipe.weights not in PINNED_WEIGHTS:
        found.add(("weights", recipe.weights))  # also where the extractor has none
    for key, path in sorted(found):
        if path not in _shipped_files():
            yield f"method.{key} is {short(path)}: no file of a network may be named from here, only what is shipped"


@functools.cache
def _shipped_files() -> frozenset[str]:
    return frozenset(path for name in recipe_names() for _, path in named_files(load_method(name)))


def _sides(recipe: MethodRecipe, most: int) -> Iterator[tuple[str, int, int]]:
    """Sides of pictures that a method makes, or is shown: key, pixels, and how many there may be.

    No scale or stage has a larger one than the last, whose side is the size.
    """
    yield "method.size", recipe.size, most
    yield "method.style_scale", round(min(recipe.style_scale, 1e6) * recipe.size), STYLE_FACTOR * most
    if isinstance(recipe, TransferRecipe):
        yield "method.style_size", recipe.style_size or 0, STYLE_FACTOR * most


def _too_large(where: str, data: Any, most: Mapping[str, int]) -> Iterator[str]:
    """The numbers that are above those of `most`, anywhere in plain data."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            numbers = value if isinstance(value, list) else [value]
            if key in most and any(isinstance(one, int | float) and not one <= most[key] for one in numbers):
                yield f"{where}.{key} is {str(value)[:100]}, and {most[key]} is the most here"
            yield from _too_large(f"{where}.{key}", value, most)
    elif isinstance(data, list):
        for value in data:
            yield from _too_large(where, value, most)


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, as it is written, lies in a folder; links in the folder are its owner's."""
    return ".." not in PurePath(path).parts and _absolute(path).is_relative_to(_absolute(folder))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (pathlib's does not take out `..`)


def _name_of(file_name: str) -> str:
    """A run's name made of its file's."""
    stem = PurePath(file_name.replace("\\", "/")).stem
    return _NOT_IN_NAMES.sub("", stem)[:100].strip() or "run"
