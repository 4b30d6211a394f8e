"""The reasons of pairs without an image, with examples and advice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nst_core import errors
from nst_core.errors import (
    InputError,
    NumericalError,
    ResourceError,
    SkippedInput,
    TransientError,
    UnusableMask,
)
from nst_core.run_folder.without_folders import base_name, style_names, without_folders

_EXAMPLES = 5
_MOST_MESSAGES = 2_000

_ADVICE = {
    "MissingImage": "Put the file where its source has it, then run again: the pair is made once the file is there.",
    "UnreadableName": "Rename the file, then run again: it is a new image to the run.",
    "UnreadableImage": "Give yourself the right to read the file, then `nst retry`.",
    "UnavailableImage": "See that its server gives it (sign its address anew in the manifest if it is signed), then "
    "run again.",
    "PrivateAddressImage": "If it is meant to be asked, set `execution.allow_private_addresses`, then run again.",
    "ImageTooLarge": "Scale the image down, or allow more with `max_pixels` of its source; then `nst retry`.",
    "SlowImage": "Save it anew as an ordinary JPEG or PNG, or allow more with `decode_seconds` of its source.",
    "ImageTooSmall": "Leave it out, or allow it with `min_side` of its source if the method can; then `nst retry`.",
    "UnusableMask": "Correct the mask, then run again: its pair is planned anew, and this one is left out.",
    "ReplacedMask": "Nothing: the pair was planned anew, with the mask that is there now.",
    "PoisonPair": "Its process died whenever it was made alone. Look at the image and at the machine's memory, "
    "then `nst retry`.",
    "ExcludedLicense": "Nothing: `exclude_licenses` of the run file asks for it.",
    "DuplicateImage": "Nothing: `duplicates` of the run file asks for it.",
    "ChunkTimeout": "Raise `execution.chunk_deadline` or make chunks smaller, then run again: it goes on by itself.",
    "NumericalError": "Lower `method.optimiser.learning_rate` or the style weight, in a run of another name.",
    "OutOfMemory": "Lower `method.size`, or use a device with more memory; run again to try once more.",
}


@dataclass(frozen=True)
class MessageExample:
    """A message, without folders, an example of its pairs, and their number."""

    message: str
    content: str
    style: str
    pairs: int


@dataclass(frozen=True)
class Reason:
    """A reason why pairs have no image.

    Attributes:
        status: `failed`, `quarantined` or `skipped`.
        name: of the error's class.
        advice: the remedy, in one sentence or two.
        different: the number of different messages, of which the commonest are the examples.
    """

    status: str
    name: str
    pairs: int
    advice: str
    examples: tuple[MessageExample, ...]
    different: int


class Messages:
    """The messages of rows without an image, counted file by file."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], dict[str, list[Any]]] = {}

    def take(self, table: pa.Table) -> None:
        """Count the messages of a file. Of one reason only the first few thousand different ones are counted."""
        status = table["status"].cast(pa.string())
        rows = table.filter(pc.not_equal(status, "success").fill_null(True))
        columns = ("status", "error_class", "error_message", "content_path", "style_paths")
        for row in rows.select(columns).to_pylist():
            messages = self._messages.setdefault((row["status"] or "unknown", row["error_class"] or "unknown"), {})
            named = [row["content_path"], *row["style_paths"], _mask_path(row)]
            message = without_folders(row["error_message"] or "", named)
            if message in messages:
                messages[message][-1] += 1
            elif len(messages) < _MOST_MESSAGES:
                messages[message] = [base_name(row["content_path"]), style_names(row["style_paths"]), 1]

    def reasons(self, counts: Counter[tuple[str, str]]) -> tuple[Reason, ...]:
        """The reasons by status, those of the most pairs first; `counts`: pairs by status and error class."""
        ordered = sorted(counts.items(), key=lambda one: (_ORDER.get(one[0][0], 3), -one[1], one[0]))
        return tuple(self._reason(status, name, pairs) for (status, name), pairs in ordered)

    def _reason(self, status: str, name: str, pairs: int) -> Reason:
        messages = self._messages.get((status, name), {})
        commonest = sorted(messages.items(), key=lambda one: -one[1][-1])[:_EXAMPLES]
        examples = tuple(MessageExample(message, *more) for message, more in commonest)
        return Reason(status, name, pairs, advice(status, name), examples, len(messages))


def _mask_path(row: dict[str, Any]) -> str | None:
    return row["error_message"].partition(": ")[0] if row["error_class"] == UnusableMask.__name__ else None


_ORDER = {"failed": 0, "quarantined": 1, "skipped": 2}


def advice(status: str, name: str) -> str:
    """The remedy for pairs of this status and class of error."""
    if name in _ADVICE:
        return _ADVICE[name]
    kind = getattr(errors, name, None)
    kind = kind if isinstance(kind, type) else Exception
    if issubclass(kind, SkippedInput) or status == "skipped":
        return "Nothing: the run file asks for it."
    if issubclass(kind, InputError):
        return "The file itself is bad: replace it, then run again (its change is noticed), or leave it out."
    if issubclass(kind, TransientError | ResourceError | NumericalError):
        return "It may pass: run again, and failed pairs are tried once more."
    if status == "quarantined":
        return "It is not tried again by itself: `nst retry` does, whatever has changed."
    return "Run again: failed pairs are tried once more. If it comes back, the logs of its chunk say when it began."
