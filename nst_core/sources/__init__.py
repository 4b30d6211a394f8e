"""Datasets to items: what a run file can name as a source, how it is downloaded, and what is in its files."""
