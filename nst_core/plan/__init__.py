"""Pairs to a plan part: tabulated, inspected, named, in chunks; and the state of a run folder against its plan."""
