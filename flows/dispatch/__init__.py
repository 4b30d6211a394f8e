"""Handing chunks out: which, to whom, and again."""
