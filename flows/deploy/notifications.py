"""Notifications of runs that failed, crashed or are incomplete, by a Prefect notification block or a webhook.

`NST_NOTIFY_BLOCK` names a block (`slack-webhook/nst`); `NST_NOTIFY_URL`, or the `Secret` block `nst-notify-url`, is the
address of a webhook that takes JSON. Both addresses are secrets: they are in no log, and a notification that fails
is a warning that names the kind of error, never its text.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flows.deploy.credentials import secret
from flows.signals import stop_requested
from nst_core.storage.secrets import redact_text

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State

INCOMPLETE = "CompletedWithFailures"
"""The name of the state of a run that ended, but not every pair of it succeeded (exit code 3 of `nst run`)."""
TIMEOUT = 10
"""Seconds that a webhook may take."""


def notify_incomplete(flow: Any, flow_run: FlowRun, state: State) -> None:
    """Hook on completion: notify of an incomplete run."""
    if state.name == INCOMPLETE:
        notify(flow, flow_run, state)


def notify(flow: Any, flow_run: FlowRun, state: State) -> None:
    """Hook on failure and crash: notify. Raises nothing, which could fail a run or hide why it failed."""
    if stop_requested.is_set():
        return  # a person stopped it
    from prefect.logging.loggers import flow_run_logger

    logger = flow_run_logger(flow_run, flow)
    message = _message(flow, flow_run, state)
    for kind, send in _senders().items():
        try:
            with _silent_senders():
                send(message)
        except urllib.error.HTTPError as error:
            logger.warning("The notification by %s was refused (HTTP %s).", kind, error.code)
        except Exception as error:
            logger.warning("The notification by %s could not be sent (%s).", kind, type(error).__name__)
        else:
            logger.info("Notified by %s.", kind)


Message = dict[str, str | None]


def _message(flow: Any, flow_run: FlowRun, state: State) -> Message:
    from prefect.settings import PREFECT_UI_URL

    address = PREFECT_UI_URL.value()
    url = f"{address}/runs/flow-run/{flow_run.id}" if address else None
    head = f"{flow.name}, {flow_run.name}: {state.name}"
    said = redact_text(state.message) if state.message else None
    lines = (head, said, url)
    return {
        "text": "\n".join(line for line in lines if line),
        "subject": head,
        "flow": flow.name,
        "run": flow_run.name,
        "state": state.name,
        "message": said,
        "url": url,
    }


def _senders() -> dict[str, Callable[[Message], None]]:
    senders: dict[str, Callable[[Message], None]] = {}
    if os.environ.get("NST_NOTIFY_BLOCK"):
        senders["block"] = _by_block
    with contextlib.suppress(Exception):  # the server that keeps the block may be what has failed
        if url := secret("NST_NOTIFY_URL"):
            senders["webhook"] = lambda message: _by_webhook(url, message)
    return senders


def _by_block(message: Message) -> None:
    from prefect.blocks.core import Block

    block: Any = Block.load(os.environ["NST_NOTIFY_BLOCK"], _sync=True)  # type: ignore[call-arg, unused-ignore]
    with block.raise_on_failure():
        block.notify(str(message["text"]), str(message["subject"]))


def _by_webhook(url: str, message: Message) -> None:
    """Post by urllib, which, unlike httpx, logs no address."""
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=TIMEOUT).close()


@contextlib.contextmanager
def _silent_senders() -> Iterator[None]:
    """Silence the libraries behind the blocks, which log the addresses that they send to."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore", "apprise")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.propagate = False
    try:
        yield
    finally:
        for logger, value in zip(loggers, before, strict=True):
            logger.propagate = value
