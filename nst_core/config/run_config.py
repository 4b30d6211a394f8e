"""The run file: one YAML file that describes one run, validated. Any key can be overridden from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nst_core.config.default_recipe import default_recipe
from nst_core.config.execution import Execution
from nst_core.config.faults import faults as faults_of
from nst_core.config.method import Method
from nst_core.config.output import Output
from nst_core.config.pairing import Pairing
from nst_core.config.section import Section
from nst_core.config.sources import SOURCES, CocoSource, SampleSource, SourceConfig
from nst_core.config.training import Training
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError, UsageError
from nst_core.recipes.files import configs_folder
from nst_core.recipes.overrides import set_override
from nst_core.storage.yaml_files import read_yaml


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
