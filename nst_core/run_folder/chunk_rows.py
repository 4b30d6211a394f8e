"""The rows of one chunk: what its results file holds, and what is written there of pairs of which nothing came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result, Status, chunk_file, read_chunk, unfinished_result, write_results


def rows_file(run_folder: Path, chunk: Chunk) -> Path:
    """Where the rows of a chunk lie."""
    return chunk_file(run_folder, chunk.artist_slug, chunk.chunk_id)


def readable_rows(path: Path) -> dict[str, Result]:
    """The rows of an earlier results file; a damaged one is as good as none, and is replaced.

    Raises:
        OSError: it cannot be read now, which says nothing about what it holds.
    """
    try:
        return read_chunk(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return {}  # pyarrow's, about the contents: the system's errors have a number
    except (pa.ArrowException, KeyError):
        return {}


def is_made(result: Result | None, run_folder: Path) -> bool:
    """Whether a pair has its image: an earlier try of the chunk may have got that far."""
    return result is not None and result.status == "success" and (run_folder / str(result.file_name)).is_file()


def asked_of(chunk: Chunk) -> frozenset[str]:
    """The ids that this try of a chunk is to make."""
    return chunk.wanted if chunk.only is None else chunk.wanted & chunk.only


def write_rows(chunk: Chunk, latest: Mapping[str, Result], path: Path) -> None:
    """Write a chunk's rows, in the order of the plan, as far as there are any."""
    rows = [latest[row.pair_id] for row in chunk.rows if row.pair_id in latest]
    if rows:
        write_results(rows, path)


def note_unfinished(
    chunk: Chunk, run_folder: Path, status: Status, error: BaseException, tries: int = 1
) -> Counter[str]:
    """Write what became of pairs that could not be made; those of them that have their images keep their rows.

    Args:
        status: of the pairs that were asked for and have no image.
        tries: how often they were tried in vain since their rows were last written.

    Returns:
        How many of the pairs that were asked for have which status now.
    """
    path, asked = rows_file(run_folder, chunk), asked_of(chunk)
    latest = readable_rows(path)
    for row in chunk.rows:
        if row.pair_id in asked and not is_made(latest.get(row.pair_id), run_folder):
            latest[row.pair_id] = _unfinished(row, status, error, tries, latest.get(row.pair_id))
    write_rows(chunk, latest, path)
    return Counter(latest[name].status for name in asked)


def _unfinished(row: PlannedPair, status: Status, error: BaseException, tries: int, before: Result | None) -> Result:
    attempts = tries + (before.attempts if before else 0)
    return unfinished_result(row, status, attempts, type(error).__name__, str(error) or type(error).__name__)
