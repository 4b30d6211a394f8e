"""What the Hugging Face Hub answers instead of doing what it is asked, as our errors."""

from __future__ import annotations

from nst_core.errors import NstError, StorageRefused, StorageUnreachable

LOG_IN = "set HF_TOKEN to one that may write, or log in with `hf auth login`"
GOES_ON = "The same command goes on from here."
_CONFLICTS = (409, 412)


def error_of_answer(status: int, message: str, name: str) -> NstError:
    """The error for a status, and what the Hub says with it, about the repository `name`."""
    told = f" ({message})" if message else ""
    if status == 401:
        return StorageRefused(f"The Hugging Face Hub knows no such token: {LOG_IN}.")
    if status == 403:
        return StorageRefused(f"Your token may not write to {name} on the Hugging Face Hub{told}: {LOG_IN}.")
    if status == 404:
        return StorageRefused(f"The Hugging Face Hub has no dataset {name} that your token may see: {LOG_IN}.")
    if status in _CONFLICTS:
        return StorageUnreachable(f"Somebody else changed {name} on the Hugging Face Hub meanwhile{told}. {GOES_ON}")
    if status == 429 or status >= 500:
        return StorageUnreachable(f"The Hugging Face Hub answers {status}{told}. {GOES_ON}")
    return StorageRefused(f"The Hugging Face Hub refuses with {status}{told}.")


def hub_unreachable(told: str) -> StorageUnreachable:
    """The error where there was no answer, but what the connection says."""
    return StorageUnreachable(f"The Hugging Face Hub cannot be reached, or broke off ({told}). {GOES_ON}")
