"""Scheduled runs: deployed flows, their credentials, logs and notifications."""
