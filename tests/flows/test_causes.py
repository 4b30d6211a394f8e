"""Exceptions of other packages, in our words."""

from __future__ import annotations

import errno
import tomllib

import numpy as np
import pytest
from pydantic import ValidationError, create_model

from flows import cli
from flows.causes import cause
from nst_core.config.output import Output


def raised(function: object, *arguments: object) -> BaseException:
    try:
        function(*arguments)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("error", "says", "code"),
    [
        (MemoryError(), "not enough memory", 1),
        (raised(np.zeros, 2**50), "not enough memory", 1),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "not enough memory", 1),
        (RuntimeError("can't start new thread"), "not enough memory", 1),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] … DefaultCPUAllocator: can't allocate memory"), "memory", 1),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory", 1),
        (ModuleNotFoundError("No module named 'pandas'", name="pandas"), "(No module named 'pandas'): install", 1),
        (raised(tomllib.loads, "active = ["), "profiles.toml", 2),
        (raised("caf\udce9".encode), "'caf\\udce9' is not valid UTF-8", 2),
        (raised(b"caf\xe9".decode), "b'caf\\xe9' is not valid UTF-8", 2),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"), "a/b: No such file or directory.", 1),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"), "a → b: Invalid cross-device link.", 1),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n", 1),
    ],
)
def test_a_known_cause_is_a_sentence(error: BaseException, says: str, code: int) -> None:
    known = cause(error)
    assert known is not None
    assert says in known[0]
    assert known[1] == code
    assert "\n" not in known[0]


def test_a_bug_stays_a_bug() -> None:
    assert cause(KeyError("x")) is None
    assert cause(raised(Output.model_validate, {"quality": "x"})) is None


def test_the_variables_that_prefect_refuses_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "BANANA")
    settings = create_model("LoggingSettings", level=(int, ...))
    error = raised(settings.model_validate, {"level": "BANANA"})
    assert isinstance(error, ValidationError)
    known = cause(error)
    assert known is not None
    assert "PREFECT_LOGGING_LEVEL='BANANA'" in known[0]
    assert known[1] == 2


def test_a_reader_that_has_left_is_no_error_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert cli._guarded(command) == 1
    assert capsys.readouterr().err == ""


def test_a_name_of_a_page_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "x" * 5000)

    assert cli._guarded(command) == 1
    assert len(capsys.readouterr().err) < 400
