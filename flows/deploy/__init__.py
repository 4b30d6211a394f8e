"""Runs on a schedule: deployed flows, their credentials, and word of what became of them."""
