"""Pairs to a plan part: drafted, inspected, named, in chunks; and how a plan stands against the run folder."""
