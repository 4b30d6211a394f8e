"""Sources (datasets): what a run file can name, its items, its download, and the index of its image files."""
