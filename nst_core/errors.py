"""The family of errors. Each one is a readable sentence; its class says what may be done about it.

`UsageError` is the person's to mend (nothing was started), `InputError` is permanent and quarantines one input,
`TransientError` is worth a retry, `ResourceError` asks for less (memory) or stops the run (disk). Anything else that
escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class NstError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line answers with."""

    exit_code = 1


class UsageError(NstError):
    """Something the person who started the run has to change: usage, configuration or manifest."""

    exit_code = 2


class ConfigError(UsageError):
    """The run file, a recipe or an override is wrong."""


class ManifestError(UsageError):
    """The manifest is wrong: all faulty rows are listed in the message."""


class SourceError(UsageError):
    """A source (dataset) is not there, or holds nothing that could be used."""


class WeightsError(UsageError):
    """The weights of a network are neither there nor to be had, or do not fit it."""


class StrictInputs(UsageError):
    """`--strict` was given, and an input is bad."""


class NoRoom(UsageError):
    """What is to be written will not fit on the disk."""


class RunFolderError(UsageError):
    """The run folder cannot be used: not writable, made by another method, or not a run folder."""


class StorageRefused(UsageError):
    """A remote store refuses: credentials are missing, wrong or expired, a permission lacks, or a name is none."""


class InputError(NstError):
    """One input image cannot be used, ever; its pairs are quarantined. The message is `<path>: <reason>`."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class MissingImage(InputError):
    """There is no such file (or the link leads nowhere)."""


class UnreadableName(InputError):
    """The file's name is no text: its bytes are not valid UTF-8, so no table could hold it."""

    REASON = "its name is not valid UTF-8: rename it"

    def __init__(self, path: Path | str, reason: str = REASON) -> None:
        super().__init__(path, reason)


class UnreadableImage(InputError):
    """The file is there, but the system does not let us read it."""


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


class PoisonPair(InputError):
    """A process died twice while it worked on nothing but this pair."""


class SkippedInput(InputError):
    """A good image that is left out on purpose; its pairs are skipped."""


class ExcludedLicense(SkippedInput):
    """Its licence has terms that the run file excludes."""


class DuplicateImage(SkippedInput):
    """Another image of the source has the same bytes, or looks the same."""


SKIPPED = (ExcludedLicense.__name__, DuplicateImage.__name__)
"""Classes of images that are left out on purpose, as plans and results name them."""


class TransientError(NstError):
    """It may well work on the next try."""


class ChunkTimeout(TransientError):
    """A chunk took longer than `execution.chunk_deadline` allows; what it had finished is kept."""


class WorkerNotStarted(TransientError):
    """The process that was to work on a chunk died before it had seen it: the chunk is not to blame."""


class WorkerLost(TransientError):
    """The process that worked on a chunk died, or had to be killed.

    Attributes:
        returncode: of the process, negative for a signal; None where it is not known.
    """

    def __init__(self, message: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.returncode = returncode

    def __reduce__(self) -> tuple[type[WorkerLost], tuple[str, int | None]]:
        return type(self), (str(self), self.returncode)


class StorageUnreachable(TransientError):
    """A remote store does not answer, or has trouble of its own."""


class DownloadFailed(TransientError):
    """A download was cut, timed out, or the server had a fault (429, 5xx); what has arrived is kept for the next try.

    Attributes:
        retry_after: seconds that the server asks to wait, if it said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[DownloadFailed], tuple[str, float | None]]:
        return type(self), (str(self), self.retry_after)


class DownloadRefused(UsageError):
    """A server refuses for good (401, 403, 404): the message says what to do about it."""


class UnsafeArchive(UsageError):
    """An archive would write outside its target, holds links, or unpacks to far more than it should."""


class NumericalError(NstError):
    """The optimisation of one pair diverged, twice."""

    def __init__(
        self,
        message: str = "The optimisation diverged twice: lower method.optimiser.learning_rate, or the style weight.",
    ) -> None:
        super().__init__(message)


class ResourceError(NstError):
    """Something has run out."""


class DiskFull(ResourceError):
    """No space left where the run folder lies: the run stops at once, and can be resumed."""


class NoWorkers(ResourceError):
    """A cluster has had no worker for a long time: the run stops, and can be resumed."""


class Cancelled(NstError):
    """Whoever asked for an image took it back before it was made."""

    def __init__(self, message: str = "Cancelled by who asked for it.") -> None:
        super().__init__(message)


class Interrupted(NstError):
    """Asked to stop (Ctrl-C or SIGTERM): what is finished is kept, and the same command resumes."""

    exit_code = 130

    def __init__(
        self, message: str = "Stopped as asked. What is finished is kept; the same command goes on from here."
    ) -> None:
        super().__init__(message)


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for the nearest known word, or nothing."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
