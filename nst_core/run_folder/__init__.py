"""The record of a run: the modules that read and write the files of a run folder, its lock, and its verification."""
