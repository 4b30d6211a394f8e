"""Verification: whether a run folder is sound and complete."""
