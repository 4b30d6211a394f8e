"""Storage: paths on disks and at stores, atomic writes, free space, slugs, secrets, this machine."""
