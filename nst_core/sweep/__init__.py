"""A sweep: the same few pairs made with every combination of some settings, each combination a run of its own."""
