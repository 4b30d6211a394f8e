"""The images of a run, checked before they are exported: inside the run folder, and with the bytes of their rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from nst_core.engine.images.suffixes import OUTPUT_SUFFIXES
from nst_core.errors import CorruptImage, InputError, MissingImage, UnreadableImage
from nst_core.export.rows import ExportRow
from nst_core.run_folder.own_files import ForeignFile, check_own_file
from nst_core.storage.paths import is_local
from nst_core.storage.regular_files import read_regular

_PLAIN_STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,180}")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def image_path(run: Path, row: ExportRow) -> Path:
    """The path of a row's image. A run folder may come from somebody else: its rows must not lead out of it.

    Raises:
        InputError: there is no such file, or it is none that a run folder has.
    """
    name = PurePosixPath(row.file_name)
    if not _SAFE_ID.fullmatch(row.pair_id):
        raise InputError(row.file_name, f"its pair id {row.pair_id!r} is none")
    if name.is_absolute() or ".." in name.parts or "\0" in row.file_name or "\\" in row.file_name:
        raise InputError(row.file_name, "its row leads outside of the run folder")
    if name.suffix.lower() not in OUTPUT_SUFFIXES:
        raise InputError(row.file_name, f"its name does not end in {', '.join(OUTPUT_SUFFIXES)}")
    try:
        path = check_own_file(run, row.file_name)
        if is_local(run):
            path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingImage(row.file_name, "there is no such file") from error
    except ForeignFile as error:
        raise InputError(row.file_name, "is not a file of the run folder") from error
    except OSError as error:
        raise UnreadableImage(row.file_name, f"cannot be read ({error})") from error
    return path


def image_bytes(path: Path, row: ExportRow) -> bytes:
    """The bytes of an image. Raises InputError unless they match its row."""
    try:
        data = read_regular(path, follow=False)
    except FileNotFoundError as error:
        raise MissingImage(row.file_name, "there is no such file") from error
    except OSError as error:
        raise UnreadableImage(row.file_name, f"cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != row.columns["output_sha256"]:
        raise CorruptImage(row.file_name, "its bytes are not those that were written (output_sha256)")
    if min(row.size) <= 0:
        raise CorruptImage(row.file_name, "its row tells no width and height")
    return data


def export_names(rows: Sequence[ExportRow]) -> dict[str, str]:
    """A file name for each pair id, distinct within one folder: the run's own where it is plain, else the pair id."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for row in rows:
        path = PurePosixPath(row.file_name)
        suffix = path.suffix.lower()
        plain = _PLAIN_STEM.fullmatch(path.stem) and path.stem.endswith(row.pair_id[:8])
        name = f"{path.stem}{suffix}" if plain else f"{row.pair_id}{suffix}"
        names[row.pair_id] = name if name not in used else f"{row.pair_id}{suffix}"
        used.add(names[row.pair_id])
    return names
