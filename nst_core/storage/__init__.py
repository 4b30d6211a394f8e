"""Where bytes lie: paths and stores, atomic writes, room on the disk, slugs, secrets, this machine."""
