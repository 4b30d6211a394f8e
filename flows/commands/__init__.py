"""The commands of `nst`, one module each."""
