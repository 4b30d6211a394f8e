"""Random small faults in files, and a command that meets them: it says what is wrong, with the right code, and ends."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import random
import sys
from collections.abc import Iterator
from unittest import mock

HARD_BYTES = (0x00, 0x0A, 0x0D, 0x22, 0x27, 0x2C, 0x3B, 0x5B, 0x5C, 0x7B, 0x7F, 0x80, 0xC3, 0xFF)


def byte_mutations(data: bytes, count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Copies of `data` with one fault each (a byte changed, removed, doubled, or the end cut), and its description."""
    draw = random.Random(seed)
    for _ in range(count):
        at = draw.randrange(len(data))
        kind = draw.choice(["hard", "random", "flip", "drop", "double", "cut"])
        if kind == "hard":
            fault = bytes([draw.choice(HARD_BYTES)])
        elif kind == "random":
            fault = bytes([draw.randrange(256)])
        elif kind == "flip":
            fault = bytes([data[at] ^ (1 << draw.randrange(8))])
        else:
            fault = {"drop": b"", "double": data[at : at + 1] * 2, "cut": b""}[kind]
        rest = b"" if kind == "cut" else data[at + 1 :]
        yield f"{kind} at byte {at}: {fault!r}", data[:at] + fault + rest


HARD_FIELDS = (
    "", " ", "nan", "null", "None", "true", "-1", "0", "1e999", "1e-999", "99999999999999999999", "0x10", "1,5", "..",
    "/", "\\", "../../x", "~", "a\nb", "\x00", "\x1b[31m", "é", "e\u0301", "\u202e", "\ud800", "x" * 5000, "[]", "{}",
    "=1+1", '"', "'",
)  # fmt: skip
"""Values that a field of text may take in a hand-made or broken file."""


def run_command(arguments: list[str], within: float = 60) -> tuple[int, str]:
    """Run the command line in this process: its exit code and all that it printed.

    The process is ended if that takes more than `within` seconds. A traceback in the output, exit code 1 or an
    exception fails the test that called.
    """
    from flows import cli

    printed = io.StringIO()
    faulthandler.dump_traceback_later(within, exit=True)
    try:
        with (
            mock.patch.object(sys, "argv", ["nst", *arguments]),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
    finally:
        faulthandler.cancel_dump_traceback_later()
    text = printed.getvalue()
    assert "Traceback" not in text, text
    assert code != 1, text
    return code, text
