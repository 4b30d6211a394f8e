"""The run folder: the only record of what is planned and what is done."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from nst_core.errors import RunFolderError, StorageRefused
from nst_core.run_folder.lock.acquisition import RUN_LOCK
from nst_core.run_folder.lock.run_lock import RunLock, hold, read_holders
from nst_core.run_folder.plan_table import DICTIONARY_COLUMNS, PLAN_SCHEMA, Plan, concat_plans, with_later_columns
from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import result_records
from nst_core.run_folder.shard import Shard
from nst_core.storage.atomic import atomic_path, remove_temporaries, write_text_atomic
from nst_core.storage.paths import check_store_writable, files_below, is_local, parquet_source
from nst_core.storage.regular_files import check_regular, read_regular_text

if TYPE_CHECKING:
    from nst_core.config.fingerprint import Fingerprints

RUN_YAML = "run.yaml"

GALLERY = "gallery"
"""The folder of a run's own gallery."""

METHODS = "methods"
"""The key of run.yaml for the methods by their fingerprints, in a folder whose rows have methods of their own."""

FILES_LEFT_OUT = "files_left_out"
"""The key of run.yaml that counts the files of both sources that were left out when the run was last planned."""


@dataclass(frozen=True)
class Outcome:
    """The result of one pair; `inputs`: sha256 of content and styles as they were used."""

    status: str
    file_name: str | None
    attempts: int
    inputs: tuple[str | None, ...] = ()
    error_class: str | None = None


class RunFolder:
    """Reads and writes one run folder, except for images and results, which the chunks write."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """The folder's name."""
        return (self.root.resolve() if is_local(self.root) else self.root).name

    @property
    def run_name(self) -> str:
        """The name in run.yaml, where there is one; else the folder's."""
        try:
            data = self.read_run_yaml()
        except RunFolderError:  # a name needs no run.yaml, least of all a sound one
            data = {}
        for section in (data, data.get("config")):
            if isinstance(section, dict) and section.get("name"):
                return str(section["name"])
        return self.name

    def exists(self) -> bool:
        """Whether there is a run file or a plan."""
        return (self.root / RUN_YAML).is_file() or any(self.plan_files())

    def holds_run(self) -> bool:
        """Whether there is a run: a run.yaml that a run wrote, a plan, or results. A folder at a store that may not be
        read counts as none.
        """
        try:
            data = self.read_run_yaml()
        except RunFolderError:
            data = {}
        except StorageRefused:
            return False
        return "config" in data or any(self.plan_files()) or any(True for _ in result_files(self.root))

    def check_exists(self) -> None:
        """Check that this is a run folder. Raises RunFolderError."""
        if not self.exists():
            raise RunFolderError(
                f"{self.root} is not a run folder: it has no {RUN_YAML}. Run folders are made by `nst run`."
            )

    def check_writable(self) -> None:
        """Check that the folder, or the nearest one above it that exists, can be written.

        Raises:
            RunFolderError: it cannot.
            UsageError, StorageUnreachable: a store cannot be written.
        """
        if not is_local(self.root):
            check_store_writable(self.root)
            return
        nearest = next(path for path in (self.root, *self.root.absolute().parents) if os.path.lexists(path))
        try:
            tempfile.TemporaryFile(dir=nearest).close()
        except OSError as error:
            raise RunFolderError(
                f"The run folder {self.root} cannot be written ({error.strerror}): choose another with output.root."
            ) from error

    @contextlib.contextmanager
    def locked(
        self, shard: Shard | None = None, say: Callable[[str], object] = lambda sentence: None
    ) -> Iterator[RunLock]:
        """Hold the folder for this process, alone or for one shard of the run; makes the folder if need be.

        Deletes files that killed processes left half-written, once nobody else can be writing. `say` is called with a
        sentence where the lock of a dead process is taken over.

        Raises:
            RunFolderError: another process holds it, or it cannot be written.
        """
        try:
            with hold(self.root, shard, say, self.remove_leftovers) as held:
                yield held
        except BaseException:
            self._remove_if_unused()
            raise

    def _remove_if_unused(self) -> None:
        """Remove the folder where it never held anything but locks, as when `--strict` refuses the first run."""
        if not is_local(self.root):
            return
        with contextlib.suppress(OSError, RunFolderError):
            if any(holder.alive is not False for holder in read_holders(self.root)):
                return
            entries = list(self.root.iterdir())
            if all(path.name.startswith(RUN_LOCK) for path in entries):
                for lock in entries:
                    lock.unlink()
                self.root.rmdir()

    def remove_leftovers(self) -> None:
        """Delete files that killed processes left half-written. Only while nobody can be writing.

        Those in `gallery/` are left to its next build: another process may be building it, under a lock of its own.
        """
        if not is_local(self.root):
            return
        remove_temporaries(self.root, deep=False)
        for entry in self.root.iterdir():
            if entry.name != GALLERY and entry.is_dir() and not entry.is_symlink():
                remove_temporaries(entry)

    def read_run_yaml(self) -> dict[str, Any]:
        """The contents of run.yaml; empty where there is none yet. Raises RunFolderError if it is damaged."""
        path = self.root / RUN_YAML
        try:
            data = yaml.safe_load(read_regular_text(path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise RunFolderError(f"{path} cannot be read ({error}): restore it, or use another run folder.") from error
        return data if isinstance(data, dict) else {}

    def check_method(self, new: Fingerprints) -> None:
        """Check that a run has the method of the folder. Raises RunFolderError, which names the keys that differ."""
        from nst_core.config.fingerprint import changed_keys

        data = self.read_run_yaml()
        stored = data.get("method_fingerprint_data")
        if METHODS in data:
            raise RunFolderError(
                f"{self.root} belongs to `nst app`, which makes every image by a method of its own: give this run "
                "another name (--set name=…); pictures that failed there are asked for again on its page."
            )
        if not stored:
            self._check_plan(new)
        elif changed := changed_keys(stored, new.method_data):
            raise RunFolderError(
                f"The images in {self.root} were made by another method. Changed: {', '.join(changed)}. "
                "Change it back, or give this run another name (--set name=…)."
            )

    def check_resume(self, resume: str) -> None:
        """Check what `execution.resume` demands: `never` that there is no plan yet, `always` that there is one.

        Raises:
            RunFolderError: it is not so.
        """
        planned = any(self.plan_files())
        if resume == "never" and planned:
            raise RunFolderError(
                f"{self.root} holds a run already, and resume is never: give this one another name (--set name=…), or "
                "go on with that one (--resume if-possible)."
            )
        if resume == "always" and not planned:
            raise RunFolderError(f"There is no run to resume in {self.root}: start it with --resume if-possible.")

    def _check_plan(self, new: Fingerprints) -> None:
        """Check the method by the plan, where run.yaml was lost."""
        if any(made_by != new.method for (made_by,) in self.read_plan().distinct("method_fingerprint")):
            raise RunFolderError(
                f"The images in {self.root} were made by another method, and its {RUN_YAML} is not there to say which: "
                "restore it, or give this run another name (--set name=…)."
            )

    def write_run_yaml(self, data: Mapping[str, Any]) -> None:
        """Write run.yaml, unless its contents are the same already, apart from command and time."""
        volatile = ("command", "created_at")
        stored = self.read_run_yaml()
        if {k: v for k, v in stored.items() if k not in volatile} == {
            k: v for k, v in data.items() if k not in volatile
        }:
            return
        text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)
        write_text_atomic(self.root / RUN_YAML, text)

    def read_plan(self) -> Plan:
        """Every planned pair, in the order of the parts. Raises RunFolderError if a part is damaged."""
        return concat_plans([_read_part(path) for path in self.plan_files()])

    def read_part(self, number: int) -> Plan:
        """One part of the plan. Raises RunFolderError if it is damaged."""
        return _read_part(self._part(number))

    def next_part(self) -> int:
        """The number of the plan part to write next."""
        return max((int(path.stem.removeprefix("part-")) for path in self.plan_files()), default=-1) + 1

    def append_plan(self, number: int, tables: Iterable[pa.Table]) -> None:
        """Write a plan part, once and for all."""
        with (
            atomic_path(self._part(number)) as temporary,
            pq.ParquetWriter(temporary, PLAN_SCHEMA, compression="zstd", write_page_checksum=True) as writer,
        ):
            for table in tables:
                writer.write_table(table)

    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each pair that has a row, by id."""
        outcomes = {}
        columns = ["pair_id", "status", "file_name", "attempts", "content_sha256", "style_sha256", "error_class"]
        for record in result_records(self.root, columns):
            styles = (sha256 or None for sha256 in (record["style_sha256"] or "").split(";"))
            inputs = (record["content_sha256"], *styles)
            outcomes[record["pair_id"]] = Outcome(
                record["status"], record["file_name"], record["attempts"], inputs, record["error_class"]
            )
        return outcomes

    def image_files(self) -> set[str]:
        """Every file below `images/`, relative to the run folder."""
        return {f"images/{name}" for name in files_below(self.root / "images")}

    def _part(self, number: int) -> Path:
        return self.root / "plan" / f"part-{number:05d}.parquet"

    def plan_files(self) -> list[Path]:
        """The plan's parts, in their order."""
        return sorted((self.root / "plan").glob("part-[0-9][0-9][0-9][0-9][0-9].parquet"))


def _read_part(path: Path) -> Plan:
    try:
        check_regular(path)
        source = parquet_source(path)
        part = pq.ParquetFile(source, read_dictionary=DICTIONARY_COLUMNS, page_checksum_verification=True)
        plan = concat_plans([Plan(with_later_columns(part.read()))])
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(f"The plan part {path} is damaged: restore it, or use another run folder.") from error
    _check_inside(plan)
    return plan


def _check_inside(plan: Plan) -> None:
    """Check that no path of the plan leads out of the run folder, which may come from somebody else."""
    names = plan.table.column("file_name")
    outside = names.filter(pc.match_substring_regex(names, r"^/|(^|/)\.\.(/|$)|\x00"))
    parts = [part for pair in plan.distinct("artist_slug", "chunk_id") for part in pair]
    bad = [
        *outside.to_pylist()[:1],
        *(part for part in parts if "/" in part or "\0" in part or part in ("", ".", "..")),
    ]
    if bad:
        raise RunFolderError(f"The plan names a file outside of its run folder ({bad[0]!r}): do not trust it.")
