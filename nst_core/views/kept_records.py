"""`records.json` of a gallery: what its last build knew, so that the next one need not ask a store for it again.

It only saves reading: each entry says which state of which files it is about, and counts as not there once those have
changed. What it holds: the rows and artists of results files at a store; which pairs a contact sheet shows, and what
from; of a gallery at a store, the `made.json` of all artists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.regular_files import read_regular

RECORDS_FILE = "records.json"
_FORMAT = 1


class KeptRecords:
    """The contents of `records.json`: JSON values by section and key. Damaged or strange ones count as not there."""

    def __init__(self, gallery: Path) -> None:
        self._path = gallery / RECORDS_FILE
        self._written, self._sections = self._read()

    def section(self, name: str) -> dict[str, Any]:
        """The entries of a section, to be read, added to and changed."""
        section = self._sections.setdefault(name, {})
        if not isinstance(section, dict):
            section = self._sections[name] = {}
        return section

    def write(self) -> None:
        """Write what has changed. No file is made for nothing."""
        sections = {name: section for name, section in self._sections.items() if section}
        if not sections and not self._written:
            return
        data = json.dumps({"format": _FORMAT, **sections}, separators=(",", ":")).encode()
        if data != self._written:
            write_bytes_atomic(self._path, data)
            self._written = data

    def _read(self) -> tuple[bytes, dict[str, Any]]:
        try:
            data = read_regular(self._path, follow=False)
        except OSError:
            return b"", {}
        try:
            sections = json.loads(data)
            current = sections.pop("format") == _FORMAT
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return data, {}
        return data, sections if current else {}
