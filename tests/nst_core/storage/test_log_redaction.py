"""Log records and tracebacks of any library, without secrets."""

from __future__ import annotations

import logging

import pytest

from nst_core.storage.log_redaction import redact_logs, redacted_traceback

URL = "https://me:HUSH@example.org/a.png?sig=HUSH"


def test_records_hold_no_secret_in_message_arguments_or_exception(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    redact_logs.cache_clear()
    redact_logs()
    try:
        logger = logging.getLogger("some.library")
        logger.warning("GET %s: %d", URL, 403)
        logger.warning("all is well: %s", "yes")
        try:
            raise ValueError(f"403 for url {URL}")
        except ValueError:
            logger.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
    assert "HUSH" not in caplog.text
    assert "GET https://***@example.org/a.png?sig=***: 403" in caplog.text
    assert "all is well: yes" in caplog.text
    assert "ValueError: 403 for url https://***@example.org/a.png?sig=***" in caplog.text


def test_a_traceback_tells_the_lines_but_no_secret() -> None:
    try:
        try:
            raise OSError(f"cannot open {URL}")
        except OSError as error:
            raise ValueError("bad") from error
    except ValueError as error:
        text = redacted_traceback(error)
    assert "HUSH" not in text
    assert "OSError: cannot open https://***@example.org/a.png?sig=***" in text
    assert text.endswith("ValueError: bad\n")
