"""Which images of an export may not be published, by the licences of their photographs and paintings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.errors import UsageError, printable
from nst_core.export.rows import Selection
from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import read_results, successes
from nst_core.sources.licenses import NO_LICENSE, publication_obstacle

_COLUMNS = ("pair_id", "status", "file_name", "content_license", "style_license", "style_paths")
_NAMED = 10
_LONGEST_CONDITION = 1000


@dataclass
class ForbiddenImages:
    """Images that may not be published for one reason.

    Attributes:
        content, style: the licences of their photographs and paintings; None where nothing is stated.
        names: the first of them, by file name.
    """

    reason: str
    content: str | None
    style: str | None
    count: int = 0
    names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = f" and {self.count - len(self.names)} more" if self.count > len(self.names) else ""
        return printable(f"{self.count} because {self.reason}: {', '.join(self.names)}{more}")


def forbidden_images(selection: Selection) -> list[ForbiddenImages]:
    """The images that may not be published, by their licences, in their order."""
    ids = pa.concat_arrays(list(selection.ids.values()))
    found: dict[tuple[str | None, str | None, bool], ForbiddenImages | None] = {}
    for part in read_results(result_files(selection.run), _COLUMNS, reduce=successes):
        table = part.table.filter(pc.is_in(part.table["pair_id"], ids))
        for row in table.to_pylist():
            key = (row["content_license"], row["style_license"], bool(row["style_paths"]))
            if key not in found:
                found[key] = _obstacle(*key)
            images = found[key]
            if images is None:
                continue
            images.count += 1
            if len(images.names) < _NAMED:
                images.names.append(row["file_name"] or row["pair_id"])
    ordered = (found[key] for key in sorted(found, key=str))
    return [some for some in ordered if some is not None]


def check_permitted(run: str, images: Sequence[ForbiddenImages], total: int) -> None:
    """Raise UsageError where there are such images: the message names them, and says how to leave them out."""
    if not images:
        return
    count = sum(some.count for some in images)
    condition = leave_out(images)
    without = f'Leave them out with --where "{condition}", or' if condition and count < total else "Ask, or"
    raise UsageError(
        f"{count} of the {total} images of {run} may not be published by their licences:\n"
        + "".join(f"  {some}\n" for some in images)
        + f"{without} publish them all the same with --force, if you have leave to."
    )


def leave_out(images: Iterable[ForbiddenImages]) -> str:
    """A condition (`--where`) that such images do not fulfil; empty where it would be too long."""
    single: dict[str, set[str]] = {"content_license": set(), "style_license": set()}
    clauses: list[str] = []
    for some in images:
        if publication_obstacle(some.content):
            single["content_license"].add(some.content or "")
        elif some.style is None or publication_obstacle(some.style):
            single["style_license"].add(some.style or "")
        else:
            clauses.append(f"not (content_license == {some.content!r} and style_license == {some.style!r})")
    # A comparison is never fulfilled where nothing is stated.
    clauses[:0] = [f"{column} not in {sorted(names)!r}" for column, names in single.items() if names]
    condition = " and ".join(dict.fromkeys(clauses))
    return condition if len(condition) <= _LONGEST_CONDITION and '"' not in condition else ""


def _obstacle(content: str | None, style: str | None, stylized: bool) -> ForbiddenImages | None:
    """The beginning of a list of images, where these licences forbid to publish them; unstylized ones have no style."""
    reason = publication_obstacle(content, *([style] if stylized else []))
    if reason is None:
        return None
    unstated = [name for name, license in (("photographs", content), ("paintings", style)) if not license]
    if reason == NO_LICENSE and unstated:
        reason = f"{reason} for their {' and '.join(unstated if stylized else unstated[:1])}"
    return ForbiddenImages(reason, content, style)
