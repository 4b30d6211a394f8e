"""Log records of all loggers without secrets, whichever library writes them and wherever they are sent."""

from __future__ import annotations

import functools
import logging
import traceback
from typing import Any

from nst_core.storage.secrets import redact_text


@functools.cache
def redact_logs() -> None:
    """Have every log record of this process from now on made without secrets, the text of its exception included."""
    make = logging.getLogRecordFactory()

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            message = record.getMessage()
            shown = redact_text(message)
            if shown != message:
                record.msg, record.args = shown, ()
            if record.exc_info and record.exc_info[1] is not None:
                record.exc_text = redacted_traceback(record.exc_info[1]).rstrip("\n")
        except Exception:  # a record that cannot be formatted is said by whoever handles it
            return record
        return record

    logging.setLogRecordFactory(made)


def redacted_traceback(error: BaseException) -> str:
    """The traceback of an error, with those of its causes, without secrets."""
    return redact_text("".join(traceback.format_exception(error)))
