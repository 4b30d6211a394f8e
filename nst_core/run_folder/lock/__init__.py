"""Locks of a run folder: held by one run, or by several shards of a run at the same time."""
