"""The house as DESIGN draws it: who may import whom, lazy imports included."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "nst_core").rglob("*.py"))
ENGINE = sorted((ROOT / "nst_core" / "engine").rglob("*.py"))
ENGINE_NEEDS = {"torch", "torchvision", "numpy", "PIL", "nst_core.engine", "nst_core.errors"}
RECIPES_NEED = {"yaml", "nst_core.engine.recipe", "nst_core.errors"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, in full: `from nst_core import errors` is `nst_core.errors`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            submodules = node.module == "nst_core"
            yield from (f"{node.module}.{alias.name}" if submodules else str(node.module) for alias in node.names)


def allowed(module: str, names: set[str]) -> bool:
    """Whether a module is of the standard library, or one of `names`, or inside one of them."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(module == name or module.startswith(f"{name}.") for name in names)


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


@pytest.mark.parametrize("path", named(LIBRARY))
def test_the_library_knows_neither_flows_nor_prefect(path: Path) -> None:
    forbidden = [name for name in imports(path) if name.partition(".")[0].startswith(("flows", "prefect"))]
    assert forbidden == []


@pytest.mark.parametrize("path", named(ENGINE))
def test_the_engine_needs_torch_numpy_and_pillow_only(path: Path) -> None:
    assert [name for name in imports(path) if not allowed(name, ENGINE_NEEDS)] == []


def test_recipes_need_pyyaml_only() -> None:
    assert [name for name in imports(ROOT / "nst_core" / "recipes.py") if not allowed(name, RECIPES_NEED)] == []


def test_the_walk_sees_lazy_imports(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f():\n    import prefect.flows\n    from nst_core import errors\n    from flows import cli\n")
    assert list(imports(path)) == ["prefect.flows", "nst_core.errors", "flows"]


def test_the_engine_and_its_recipes_run_on_a_bare_machine() -> None:
    """Nothing but PyYAML beside the engine's own needs is loaded, through whatever it imports."""
    script = (
        "import sys, nst_core.recipes, nst_core.engine.session\n"
        "heavy = ('pandas', 'pydantic', 'pyarrow', 'prefect', 'pandera', 'typer', 'rich', 'skimage', 'flows')\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == []
