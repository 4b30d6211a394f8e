"""Describing: the pictures and paintings of a run as numbers, by which those that look alike are found."""
