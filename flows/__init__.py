"""Orchestration: Prefect flows over `nst_core`, and the command line. The only place that imports Prefect."""
