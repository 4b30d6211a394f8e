"""The errors raised on purpose. The message is a readable sentence; the class says what to do about it.

`UsageError`: the user has to change something, nothing was started. `InputError`: permanent, one input is quarantined.
`TransientError`: a retry may help. `ResourceError`: use less memory, or stop the run (disk). Any other exception is a
bug.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def printable(text: str, *, lines: bool = False) -> str:
    """A text with names in it as it may be printed: what breaks a line or commands a terminal is escaped, as in JSON.

    That is all that controls (line breaks, escape sequences, the direction of writing), and halves of characters. Texts
    in JSON stay valid, and mean the same.

    Args:
        lines: keep line breaks and tabs: the text is ours, and may have several lines.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(json.dumps(c)[1:-1] if c not in kept and _controls(c) else c for c in text)


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in _TURNS


_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


class NstError(Exception):
    """Base of all errors raised on purpose; `exit_code` is the exit code of the command line."""

    exit_code = 1


class UsageError(NstError):
    """Usage, configuration or manifest is wrong: the user has to change something."""

    exit_code = 2


class ConfigError(UsageError):
    """The run file, a recipe or an override is wrong."""


class ManifestError(UsageError):
    """The manifest is wrong: all faulty rows are listed in the message."""


class SourceError(UsageError):
    """A source (dataset) does not exist, or holds nothing that can be used."""


class WeightsError(UsageError):
    """The weights of a network cannot be found or downloaded, or do not fit it."""


class StrictInputs(UsageError):
    """`--strict` was given, and an input is bad."""


class NoRoom(UsageError):
    """The disk has too little space for the output."""


class RunFolderError(UsageError):
    """The run folder cannot be used: not writable, made by another method, or not a run folder."""


class FolderInUse(RunFolderError):
    """Another process works in the folder: of a run, or of a gallery."""


class StorageRefused(UsageError):
    """A remote store refuses: credentials missing, wrong or expired, a missing permission, or an invalid name."""


class InputError(NstError):
    """One input image cannot be used, ever; its pairs are quarantined. The message is `<path>: <reason>`."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(printable(f"{path}: {reason}"))
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class MissingImage(InputError):
    """There is no such file (or the link leads nowhere)."""


class UnusableEntry(InputError):
    """Its entry in the list of its source (COCO's annotation file) cannot be used."""


class UnreadableName(InputError):
    """The file's name is not valid UTF-8, so no table can hold it."""

    REASON = "its name is not valid UTF-8: rename it"

    def __init__(self, path: Path | str, reason: str = REASON) -> None:
        super().__init__(path, reason)


class UnreadableImage(InputError):
    """The file exists, but the system does not let us read it."""


class UnavailableImage(InputError):
    """Its server on the web does not give it: it refuses this address, is busy, or cannot be reached."""


class PrivateAddressImage(InputError):
    """Its address is inside the network, and data may not have us ask it."""


class EmptyImage(InputError):
    """The file has no bytes."""


class NotAnImage(InputError):
    """The bytes are not in any image format that Pillow knows."""


class TruncatedImage(InputError):
    """The file ends before the image does."""


class CorruptImage(InputError):
    """The image's data are damaged."""


class ImageTooLarge(InputError):
    """More pixels than `content.max_pixels` or `style.max_pixels` allows (decompression bombs among them)."""


class ImageTooSmall(InputError):
    """A side is shorter than `content.min_side` or `style.min_side`."""


class SlowImage(InputError):
    """Decoding it takes longer than `content.decode_seconds` or `style.decode_seconds`: its process was ended."""


class UnusableMask(InputError):
    """A mask is missing, is no label image, or does not fit its image or its row."""


class PoisonPair(InputError):
    """A process died twice while it worked on this pair alone."""


class SkippedInput(InputError):
    """A good image that is left out on purpose; its pairs are skipped."""


class ExcludedLicense(SkippedInput):
    """Its licence has terms that the run file excludes."""


class DuplicateImage(SkippedInput):
    """Another image of the source has the same bytes, or looks the same."""


class ReplacedMask(SkippedInput):
    """A mask that could not be used has been replaced since: its pair was planned anew."""


SKIPPED = (ExcludedLicense.__name__, DuplicateImage.__name__, ReplacedMask.__name__)
"""Error classes of images left out on purpose, as in plans and results."""


class TransientError(NstError):
    """A failure that may not happen again on the next try."""


class ChunkTimeout(TransientError):
    """A chunk took longer than `execution.chunk_deadline`; its finished pairs are kept."""


class DecoderLost(TransientError):
    """The process that decoded an image was ended by somebody else."""


class WorkerNotStarted(TransientError):
    """A worker process died before it received its chunk, so that the chunk is not the cause."""


class WorkerLost(TransientError):
    """The worker process of a chunk died, or had to be killed.

    Attributes:
        returncode: of the process, negative for a signal; None where it is not known.
    """

    def __init__(self, message: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.returncode = returncode

    def __reduce__(self) -> tuple[type[WorkerLost], tuple[str, int | None]]:
        return type(self), (str(self), self.returncode)


class StorageUnreachable(TransientError):
    """A remote store does not answer, or has an internal error."""


class DownloadFailed(TransientError):
    """A download broke off, timed out, or the server failed (429, 5xx); the part received is kept for the next try.

    Attributes:
        retry_after: seconds that the server asks to wait, if it said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[DownloadFailed], tuple[str, float | None]]:
        return type(self), (str(self), self.retry_after)


class DownloadRefused(UsageError):
    """A server refuses permanently (401, 403, 404); the message says what to do about it."""


class UnsafeArchive(UsageError):
    """An archive would write outside its target, holds links, or unpacks to far more than expected."""


class NumericalError(NstError):
    """The optimisation of one pair diverged, twice."""

    def __init__(
        self,
        message: str = "The optimisation diverged twice: lower method.optimiser.learning_rate, or the style weight.",
    ) -> None:
        super().__init__(message)


class ResourceError(NstError):
    """Memory, disk space or workers have run out."""


class DiskFull(ResourceError):
    """No space is left for the run folder: the run stops at once, and can be resumed."""


class NoWorkers(ResourceError):
    """A cluster has had no worker for a long time: the run stops, and can be resumed."""


class Cancelled(NstError):
    """The client cancelled the job."""

    def __init__(self, message: str = "Cancelled by who asked for it.") -> None:
        super().__init__(message)


class Interrupted(NstError):
    """Stopped by Ctrl-C or SIGTERM: finished pairs are kept, and the same command resumes."""

    exit_code = 130

    def __init__(
        self, message: str = "Stopped as asked. What is finished is kept; the same command goes on from here."
    ) -> None:
        super().__init__(message)


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for the nearest known word, or nothing."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def short(value: Any, most: int = 60) -> str:
    """A value as in Python, its middle left out where it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 12]}…{text[-10:]}"
