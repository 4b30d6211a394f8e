"""The house as docs/architecture.md draws it: who may import whom, lazy imports included."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ORDER = {
    "nst_core": [
        "errors", "storage", "engine", "networks", "transforms", "recipes", "config", "sources", "manifest",
        "run_folder", "plan", "judging", "describing", "views", "export", "publishing", "sweep", "chunks", "bench",
        "training", "app",
    ],
    "flows": [
        "causes", "light_pyarrow", "printing", "progress", "download_progress", "signals", "server", "runners",
        "dispatch", "download", "pipeline", "training", "deploy", "commands", "cli",
    ],
}  # fmt: skip
"""What stands in the two packages, from the ground up: each imports only what stands before it."""

BESIDE = {"flows": {"__main__"}}
"""Modules that everything else is below."""

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for house in ORDER
    for path in sorted((ROOT / house).rglob("*.py"))
}
RIDDLES = {
    "crew", "crews", "hands", "foreman", "outpost", "post", "office", "desk", "shelves", "studio", "workshop", "heart",
    "asked", "told", "made", "drawn", "noted", "looks", "spent", "presence", "faces", "cases",
}  # fmt: skip
"""Metaphors and bare participles, which tell a newcomer nothing."""

LIBRARY = sorted((ROOT / "nst_core").rglob("*.py"))
ENGINE = sorted((ROOT / "nst_core" / "engine").rglob("*.py"))
ENGINE_NEEDS = {"torch", "torchvision", "numpy", "PIL", "nst_core.engine", "nst_core.errors"}
RECIPES = sorted((ROOT / "nst_core" / "recipes").rglob("*.py"))
RECIPES_NEED = {
    "nst_core.engine.recipe", "nst_core.engine.stages", "nst_core.engine.terms", "nst_core.engine.transfer.recipe",
    "nst_core.engine.working_size", "nst_core.errors", "nst_core.recipes", "nst_core.storage.expansion",
    "nst_core.storage.yaml_files",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, in full: `from nst_core import errors` is `nst_core.errors`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            submodules = node.module == "nst_core"
            yield from (f"{node.module}.{alias.name}" if submodules else str(node.module) for alias in node.names)


def imported_modules(path: Path) -> Iterator[str]:
    """The modules of the two packages that a file imports, anywhere in it; of `from flows import cli`, `flows.cli`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in MODULES or node.module in MODULES:
                    yield full if full in MODULES else str(node.module)


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


@pytest.mark.parametrize("house", ORDER)
def test_the_order_names_what_is_there(house: str) -> None:
    entries = {
        path.stem for path in (ROOT / house).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert entries - {"__init__"} - BESIDE.get(house, set()) == set(ORDER[house])


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_only_those_below_it(module: str) -> None:
    house, _, rest = module.partition(".")
    own = rest.partition(".")[0]
    if own in ("", *BESIDE.get(house, ())):
        return
    below = ORDER[house][: ORDER[house].index(own) + 1]
    others = (name.split(".") for name in imported_modules(MODULES[module]))
    above = {".".join(parts) for parts in others if parts[0] == house and len(parts) > 1 and parts[1] not in below}
    assert above == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imported_modules(path)) - {module} for module, path in MODULES.items()}
    while free := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in free}
    assert sorted(graph) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_module_has_a_riddle_for_a_name(module: str) -> None:
    assert not RIDDLES.intersection(module.split("."))


def test_no_class_name_means_two_things() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", named(ENGINE))
def test_the_engine_needs_torch_numpy_and_pillow_only(path: Path) -> None:
    assert [name for name in imports(path) if not allowed(name, ENGINE_NEEDS)] == []


@pytest.mark.parametrize("path", named(RECIPES))
def test_recipes_need_pyyaml_only(path: Path) -> None:
    assert [name for name in imports(path) if not allowed(name, RECIPES_NEED)] == []


def test_the_walk_sees_lazy_imports(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f():\n    import prefect.flows\n    from nst_core import errors\n    from flows import cli\n")
    assert list(imports(path)) == ["prefect.flows", "nst_core.errors", "flows"]


def test_the_engine_its_recipes_and_transforms_run_on_a_bare_machine() -> None:
    """Nothing but PyYAML beside the engine's own needs is loaded, through whatever they import."""
    script = (
        "import sys, nst_core.recipes, nst_core.engine.session, nst_core.transforms\n"
        "heavy = ('pandas', 'pydantic', 'pyarrow', 'prefect', 'pandera', 'typer', 'rich', 'skimage', 'flows',"
        " 'onnxruntime')\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == []
