"""Crews: where the chunks of a run are made."""
