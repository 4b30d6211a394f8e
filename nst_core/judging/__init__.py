"""Judging: the quality of a run's pictures, measured under a network that did not make them."""
