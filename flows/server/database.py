"""The database of the run's own Prefect server: in a temporary folder that is deleted however the run ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from nst_core.storage.machine import cache_folder

PREFIX = "nst-prefect-db-"
DATABASE = "prefect.db"
_OWNER = "owner.lock"


@contextlib.contextmanager
def temporary_database() -> Iterator[Path]:
    """A folder for a fresh database; after the first time a copy of an empty one, which saves the migrations."""
    _remove_orphans(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name, _owned(Path(name)):
        with contextlib.suppress(OSError):
            shutil.copyfile(_template(), Path(name) / DATABASE)
        yield Path(name)


def keep_empty_copy(folder: Path) -> None:
    """Copy the schema, without rows, of the database in `folder`, whose server has started, for the next run.

    Only a cache: errors are ignored.
    """
    template = _template()
    if template.exists():
        return
    temporary = template.with_suffix(f".{os.getpid()}.tmp")
    with contextlib.suppress(OSError, sqlite3.Error):
        template.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(sqlite3.connect(folder / DATABASE)) as source,
            contextlib.closing(sqlite3.connect(temporary)) as copy,
        ):
            source.backup(copy)
            _empty(copy)
        temporary.replace(template)
    temporary.unlink(missing_ok=True)


def _template() -> Path:
    return cache_folder() / f"prefect-{version('prefect')}.db"


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold a lock in the folder while this process lives; the file gets its name when the lock is held."""
    unnamed = folder / f"{_OWNER}.new"
    with FileLock(unnamed):
        unnamed.rename(folder / _OWNER)
        yield


def _remove_orphans(temporary: Path) -> None:
    """Delete the folders of runs that were killed together with their server."""
    for lock in temporary.glob(f"{PREFIX}*/{_OWNER}"):
        with contextlib.suppress(OSError), FileLock(lock, timeout=0):  # another user's, just removed, or of a live run
            shutil.rmtree(lock.parent, ignore_errors=True)


def _empty(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.execute("PRAGMA foreign_keys = OFF")
    for (name,) in tables:
        if name not in ("alembic_version", "sqlite_sequence") and not name.startswith("sqlite_"):
            connection.execute(f'DELETE FROM "{name}"')
    connection.commit()
    connection.execute("VACUUM")
