"""Errors of the client of the Hugging Face Hub as ours: what the user has to change, and what another try may mend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nst_core.errors import NstError, UsageError
from nst_core.publishing.hub_answers import error_of_answer, hub_unreachable
from nst_core.publishing.xet_errors import xet_error


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
        return error_of_answer(error.response.status_code, " ".join((error.server_message or "").split())[:300], name)
    if (of_storage := xet_error(error, name)) is not None:
        return of_storage
    # The client's own HTTP library, which differs from version to version, is known by the base of its error.
    transport = errors.HfHubHTTPError.__bases__[0]
    if isinstance(error, (transport, ConnectionError, TimeoutError)):
        told = " ".join(str(error).split())[:200] or type(error).__name__
        return hub_unreachable(told)
    return None
