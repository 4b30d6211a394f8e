"""The section `method` of a run file: a recipe by name, and what is changed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from nst_core.config.default_recipe import AUTO, DefaultRecipe
from nst_core.config.location import person_path
from nst_core.engine.transfer.recipe import NETWORK_NAMES, MethodRecipe, is_network
from nst_core.recipes import load_method
from nst_core.recipes.files import TRANSFER, is_recipe_file
from nst_core.recipes.short_forms import with_weights_paths


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
        if "stages" in data:
            networks["stages"] = with_weights_paths(data["stages"], lambda path: str(person_path(path)))
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


def _person_paths(names: Any) -> Any:
    """The files of a network, expanded; anything else as it is, for the recipe to refuse."""
    if isinstance(names, list):
        return [_person_paths(name) for name in names]
    return str(person_path(names)) if isinstance(names, str) and names.strip() else names
