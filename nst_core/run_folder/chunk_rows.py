"""The rows of one chunk: read from its results file, and written there, also for pairs that have no image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.own_files import own_file_or_none
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result, Status, chunk_file, read_chunk, unfinished_result, write_results


def rows_file(run_folder: Path, chunk: Chunk) -> Path:
    """The path of a chunk's results file."""
    return chunk_file(run_folder, chunk.artist_slug, chunk.chunk_id)


def readable_rows(path: Path) -> dict[str, Result]:
    """The rows of an earlier results file by pair id; none where it is damaged: it will be replaced.

    Raises:
        OSError: the file system does not give it now, whatever it holds.
    """
    try:
        return read_chunk(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return {}  # pyarrow's, about the contents: the system's errors have a number
    except (pa.ArrowException, KeyError):
        return {}


def has_image(result: Result | None, run_folder: Path) -> bool:
    """Whether an earlier try of the chunk made a pair's image, and it is there."""
    if result is None or result.status != "success":
        return False
    path = own_file_or_none(run_folder, result.file_name)
    return path is not None and path.is_file()


def requested_ids(chunk: Chunk) -> frozenset[str]:
    """The ids of the pairs that this try of a chunk is to make."""
    return chunk.wanted if chunk.only is None else chunk.wanted & chunk.only


def write_rows(chunk: Chunk, latest: Mapping[str, Result], path: Path) -> None:
    """Write a chunk's rows, in the order of the plan; without any, no file."""
    rows = [latest[row.pair_id] for row in chunk.rows if row.pair_id in latest]
    if rows:
        write_results(rows, path)


def write_unfinished(
    chunk: Chunk, run_folder: Path, status: Status, error: BaseException, tries: int = 1
) -> Counter[str]:
    """Write the rows of requested pairs that could not be made; those that have their images keep their rows.

    Args:
        status: of the requested pairs that have no image.
        tries: how often they were tried in vain since their rows were last written.

    Returns:
        How many of the requested pairs have which status now.
    """
    path, requested = rows_file(run_folder, chunk), requested_ids(chunk)
    latest = readable_rows(path)
    for row in chunk.rows:
        if row.pair_id in requested and not has_image(latest.get(row.pair_id), run_folder):
            latest[row.pair_id] = _unfinished(row, status, error, tries, latest.get(row.pair_id))
    write_rows(chunk, latest, path)
    return Counter(latest[name].status for name in requested)


def _unfinished(row: PlannedPair, status: Status, error: BaseException, tries: int, before: Result | None) -> Result:
    attempts = tries + (before.attempts if before else 0)
    return unfinished_result(row, status, attempts, type(error).__name__, str(error) or type(error).__name__)
