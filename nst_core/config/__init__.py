"""The run file: its sections, locations, fingerprint, devices, and the method that it resolves to."""
