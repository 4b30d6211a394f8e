"""The report of a run: what was asked, what came out, what it took; and two runs side by side."""

from nst_core.views.report.builder import build_report, make_report

__all__ = ["build_report", "make_report"]
