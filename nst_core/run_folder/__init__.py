"""The record of a run: a module for each file of the run folder, its lock, and its verification."""
