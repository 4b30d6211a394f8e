"""Commands of `nst`; `flows.cli.COMMANDS` says which module holds which."""
