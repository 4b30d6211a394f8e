"""Trainings of networks: their images, their folder, and what drives a trainer of the engine."""
