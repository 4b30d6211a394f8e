"""A dataset repository on the Hugging Face Hub, through its own client `huggingface_hub` (extra `hf`)."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import UsageError
from nst_core.publishing.hub_answers import LOG_IN
from nst_core.publishing.hub_errors import hub_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_TYPE = "dataset"
_XET_TELEMETRY = "HF_XET_TELEMETRY_ENABLED"
"""By default, the client tells the Hub how fast its transfers are; nst sends nothing that nobody asked for."""

_TALKERS = ("huggingface_hub", "httpx", "httpx2", "httpcore", "httpcore2", "urllib3")
"""Loggers of the client, and of what it speaks HTTP with in one version or another."""


class HubRepository:
    """One dataset on the Hub. Every commit builds on the last one seen here: two who write at once do not mix.

    The token is the client's own (`HF_TOKEN`, or what `hf auth login` stored): it is never written or shown here.

    Attributes:
        name: `OWNER/NAME`.
    """

    def __init__(self, name: str, endpoint: str | None = None) -> None:
        """`endpoint`: the Hub's address, by default `HF_ENDPOINT` or the public one.

        Raises:
            UsageError: the client is not installed, or there is no token.
        """
        self.name = name
        self._endpoint = endpoint or os.environ.get("HF_ENDPOINT") or None
        self._api = self._client()
        self._head: str | None = None

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self._api.endpoint}/datasets/{self.name}"

    def visibility(self) -> bool | None:
        """Whether it is public; None where it does not exist."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with hub_errors(self.name):
            try:
                info = self._api.dataset_info(self.name, expand=["private", "sha"])  # without a list of all files
            except RepositoryNotFoundError:
                return None
        self._head = info.sha
        return not info.private

    def create(self) -> None:
        """Create it, private."""
        with hub_errors(self.name):
            self._api.create_repo(self.name, repo_type=_TYPE, private=True, exist_ok=True)
        self.visibility()

    def make_public(self) -> None:
        """Let everybody see it."""
        with hub_errors(self.name):
            self._api.update_repo_settings(self.name, repo_type=_TYPE, private=False)

    def files(self, folder: str | None = None, *, deep: bool = True) -> set[str]:
        """The paths of files in a folder, or in the whole; not `deep`: its own entries alone, folders among them."""
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.name), quiet_client():
            try:
                entries = list(self._api.list_repo_tree(self.name, folder, recursive=deep, repo_type=_TYPE))
            except EntryNotFoundError:
                return set()
        return {entry.path for entry in entries if not deep or isinstance(entry, RepoFile)}

    def read(self, path: str) -> bytes:
        """The contents of a file of the last commit."""
        with tempfile.TemporaryDirectory() as folder, hub_errors(self.name), quiet_client():
            file = self._api.hf_hub_download(
                self.name, path, repo_type=_TYPE, revision=self._head, cache_dir=Path(folder)
            )
            return Path(file).read_bytes()

    def commit(self, message: str, files: Mapping[str, Path | bytes], removed: Iterable[str] = ()) -> None:
        """Add files, by their paths there, and remove others; what is there already with these bytes is not sent."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations = [
            *(CommitOperationDelete(path_in_repo=path, is_folder=False) for path in sorted(removed)),
            *(CommitOperationAdd(path_in_repo=path, path_or_fileobj=file) for path, file in sorted(files.items())),
        ]
        with hub_errors(self.name), quiet_client():
            done = self._api.create_commit(
                self.name, operations, commit_message=message, repo_type=_TYPE, parent_commit=self._head
            )
        self._head = done.oid

    def _client(self) -> HfApi:
        try:
            from huggingface_hub import HfApi, get_token
        except ImportError as error:
            raise UsageError("Publishing on the Hub needs the extra hf: pip install 'nst-pipeline[hf]'.") from error
        if not get_token():
            raise UsageError(f"There is no token for the Hugging Face Hub: {LOG_IN}.")
        return HfApi(endpoint=self._endpoint, library_name="nst")


@contextlib.contextmanager
def quiet_client() -> Iterator[None]:
    """Keep the client's bars, and its messages, which hold signed addresses, off the terminal and out of logs.

    Telemetry is off for a session with the Xet storage that begins here, unless the user has set it.
    """
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    bars = not are_progress_bars_disabled()
    loggers = [logging.getLogger(name) for name in _TALKERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    if bars:
        disable_progress_bars()
    chosen = os.environ.get(_XET_TELEMETRY)
    os.environ.setdefault(_XET_TELEMETRY, "0")
    try:
        yield
    finally:
        if chosen is None:
            os.environ.pop(_XET_TELEMETRY, None)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            enable_progress_bars()
