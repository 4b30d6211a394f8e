"""The report of a run: settings, outcome, losses, time and cost; and of two runs side by side."""

from nst_core.views.report.builder import build_report

__all__ = ["build_report"]
