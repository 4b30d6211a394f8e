"""Run folders without a run."""

from __future__ import annotations

from run_folders import files_of, make_run

__all__ = ["files_of", "make_run"]
