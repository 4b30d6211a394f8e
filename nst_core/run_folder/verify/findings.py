"""The findings of a verification: faults of a run folder, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "damaged_plan",
    "planned_twice",
    "damaged_part",
    "unplanned_part",
    "missing_row",
    "duplicate_row",
    "misplaced_row",
    "unplanned_row",
    "wrong_row",
    "missing_image",
    "changed_image",
    "unclaimed_image",
    "unplanned_image",
    "missing_input",
    "changed_input",
    "unplanned_input",
    "temporary_file",
    "wrong_quarantine",
    "wrong_summary",
]

_REMAKE = "delete the results file that is named, then `nst run`: its chunk is made again"

MENDING: dict[Kind, str] = {
    "damaged_plan": "restore the part from a copy, or start a new run folder",
    "planned_twice": "start a new run folder: this plan was not written by `nst run` alone",
    "damaged_part": "delete the file, then `nst run`: its chunk is made again",
    "unplanned_part": "delete the file, then `nst run`",
    "missing_row": "`nst run`",
    "duplicate_row": _REMAKE,
    "misplaced_row": _REMAKE,
    "unplanned_row": _REMAKE,
    "wrong_row": _REMAKE,
    "missing_image": "`nst run`",
    "changed_image": "delete the image, then `nst run`: it is made again, the same bits on the same machine",
    "unclaimed_image": "`nst retry`, or delete the image",
    "unplanned_image": "delete the image",
    "missing_input": "restore the file from a copy; the pictures that were made of it stay as they are",
    "changed_input": "restore the file from a copy; the pictures that were made of it stay as they are",
    "unplanned_input": "delete the file, or start `nst app` with this folder, which does",
    "temporary_file": "delete it; a run that finds work left clears them by itself",
    "wrong_quarantine": "delete summary.json, then `nst run`: both are written again",
    "wrong_summary": "`nst run`",
}
"""The remedy for every kind of finding, in the order in which kinds are reported."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a run folder.

    Attributes:
        subject: the pair's id, or the path of a file, relative to the run folder.
        sentence: the fault in words.
    """

    kind: Kind
    subject: str
    sentence: str


def counts(findings: Iterable[Finding]) -> dict[Kind, int]:
    """The number of findings of each kind, without kinds that have none."""
    found = Counter(finding.kind for finding in findings)
    return {kind: found[kind] for kind in MENDING if found[kind]}
