"""The beginning and the end of a process that is a Prefect server: waited for until it answers, and ended."""

from __future__ import annotations

import contextlib
import subprocess
import time


def answers(process: subprocess.Popen[bytes], api_url: str, timeout: float) -> bool:
    """Wait until the server answers at its API, has ended, or has had its time (seconds); whether it answers."""
    import httpx

    deadline = time.monotonic() + timeout
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"{api_url}/health").is_success:
                    return True
            time.sleep(0.1)
    return False


def end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Ask a server to end, and kill it where it has not within `timeout` seconds."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
    with process:  # closes the pipe, waits
        pass
