"""`python -m flows` is `nst`."""

from flows.cli import script

script()
