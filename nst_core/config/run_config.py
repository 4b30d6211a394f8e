"""The run file: one YAML file that describes one run, validated. Any key can be overridden from the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from nst_core.config.default_recipe import DefaultRecipe, default_recipe
from nst_core.config.faults import faults as faults_of
from nst_core.config.location import Location, person_path
from nst_core.config.pairing import Pairing
from nst_core.config.sources import SOURCES, CocoSource, SampleSource, Section, SourceConfig
from nst_core.config.training import Training
from nst_core.engine.images.suffixes import OutputFormat
from nst_core.engine.tiling.settings import Tiling
from nst_core.engine.transfer.recipe import NETWORK_NAMES, MethodRecipe, TransferRecipe, is_network
from nst_core.errors import ConfigError, UsageError
from nst_core.recipes import TRANSFER, configs_folder, is_recipe_file, load_method, set_override
from nst_core.storage.disk import format_bytes, parse_bytes
from nst_core.storage.yaml_files import read_yaml

AUTO: Literal["auto"] = "auto"

LEAST_MEMORY = 100 * 10**6
"""Bytes that `execution.memory` must give; no network fits into less."""


class Method(BaseModel):
    """A recipe by name, plus overrides of any of its keys (they are those of `configs/methods/*.yaml`)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    recipe: str = Field(
        AUTO,
        description="A shipped recipe's name, or the path of a recipe file. `auto`: `fast` with a GPU, `slim` "
        "without; a run that has begun keeps what it began with. With `kind: transfer` and no recipe, that of the "
        "network.",
    )
    _reason: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _with_expanded_paths(cls, data: Any) -> Any:
        """`~` and variables in the paths of a recipe file and of weights, which no fingerprint holds, replaced."""
        if not isinstance(data, Mapping):
            return data
        paths = {
            key: str(person_path(value))
            for key in ("recipe", "weights")
            if isinstance(value := data.get(key), str) and (key == "weights" or is_recipe_file(value))
        }
        networks = {key: _person_paths(data[key]) for key in ("network", "start_network") if key in data}
        if isinstance(data.get("stages"), list):
            networks["stages"] = [_with_weights_path(stage) for stage in data["stages"]]
        start = data.get("start")
        if isinstance(start, list) or (isinstance(start, str) and is_network(start)):
            networks["start"] = _person_paths(start)
        return {**data, **paths, **networks}

    @property
    def reason(self) -> str:
        """Why this recipe was chosen, where the run file names none."""
        return self._reason

    def __eq__(self, other: object) -> bool:
        """Whether both ask for the same pictures, whoever named the recipe."""
        return isinstance(other, Method) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    def chosen(self, default: Callable[[], DefaultRecipe]) -> Method:
        """With the default recipe, which is not asked for where one is named, in place of `auto`."""
        if self.recipe != AUTO:
            return self
        own = self.model_extra or {}
        if own.get("kind") == TRANSFER:
            names = [own.get("network")] if isinstance(own.get("network"), str) else own.get("network")
            named = names[0] if isinstance(names, list) and len(names) == 1 and names[0] in NETWORK_NAMES else TRANSFER
            return self.model_copy(update={"recipe": named})
        chosen = default()
        method = self.model_copy(update={"recipe": chosen.name})
        method._reason = chosen.reason
        return method

    def resolve(self) -> MethodRecipe:
        """The recipe with its overrides. Raises ConfigError."""
        return load_method(self.recipe, self.model_extra or {})


def _with_weights_path(stage: Any) -> Any:
    """A stage of a recipe with the path of its weights expanded; anything else as it is, for the recipe to refuse."""
    if not isinstance(stage, Mapping) or not isinstance(stage.get("weights"), str):
        return stage
    return {**stage, "weights": str(person_path(stage["weights"]))}


def _person_paths(names: Any) -> Any:
    """The files of a network, expanded; anything else as it is, for the recipe to refuse."""
    if isinstance(names, list):
        return [_person_paths(name) for name in names]
    return str(person_path(names)) if isinstance(names, str) and names.strip() else names


class Execution(Section):
    """How the work is done; none of it changes a plan or a fingerprint."""

    runner: Literal["auto", "thread", "process", "ray", "dask"] = Field(
        AUTO,
        description="Where chunks are made: threads of this process, processes of this machine, or a cluster of Ray or "
        "Dask. `auto`: threads on the CPU, processes on GPUs.",
    )
    workers: PositiveInt | Literal["auto"] = Field(
        AUTO, description="Chunks at a time: as many as there are cores (CPU) or one per device."
    )
    threads: PositiveInt | Literal["auto"] = Field(
        AUTO,
        description="CPU threads per worker; `auto` is 1, which makes results independent of the number of cores. "
        "(`nst stylize`, with its single image, uses all.)",
    )
    devices: Literal["auto", "cpu"] | list[NonNegativeInt] = Field(
        AUTO, description="`auto` (all GPUs, else the CPU), `cpu`, or a list of GPUs by number, such as `[0, 1]`."
    )
    address: str | None = Field(
        None, description="Of the Ray or Dask cluster; by default one is started on this machine for the run."
    )
    chunk_size: PositiveInt | Literal["auto"] = Field(
        AUTO,
        description="Pairs per chunk, the unit of retry and of Parquet files: about 45 s of one worker's work, and not "
        "more than some 1 500 chunks.",
    )
    chunk_deadline: PositiveInt | None = Field(
        3600, description="Seconds that one try of a chunk may take: what it finished is kept, the rest tried again."
    )
    batch_size: PositiveInt | Literal["auto"] = Field(AUTO, description="Pairs that are optimised at once.")
    memory: str = Field(
        AUTO,
        description="Memory that the process that computes may take, or that it may take of its GPU, with its unit: "
        "`3GiB`, `800MB`. It decides batches, tiles and, on a CPU, workers. `auto`: a share of what is free.",
    )
    tile: Annotated[int, Field(ge=64)] | Literal["auto", "none"] = Field(
        AUTO,
        description="Side, in pixels, of the tiles in which large pictures are computed; the picture is the same, but "
        "for rounding. `auto`: in tiles, as large as memory allows, where one picture does not fit into it; `none`: "
        "never. Not with regions. See performance.md.",
    )
    retries: NonNegativeInt = Field(2, description="Further tries of a chunk after a transient error.")
    resume: Literal["if-possible", "never", "always"] = Field(
        "if-possible",
        description="Whether to go on in a run folder that is there already: `never` refuses one that holds a plan, "
        "`always` one that holds none.",
    )
    report_every: PositiveInt = Field(10, description="Evaluations between two looks from the host.")
    allow_private_addresses: bool = Field(
        False,
        description="Whether addresses inside the network may be asked where only data name them (a manifest, COCO's "
        "annotations), and data may name URLs of any kind. What the run file itself names needs no permission.",
    )
    evaluation: Literal["eager", "graph", "compile"] = Field(
        "eager",
        description="`eager`; `graph`: each batch's evaluation captured as a CUDA graph; `compile`: fused by "
        "torch.compile, anew for every shape (minutes).",
    )

    @field_validator("memory")
    @classmethod
    def _with_unit(cls, text: str) -> str:
        if text != AUTO and parse_bytes(text) < LEAST_MEMORY:
            raise ValueError(f"must be {format_bytes(LEAST_MEMORY)} or more")
        return text

    @property
    def memory_bytes(self) -> int | None:
        """The memory of a worker; None where it is left open."""
        return None if self.memory == AUTO else parse_bytes(self.memory)

    @property
    def tiling(self) -> Tiling:
        """When pictures are computed tile by tile, as the engine takes it."""
        return Tiling(self.tile, self.memory_bytes)


class Output(Section):
    """What is written, and where."""

    root: Location = Field(Path("outputs"), description="The run folder is `<root>/<name>`; may be a URL, e.g. s3://….")
    format: OutputFormat = Field(
        "jpeg", description="`png` loses nothing and takes several times the space; `jpeg` follows `quality`."
    )
    quality: int = Field(95, ge=1, le=100, description="Of JPEG files; `png` ignores it.")
    size: Literal["method", "original"] = Field(
        "method", description="`method`: as optimised; `original`: resized to the content's exact size."
    )
    gallery: bool = Field(True, description="Build the gallery at the end of a run.")
    report: bool = Field(True, description="Make the report at the end of a run.")
    judge: bool = Field(
        False,
        description="Measure how much of the content and how much of the style each picture has, before gallery and "
        "report are made (`nst judge`).",
    )
    describe: bool = Field(
        False,
        description="Describe the look of each picture in numbers before the gallery is made, which then shows what "
        "looks alike (`nst describe`).",
    )
    previews: PositiveInt | None = Field(
        None,
        description="Write every image as it starts and after each so many evaluations, too, into `previews/` of the "
        "run folder.",
    )


class RunConfig(Section):
    """A whole run file."""

    name: str = Field(
        "run",
        min_length=1,
        max_length=100,
        pattern=r"^[\w][\w .-]*$",
        description="Names the run folder, `<output.root>/<name>`; the run file's own name where it is left out.",
    )
    content: SourceConfig = Field(default_factory=SampleSource, description="The photographs, and what is left out.")
    style: SourceConfig = Field(default_factory=SampleSource, description="The paintings, and what is left out.")
    pairing: Pairing = Field(default_factory=Pairing, description="Which photograph meets which paintings.")
    method: Method = Field(default_factory=Method, description="How: a recipe, and any of its keys changed.")
    execution: Execution = Field(default_factory=Execution, description="On what, and how fast; changes no picture.")
    output: Output = Field(default_factory=Output, description="The files that come out, and where they go.")
    train: Training = Field(default_factory=Training, description="How `nst train` trains; no run reads it.")

    @property
    def run_folder(self) -> Path:
        return self.output.root / self.name


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Load the run file at `path`, or the shipped one of that name, with `key.sub=value` overrides.

    Raises:
        ConfigError: not there, not YAML, an unknown key (the nearest known one is suggested), or a wrong value.
    """
    found = _find(path)
    data = read_yaml(found, "run file")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{found} must be a mapping of sections, such as `content: photographs/`.")
    return parse_config({"name": found.stem, **data}, overrides, resumes=True)


def parse_config(data: Mapping[str, Any], overrides: Sequence[str] = (), resumes: bool = False) -> RunConfig:
    """Validate plain data as a run configuration. Raises ConfigError, which names every fault.

    Args:
        resumes: a recipe that is not named is that of the run folder, if there is one.
    """
    expanded = {key: _expand(key, value) for key, value in data.items() if value is not None}
    for override in overrides:
        set_override(expanded, override)
        expanded = {key: _expand(key, value) for key, value in expanded.items()}
    for role in ("content", "style"):
        expanded[role] = _with_source(expanded.get(role, {}))
    faults: list[str] = []
    try:
        config = RunConfig.model_validate(expanded)
    except ValidationError as error:
        faults += [*dict.fromkeys(faults_of(error, RunConfig)), *_recipe_faults(expanded.get("method", {}))]
    else:
        devices, folder = config.execution.devices, config.run_folder if resumes else None
        config = config.model_copy(update={"method": config.method.chosen(lambda: default_recipe(devices, folder))})
        faults += _recipe_faults(config.method) or _crop_faults(config)
    if faults:
        raise ConfigError("; ".join(faults) + ".")
    return config


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    shipped = configs_folder() / f"{path.stem}.yaml"
    if path.parent in (Path(), Path("configs")) and shipped.is_file():
        return shipped
    names = [p.stem for p in configs_folder().glob("*.yaml")]
    raise ConfigError(f"There is no run file {path}. Shipped ones: {', '.join(sorted(names))}.")


def _expand(key: str, value: Any) -> Any:
    """Expand short forms: `content: photographs/`, `style: artworks`, `method: gatys2016`, `pairing: grid`."""
    if not isinstance(value, str):
        return value
    if key in ("content", "style"):
        return {"source": value} if value in SOURCES and value != "folder" else {"source": "folder", "path": value}
    main_key = {"method": "recipe", "pairing": "strategy"}.get(key)
    return {main_key: value} if main_key else value


def _with_source(section: Any) -> Any:
    """Make a source without a name or a path the built-in one."""
    named = not isinstance(section, Mapping) or "source" in section or "path" in section
    return section if named else {"source": "sample", **section}


def _crop_faults(config: RunConfig) -> list[str]:
    """What does not go with pictures that show a part of their contents only."""
    recipe = config.method.resolve()
    if not isinstance(recipe, TransferRecipe) or recipe.crop is None:
        return []
    found = {
        "output.size: original": config.output.size == "original",
        "content.source: coco, whose boxes would not fit": isinstance(config.content, CocoSource),
    }
    return [f"method.crop does not go with {what}: leave one of them out" for what, is_so in found.items() if is_so]


def _recipe_faults(section: Any) -> list[str]:
    """The fault of the recipe or its overrides; faults of the section itself are found by the model."""
    try:
        Method.model_validate(section).chosen(lambda: default_recipe("cpu")).resolve()
    except ValidationError:
        return []
    except UsageError as error:
        return [str(error).removesuffix(".")]
    return []
