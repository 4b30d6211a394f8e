"""Progress of long work, as a callback."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""A callback that takes (done, total), counted in the files, rows or steps that the function's docstring names."""
