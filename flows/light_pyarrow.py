"""pyarrow without pandas in the process of `nst`, which no command needs it for: a second less of start.

pyarrow loads pandas at the first `pyarrow.array(…)`, only to see whether its argument is a Series.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def keep_pandas_out() -> None:
    """Have pyarrow, once it is imported, take pandas for missing, unless that is loaded by then.

    For a process of our own alone: `to_pandas` cannot be used in it any more.
    """
    if "pyarrow" not in sys.modules:
        sys.meta_path.insert(0, _PyarrowFinder())


class _PyarrowFinder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "pyarrow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _look_for_pandas_in_vain(module)

            loader.exec_module = exec_module
        return spec


def _look_for_pandas_in_vain(pyarrow: Any) -> None:
    """Have pyarrow look for pandas, which it does once, while there seems to be none."""
    if "pandas" in sys.modules:
        return
    absence = _NoPandas()
    sys.meta_path.insert(0, absence)
    try:
        pyarrow.array([0])
    finally:
        sys.meta_path.remove(absence)


class _NoPandas(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)
        return None
