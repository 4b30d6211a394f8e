"""Errors of the client of the Hugging Face Hub as ours: what the user has to change, and what another try may mend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nst_core.errors import NstError, StorageRefused, StorageUnreachable, UsageError

LOG_IN = "set HF_TOKEN to one that may write, or log in with `hf auth login`"
_GOES_ON = "The same command goes on from here."
_CONFLICTS = (409, 412)


@contextlib.contextmanager
def hub_errors(name: str) -> Iterator[None]:
    """Raise what the client raises about the repository `name` as our errors; bugs pass as they are."""
    try:
        yield
    except NstError:
        raise
    except Exception as error:
        known = next(filter(None, (_known(cause, name) for cause in _causes(error))), None)
        if known is None:
            raise
        raise known from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it came from, the last first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _known(error: BaseException, name: str) -> NstError | None:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return UsageError("The Hugging Face Hub is not asked while HF_HUB_OFFLINE is set: unset it to publish.")
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{name!r} is no name of a dataset on the Hugging Face Hub: {error}")
    if isinstance(error, errors.HfHubHTTPError):
        return _of_answer(error.response.status_code, " ".join((error.server_message or "").split())[:300], name)
    # The client's own HTTP library, which differs from version to version, is known by the base of its error.
    transport = errors.HfHubHTTPError.__bases__[0]
    if isinstance(error, (transport, ConnectionError, TimeoutError)) or type(error).__module__.startswith("hf_xet"):
        told = " ".join(str(error).split())[:200] or type(error).__name__
        return StorageUnreachable(f"The Hugging Face Hub cannot be reached, or broke off ({told}). {_GOES_ON}")
    return None


def _of_answer(status: int, message: str, name: str) -> NstError:
    told = f" ({message})" if message else ""
    if status == 401:
        return StorageRefused(f"The Hugging Face Hub knows no such token: {LOG_IN}.")
    if status == 403:
        return StorageRefused(f"Your token may not write to {name} on the Hugging Face Hub{told}: {LOG_IN}.")
    if status == 404:
        return StorageRefused(f"The Hugging Face Hub has no dataset {name} that your token may see: {LOG_IN}.")
    if status in _CONFLICTS:
        return StorageUnreachable(f"Somebody else changed {name} on the Hugging Face Hub meanwhile{told}. {_GOES_ON}")
    if status == 429 or status >= 500:
        return StorageUnreachable(f"The Hugging Face Hub answers {status}{told}. {_GOES_ON}")
    return StorageRefused(f"The Hugging Face Hub refuses with {status}{told}.")
