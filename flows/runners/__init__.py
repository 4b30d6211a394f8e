"""Runners: where the chunks of a run are stylized. Threads, processes, or the workers of a cluster."""
