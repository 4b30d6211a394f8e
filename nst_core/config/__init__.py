"""The run file: its sections, where it lets things lie, its fingerprint, and the method that it resolves to."""
