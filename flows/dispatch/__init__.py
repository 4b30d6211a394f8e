"""Dispatch: the chunks of a run given to a runner, tried again where that may help."""
