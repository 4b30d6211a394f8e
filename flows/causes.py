"""What went wrong, for exceptions of other packages: sentences in place of their own words."""

from __future__ import annotations

import errno
import os
from typing import Any

from nst_core.errors import UsageError, short

ERROR, USAGE = 1, UsageError.exit_code

_NO_MEMORY = (
    "failed to map segment", "cannot allocate memory", "can't allocate memory", "unable to allocate",
    "out of memory", "can't start new thread", "cannot map",
)  # fmt: skip


def cause(error: BaseException) -> tuple[str, int] | None:
    """The sentence and the exit code for an exception that was not raised on purpose; None where nothing is known."""
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _NO_MEMORY):
        return (
            "There is not enough memory on this machine, or a limit (`ulimit -v`) allows too little: raise it, or use "
            "less, with a smaller method.size or fewer execution.workers.",
            ERROR,
        )
    if isinstance(error, ImportError):
        return f"A package cannot be loaded ({_first_line(text)}): install nst-pipeline again.", ERROR
    if type(error).__name__ == "ValidationError" and str(getattr(error, "title", "")).endswith("Settings"):
        return _prefect_settings(error), USAGE
    if type(error).__name__ == "TOMLDecodeError":
        place = f"{os.environ.get('PREFECT_HOME', '~/.prefect')}/profiles.toml"
        return f"Prefect's settings cannot be read ({_first_line(text)}): mend or delete {place}.", USAGE
    if isinstance(error, UnicodeError):
        what = short(error.object) if isinstance(error, UnicodeEncodeError | UnicodeDecodeError) else _first_line(text)
        return f"{what} is not valid UTF-8: rename the file, or mend the text.", USAGE
    if isinstance(error, OSError):
        return _system_error(error), ERROR
    return None


def _prefect_settings(error: Any) -> str:
    """The variables whose values Prefect does not take."""
    faults = error.errors()
    values = {str(fault["input"]) for fault in faults}
    named = [f"{name}={short(value)}" for name, value in os.environ.items() if _is_setting(name) and value in values]
    reasons = [_reason(fault["msg"]) for fault in faults if fault["type"] != "default_factory_not_called"]
    ours = ", ".join(sorted(named)) or "a PREFECT_… variable, or a line of Prefect's profiles"
    return f"Prefect refuses its settings: {ours} ({'; '.join(dict.fromkeys(reasons))}). Correct it, or unset it."


def _reason(message: str) -> str:
    return _first_line(message).removeprefix("Value error, ").replace("Input should be", "it must be")


def _is_setting(name: str) -> bool:
    return name.upper().startswith("PREFECT_")


def _system_error(error: OSError) -> str:
    """The system's reason, with the file that it is about."""
    if error.errno == errno.EMFILE:
        return "Too many files are open: raise `ulimit -n`, or use fewer execution.workers."
    reason = error.strerror or _first_line(str(error)) or type(error).__name__
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' → '.join(files)}: {reason}." if files else f"{reason}."


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].rstrip(".") if lines else ""
