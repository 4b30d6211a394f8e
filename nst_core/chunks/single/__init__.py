"""Single images, without a run folder."""
