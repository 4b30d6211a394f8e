"""The addresses of Kaggle's datasets, from the `kaggle` package, which handles tokens; `fetch` downloads the bytes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nst_core.errors import DownloadFailed, DownloadRefused
from nst_core.sources.download.http import HttpRequest
from nst_core.sources.download.http_errors import Unreachable, check_status
from nst_core.sources.download.progress import DownloadWatch

DEADLINE = 120.0
"""Seconds within which Kaggle must answer with an address."""
HOW_TO_GET_A_TOKEN = (
    "log in at kaggle.com, choose Settings, API, Generate New Token, and put the token into the environment variable "
    "KAGGLE_API_TOKEN or the file ~/.kaggle/access_token"
)


def kaggle_archive(dataset: str, watch: DownloadWatch) -> HttpRequest:
    """The request for the archive of a dataset (`owner/name`); Kaggle is asked even if there is no token.

    Raises:
        DownloadRefused: there is no such dataset, or Kaggle requires a token (the message says how to get one).
        DownloadFailed: Kaggle cannot be reached, is busy, or does not answer.
        Interrupted: the download should stop.
    """
    answer = _ask(dataset, watch)
    place = f"Kaggle's dataset {dataset}"
    if "url" in answer:
        body = answer["body"]
        return HttpRequest(
            answer["url"], answer["method"], answer["headers"], body.encode() if body else None, HOW_TO_GET_A_TOKEN
        )
    if answer["error"] == "network":
        raise Unreachable(
            f"Kaggle cannot be reached ({answer['reason']}): check the network (and the proxy, if there is one), "
            "then run the same command again."
        )
    check_status(answer.get("status", 0), place, answer.get("retry_after"), HOW_TO_GET_A_TOKEN)
    reason = answer.get("reason", "no reason given")
    raise DownloadRefused(f"{place} cannot be downloaded: the kaggle package fails with {reason}.")


def _ask(dataset: str, watch: DownloadWatch) -> dict[str, Any]:
    """The answer of `kaggle_process`. Raises DownloadFailed, Interrupted."""
    watch.step(f"Asking Kaggle for {dataset}", 0, 0)
    deadline = time.monotonic() + DEADLINE
    with _process(dataset) as process:
        while process.poll() is None:
            watch.check()
            if time.monotonic() > deadline:
                raise DownloadFailed(f"Kaggle did not answer within {DEADLINE:.0f} s: run the same command again.")
            time.sleep(0.05)
        output = process.stdout.read() if process.stdout else b""  # far less than a pipe holds
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:
        raise DownloadFailed(
            f"The kaggle package ended without an answer (exit code {process.returncode}): run the same command again."
        ) from error
    return answer


@contextlib.contextmanager
def _process(dataset: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process that asks Kaggle, not reached by the terminal's Ctrl-C, and killed at the end of the block."""
    script = Path(__file__).with_name("kaggle_process.py")
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), dataset],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        with process:  # closes the pipes, waits
            pass
