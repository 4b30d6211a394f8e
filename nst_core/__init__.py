"""The library behind `nst`: sources, manifest, plan, engine, run folder, gallery. Never imports flows or Prefect."""

__version__ = "0.1.0"
