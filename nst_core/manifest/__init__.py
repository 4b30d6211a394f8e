"""Items to pairs: drawn by a strategy, or as a manifest (CSV) says."""
