"""Prefect's server, and what it shows of a run."""
