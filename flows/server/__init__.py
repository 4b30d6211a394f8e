"""Prefect's server, and the views of a run on it."""
