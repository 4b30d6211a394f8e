"""The run folder: the only truth about what is planned and what is done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from nst_core.atomic import atomic_path, disk_full_as_error, remove_temporaries, write_text_atomic
from nst_core.errors import RunFolderError
from nst_core.fingerprint import Fingerprints, changed_keys
from nst_core.plan import PlannedPair
from nst_core.results import result_records

RUN_FILE = "run.yaml"

PLAN_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("chunk_id", pa.string()),
        ("batch", pa.int32()),
        ("content_id", pa.string()),
        ("content_path", pa.string()),
        ("style_ids", pa.list_(pa.string())),
        ("style_paths", pa.list_(pa.string())),
        ("style_shares", pa.list_(pa.float64())),
        ("artist", pa.string()),
        ("artist_slug", pa.string()),
        ("genre", pa.string()),
        ("label", pa.string()),
        ("label_slug", pa.string()),
        ("split", pa.string()),
        ("split_slug", pa.string()),
        ("file_name", pa.string()),
        ("replicate", pa.int32()),
        ("style_weight", pa.float64()),
        ("content_weight", pa.float64()),
        ("size", pa.int32()),
        ("seed", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("content_sha256", pa.string()),
        ("style_sha256", pa.list_(pa.string())),
        ("content_bytes", pa.int64()),
        ("content_mtime_ns", pa.int64()),
        ("style_bytes", pa.list_(pa.int64())),
        ("style_mtime_ns", pa.list_(pa.int64())),
        ("error_class", pa.string()),
        ("error_message", pa.string()),
        ("content_license", pa.string()),
        ("content_source_url", pa.string()),
        ("style_license", pa.string()),
        ("fingerprint", pa.string()),
        ("method_fingerprint", pa.string()),
        ("extras", pa.map_(pa.string(), pa.string())),
    ]
)
"""The columns of a plan part: the fields of `PlannedPair`."""


@dataclass(frozen=True)
class Outcome:
    """What the results say of one pair; `inputs`: sha256 of content and styles as they were used."""

    status: str
    file_name: str | None
    attempts: int
    inputs: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """A task: the planned pairs of one chunk, and those among them (by id) that are still to be made."""

    chunk_id: str
    artist_slug: str
    rows: tuple[PlannedPair, ...]
    wanted: frozenset[str]


class RunFolder:
    """Reads and writes the parts of one run folder, except for images and results, which the chunks write."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        return self.root.name

    def exists(self) -> bool:
        """Whether this is a run folder at all."""
        return (self.root / RUN_FILE).is_file() or any(self._plan_files())

    def check_writable(self) -> None:
        """Raises RunFolderError where the folder, or the nearest one above it that exists, cannot be written."""
        nearest = next(path for path in (self.root, *self.root.absolute().parents) if os.path.lexists(path))
        try:
            tempfile.TemporaryFile(dir=nearest).close()
        except OSError as error:
            raise RunFolderError(
                f"The run folder {self.root} cannot be written ({error.strerror}): choose another with output.root."
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; makes it if need be, and clears what a killed process left half-written.

        Raises:
            RunFolderError: another process holds it, or it cannot be written.
        """
        try:
            with disk_full_as_error(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunFolderError(
                f"The run folder {self.root} cannot be written ({error.strerror}): choose another with output.root."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RunFolderError(f"Another nst process is working in {self.root}: wait for it to end.") from error
        try:
            remove_temporaries(self.root)
            yield
        finally:
            os.close(descriptor)  # which releases the lock

    def read_run_file(self) -> dict[str, Any]:
        """The contents of run.yaml; empty where there is none yet. Raises RunFolderError if it is damaged."""
        path = self.root / RUN_FILE
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise RunFolderError(f"{path} cannot be read ({error}): restore it, or use another run folder.") from error
        return data if isinstance(data, dict) else {}

    def check_method(self, new: Fingerprints) -> None:
        """Refuse to mix methods: raises RunFolderError that names the keys in which this run differs."""
        stored = self.read_run_file().get("method_fingerprint_data")
        if not stored:
            self._check_plan(new)
        elif changed := changed_keys(stored, new.method_data):
            raise RunFolderError(
                f"The images in {self.root} were made by another method. Changed: {', '.join(changed)}. "
                "Change it back, or give this run another name (--set name=…)."
            )

    def _check_plan(self, new: Fingerprints) -> None:
        """What `check_method` can do where run.yaml was lost."""
        if any(row.method_fingerprint != new.method for row in self.read_plan()):
            raise RunFolderError(
                f"The images in {self.root} were made by another method, and its {RUN_FILE} is not there to say which: "
                "restore it, or give this run another name (--set name=…)."
            )

    def write_run_file(self, data: Mapping[str, Any]) -> None:
        """Write run.yaml, unless it says the same already (apart from the command and the time)."""
        volatile = ("command", "created_at")
        stored = self.read_run_file()
        if {k: v for k, v in stored.items() if k not in volatile} == {
            k: v for k, v in data.items() if k not in volatile
        }:
            return
        text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)
        write_text_atomic(self.root / RUN_FILE, text)

    def read_plan(self) -> list[PlannedPair]:
        """Every planned pair, in the order of the parts. Raises RunFolderError if a part is damaged."""
        rows = []
        for path in self._plan_files():
            try:
                records = pq.ParquetFile(path).read().to_pylist()
            except (pa.ArrowException, OSError) as error:
                raise RunFolderError(
                    f"The plan part {path} is damaged: restore it, or use another run folder."
                ) from error
            rows += [_planned_pair(record) for record in records]
        return rows

    def next_part(self) -> int:
        """The number of the plan part to write next."""
        return max((int(path.stem.removeprefix("part-")) for path in self._plan_files()), default=-1) + 1

    def append_plan(self, number: int, rows: Sequence[PlannedPair]) -> None:
        """Write a plan part, once and for all."""
        records = [{**row.__dict__, "extras": list(row.extras.items())} for row in rows]
        with atomic_path(self.root / "plan" / f"part-{number:05d}.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(records, schema=PLAN_SCHEMA), temporary, compression="zstd")

    def outcomes(self) -> dict[str, Outcome]:
        """What became of each pair, by id. A damaged results file counts as not there: its chunk is made again."""
        outcomes = {}
        columns = ["pair_id", "status", "file_name", "attempts", "content_sha256", "style_sha256"]
        for record in result_records(self.root, columns):
            styles = (sha256 or None for sha256 in (record["style_sha256"] or "").split(";"))
            inputs = (record["content_sha256"], *styles)
            outcomes[record["pair_id"]] = Outcome(record["status"], record["file_name"], record["attempts"], inputs)
        return outcomes

    def image_files(self) -> set[str]:
        """Every file below `images/`, relative to the run folder."""
        return {
            Path(folder, name).relative_to(self.root).as_posix()
            for folder, _, names in os.walk(self.root / "images")
            for name in names
        }

    def _plan_files(self) -> list[Path]:
        return sorted((self.root / "plan").glob("part-[0-9][0-9][0-9][0-9][0-9].parquet"))


def pending_chunks(rows: Iterable[PlannedPair], done: Mapping[str, bool]) -> list[Chunk]:
    """The chunks with work left, in the order of the plan; `done` says of each pair id whether nothing is."""
    chunks: dict[str, list[PlannedPair]] = {}
    for row in rows:
        chunks.setdefault(row.chunk_id, []).append(row)
    pending = []
    for chunk_id, members in chunks.items():
        wanted = frozenset(row.pair_id for row in members if not done.get(row.pair_id, False))
        if wanted:
            pending.append(Chunk(chunk_id, members[0].artist_slug, tuple(members), wanted))
    return pending


def done_pairs(
    rows: Sequence[PlannedPair], outcomes: Mapping[str, Outcome], images: set[str], changed: set[str]
) -> dict[str, bool]:
    """Whether each planned pair needs no more work.

    A success is done while its image is there. A quarantined pair is done unless its inputs have changed since the plan
    (then whatever was wrong may have been mended). A failed one is tried again.
    """

    def done(row: PlannedPair) -> bool:
        outcome = outcomes.get(row.pair_id)
        if outcome is None:
            return False
        if outcome.status == "success":
            return outcome.file_name in images
        return outcome.status == "skipped" or (outcome.status == "quarantined" and row.pair_id not in changed)

    return {row.pair_id: done(row) for row in rows}


def _planned_pair(record: Mapping[str, Any]) -> PlannedPair:
    _check_inside(record["file_name"], record["artist_slug"], record["chunk_id"])
    values = {f.name: record[f.name] for f in fields(PlannedPair)}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
    values["extras"] = dict(record["extras"])
    return PlannedPair(**values)


def _check_inside(file_name: str, *parts: str) -> None:
    """A run folder may come from somebody else: what its plan says must not make us write outside of it."""
    path = PurePosixPath(file_name)
    if path.is_absolute() or ".." in path.parts or any("/" in part or part in ("", ".", "..") for part in parts):
        raise RunFolderError(f"The plan names a file outside of its run folder ({file_name!r}): do not trust it.")
