"""The summary of a run: counts, quarantine.csv and summary.json, computed from the results."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nst_core.errors import UnusableMask, printable
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results_reader import result_records
from nst_core.run_folder.status_counts import Outcomes, StatusCounts
from nst_core.run_folder.time_spent import TimeSpent
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.regular_files import read_regular

_COLUMNS = ["pair_id", "status", "error_class", "error_message", "content_path", "style_paths", "artist", "seconds",
            "device", "content_license", "style_license", "content_source_url"]  # fmt: skip

SUMMARY_FILE = "summary.json"
QUARANTINE_FILE = "quarantine.csv"


@dataclass(frozen=True)
class BadInput:
    """A bad input, and the number of pairs that it took down."""

    path: str
    role: str
    error_class: str
    reason: str
    pairs: int


@dataclass(frozen=True)
class Summary(StatusCounts):
    """Counts over all planned pairs of a run folder, and the time of the present run.

    Attributes:
        seconds: wall time of the run that wrote this, None where it did no work.
        images_per_second: images made by that run, over `seconds`.
        compute_seconds: summed over all successes ever, per pair.
        gpu_hours: the same for those made on a GPU, in hours.
        spent: seconds of that run's workers by what they were spent on; they overlap within a worker.
        by_artist: successes by artist.
        licenses: successes by licence of content and of style.
        attributions: where contents of successes come from, and under which licence.
    """

    seconds: float | None
    images_per_second: float | None
    compute_seconds: float
    gpu_hours: float
    by_artist: dict[str, int]
    bad_inputs: tuple[BadInput, ...] = ()
    licenses: dict[str, int] = field(default_factory=dict)
    attributions: tuple[tuple[str, str | None], ...] = ()
    spent: dict[str, float] | None = None

    @property
    def all_succeeded(self) -> bool:
        return self.success + self.skipped == self.planned


@dataclass(frozen=True)
class RunReport:
    """The end of a run.

    Attributes:
        made: images that it made.
        stale: pairs whose inputs have changed since they were planned.
        unreadable: a sentence for each folder of a source that could not be read.
    """

    folder: Path
    summary: Summary
    made: int
    stale: int
    unreadable: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every planned pair succeeded, and all of the sources could be read."""
        return self.summary.all_succeeded and not self.unreadable

    @property
    def gallery(self) -> Path | None:
        return self._page("gallery")

    @property
    def report(self) -> Path | None:
        return self._page("report")

    def _page(self, name: str) -> Path | None:
        """A page of the run folder, where there is one."""
        page = self.folder / name / "index.html"
        return page if page.is_file() else None


def summarize(
    run_folder: Path, plan: Plan, made: int = 0, seconds: float | None = None, spent: TimeSpent | None = None
) -> Summary:
    """Count the results of a run. `made`, `seconds` and `spent` are of the run that just ended, if one did."""
    outcomes: Outcomes = Counter()
    artists: Counter[str] = Counter()
    bad: list[BadInput] = []
    licenses: Counter[str] = Counter()
    attributions: set[tuple[str, str | None]] = set()
    compute = gpu = 0.0
    planned = {identity: place for place, identity in enumerate(plan.column("pair_id"))}
    for record in result_records(run_folder, _COLUMNS):
        if record["pair_id"] not in planned:
            continue
        outcomes[record["status"], record["error_class"]] += 1
        if record["status"] == "success":
            artists[record["artist"] or "unknown"] += 1
            compute += record["seconds"] or 0.0
            gpu += record["seconds"] or 0.0 if str(record["device"]).startswith("cuda") else 0.0
            licenses[f"content: {record['content_license'] or 'not stated'}"] += 1
            if record["style_paths"]:  # else it stayed unstylized
                licenses[f"style: {record['style_license'] or 'not stated'}"] += 1
            if record["content_source_url"]:
                attributions.add((record["content_source_url"], record["content_license"]))
        elif record["status"] == "quarantined":
            bad.append(bad_input(record, plan[planned[record["pair_id"]]].style_paths))
    return Summary(
        **vars(StatusCounts.of(len(planned), outcomes)),
        seconds=seconds,
        images_per_second=made / seconds if seconds else None,
        compute_seconds=compute,
        gpu_hours=gpu / 3600,
        by_artist=dict(sorted(artists.items())),
        bad_inputs=bad_inputs(bad),
        licenses=dict(licenses.most_common()),
        attributions=tuple(sorted(attributions, key=lambda found: (found[0], found[1] or ""))),
        spent=spent.as_dict() if spent is not None and seconds is not None else None,
    )


def write_summary(run_folder: Path, summary: Summary) -> None:
    """Write quarantine.csv and then, as the mark that all else is written, summary.json."""
    write_if_changed(run_folder / QUARANTINE_FILE, quarantine_csv(summary.bad_inputs).encode())
    numbers = {k: v for k, v in asdict(summary).items() if k not in ("bad_inputs", "licenses", "attributions")}
    write_if_changed(run_folder / SUMMARY_FILE, (json.dumps(numbers, indent=2, ensure_ascii=False) + "\n").encode())


def is_current(run_folder: Path, summary: Summary) -> bool:
    """Whether summary.json, which is written last, has the same counts: else a run was cut off before its end."""
    try:
        written = json.loads(read_regular(run_folder / SUMMARY_FILE))
    except (OSError, ValueError):
        return False
    return isinstance(written, dict) and not differing_counts(written, summary, summary.by_artist)


def differing_counts(written: Mapping[str, Any], counts: StatusCounts, by_artist: Mapping[str, int]) -> list[str]:
    """The keys of a summary.json, as it was read, whose values differ from the results."""
    names = ("planned", "success", "failed", "quarantined", "skipped", "missing", "errors")
    expected = {name: getattr(counts, name) for name in names} | {"by_artist": by_artist}
    return [name for name, value in expected.items() if written.get(name) != value]


def bad_input(record: Mapping[str, Any], style_paths: Sequence[str]) -> BadInput:
    """The input that took one quarantined pair down: its row's message reads `<path>: <reason>`.

    Args:
        style_paths: where the pair's styles lie by the plan; the row has where they lay when it was written.
    """
    message, error_class = record["error_message"] or "", record["error_class"] or "unknown"
    styles = (("style", path) for path in (*style_paths, *record["style_paths"]))
    for role, path in (("content", record["content_path"]), *styles):
        for shown in (printable(path), path):  # rows of before have it as it is
            if message.startswith(f"{shown}: "):
                return BadInput(path, role, error_class, message.removeprefix(f"{shown}: "), 1)
    if error_class == UnusableMask.__name__:
        path, _, reason = message.partition(": ")
        return BadInput(path, "mask", error_class, reason, 1)
    return BadInput(record["content_path"], "content", error_class, message, 1)


def bad_inputs(found: Iterable[BadInput]) -> tuple[BadInput, ...]:
    """Each bad input once, by path, with all the pairs that it took down."""
    bad: dict[tuple[str, str], BadInput] = {}
    for one in found:
        known = bad.get((one.path, one.role))
        bad[one.path, one.role] = replace(known, pairs=known.pairs + one.pairs) if known else one
    return tuple(bad[key] for key in sorted(bad))


def quarantine_csv(bad_inputs: Sequence[BadInput]) -> str:
    """The text of quarantine.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["path", "role", "error_class", "reason", "pairs"])
    writer.writerows([b.path, b.role, b.error_class, b.reason, b.pairs] for b in bad_inputs)
    return buffer.getvalue()
