"""Who works in a run folder: one run that has it for itself, or shards that share it."""
