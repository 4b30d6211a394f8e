"""URLs in a manifest: which may stand there, and the items that those on the web stand for."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import ManifestError, NstError, UsageError
from nst_core.manifest.row import ManifestRow
from nst_core.manifest.style_cell import parse_styles
from nst_core.sources.base import Item
from nst_core.storage.paths import is_url, parse_path
from nst_core.storage.regular_files import read_regular
from nst_core.storage.secrets import redact_urls
from nst_core.storage.signed_urls import (
    is_signed_by_provider,
    is_web_url,
    lasting_url,
    remember_address,
    shown_url,
)
from nst_core.storage.web_access import refusal_of_form

if TYPE_CHECKING:
    from nst_core.manifest.checks import ManifestFault

_LIKE_URL = re.compile(r"[A-Za-z][\w+.:-]*://")
_MASKED = re.compile(r"=\*\*\*|//\*\*\*@")


def url_faults(
    rows: Sequence[ManifestRow], folder: Path, content_ids: Container[str], style_ids: Container[str]
) -> list[ManifestFault]:
    """The rows that name a URL which data may not name, or which cannot be used; `folder`: of the manifest."""
    cells = [(row.number, "content", row.content) for row in rows if row.content not in content_ids]
    cells += [(row.number, "style", ref.name) for row in rows for ref in row.styles if ref.name not in style_ids]
    named = {name for _, _, name in cells if _LIKE_URL.match(name) and not name.startswith(f"{folder}/")}
    reasons = {name: _reason(name) for name in named}
    return [
        (number, column, redact_urls(name), reason)
        for number, column, name in sorted(cells)
        if (reason := reasons.get(name))
    ]


def _reason(name: str) -> str | None:
    if refused := refusal_of_form(name):
        return refused
    if is_web_url(name):
        return "stands here without its secrets: give the address itself" if _MASKED.search(name) else None
    try:
        if is_url(name):
            parse_path(name)
    except UsageError as error:
        return f"cannot be used: {error}"
    return None


def remember_urls(manifest: Path) -> None:
    """Keep the addresses that a manifest names, for paths that are read from a plan; one that is gone names none."""
    with contextlib.suppress(OSError, ValueError, csv.Error, NstError):
        text = read_regular(manifest).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            names = [(row.get("content") or "").strip(), *(ref.name for ref in parse_styles(row.get("style") or ""))]
            for url in filter(is_web_url, names):
                remember_address(url)


class WebItems:
    """The items of pictures on the web, whose ids in tables hold no secrets and whose identity no signature."""

    def __init__(self, planned_ids: Callable[[], Iterable[str]]) -> None:
        self._planned_ids = planned_ids
        self._addresses: dict[str, str] = {}

    def item(self, url: str) -> Item:
        """The item of an address. Raises ManifestError where two addresses differ only in what may be a secret."""
        shown, lasting = shown_url(url), lasting_url(url)
        earlier = self._addresses.setdefault(shown, url)
        if earlier != url and not (is_signed_by_provider(url) and is_signed_by_provider(earlier)):
            raise ManifestError(
                f"The manifest names {shown} with two different values where it shows ***: if that is one picture, "
                "give it one address in all rows; if they are two, this value has to be under another name."
            )
        path = parse_path(url)
        identity = self._planned.get(lasting, lasting) if lasting != url else url
        return Item(shown, path, lasting_id=None if identity == shown else identity)

    @cached_property
    def _planned(self) -> dict[str, str]:
        """Ids in the plan that have a signature, by what lasts of them."""
        ids = (name for name in self._planned_ids() if is_web_url(name) and not _MASKED.search(name))
        return {lasting: name for name in ids if (lasting := lasting_url(name)) != name}
