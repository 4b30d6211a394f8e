"""Errors of the Hub's Xet storage, to which its client `hf_xet` sends large files, as ours.

`hf_xet` raises exceptions of Python's own (ConnectionError, RuntimeError, OSError) whose texts begin with what went
wrong, and hold the HTTP status and the address. Addresses may be signed: of one, only the host is told on.
"""

from __future__ import annotations

import re

from nst_core.errors import NstError, StorageRefused, StorageUnreachable, UsageError
from nst_core.publishing.hub_answers import GOES_ON, error_of_answer, hub_unreachable

_OTHER_WAY = "If a firewall or proxy is in its way, HF_HUB_DISABLE_XET=1 sends files without it."
_KIND = re.compile(
    r"(?P<kind>(?:Network|Server|Authentication|Data integrity|Data processing|Configuration|Internal|I/O) error"
    r"|Rate limited|Not found|Operation cancelled): "
)
_STATUS = re.compile(r"HTTP status \w+ error \((?P<status>\d{3})\b")
_ADDRESS = re.compile(r"https?://(?P<host>[^/\s)?]+)[^\s)]*")
_ADDRESS_SAID = re.compile(rf"(?: for url)? \(?{_ADDRESS.pattern}\)?")
_TOKEN_ROUTE = "/xet-write-token/"
_BUSY = (408, 429)


def xet_error(error: BaseException, name: str) -> NstError | None:
    """Our error for one that `hf_xet` raised on the way to the repository `name`; None if it is none of its."""
    text = " ".join(str(error).split())
    kind = _KIND.match(text)
    if not isinstance(error, (OSError, RuntimeError)) or kind is None:
        return None
    found, address = _STATUS.search(text), _ADDRESS.search(text)
    status = int(found["status"]) if found else None
    told = _ADDRESS_SAID.sub("", text.removeprefix(kind[0]))[:200]
    if kind["kind"] == "Authentication error":
        return error_of_answer(401, "", name)
    if kind["kind"] == "I/O error":
        return UsageError(
            f"The client of the Hugging Face Hub cannot read a file, or write to its cache ({told}): "
            "HF_XET_CACHE names another, HF_HUB_DISABLE_XET=1 does without."
        )
    if _TOKEN_ROUTE in text:  # the Hub itself, asked for leave to send
        return error_of_answer(status, "", name) if status else hub_unreachable(told)
    storage = "The Xet storage of the Hugging Face Hub" + (f" ({address['host']})" if address else "")
    if status is None:
        return StorageUnreachable(f"{storage} cannot be reached, or broke off ({told}). {GOES_ON} {_OTHER_WAY}")
    if status < 500 and status not in _BUSY:
        return StorageRefused(f"{storage} refuses with {status}. {_OTHER_WAY}")
    return StorageUnreachable(f"{storage} answers {status}. {GOES_ON}")
