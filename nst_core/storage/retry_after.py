"""The header `Retry-After` of a busy server."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_to_wait(header: str | None) -> float | None:
    """The value of `Retry-After`, a number or a date, in seconds from now."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    with contextlib.suppress(ValueError):
        moment = parsedate_to_datetime(header)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None
