"""The page of a sweep: every variant's pictures of the same pairs side by side, with losses, judges and seconds."""

from nst_core.views.sweep.page import build_sweep_page

__all__ = ["build_sweep_page"]
