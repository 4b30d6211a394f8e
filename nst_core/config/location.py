"""Locations in a run file: local paths or URLs. (pathlib alone would turn `s3://` into `s3:/`.)"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError
from upath import UPath

from nst_core.errors import UsageError
from nst_core.storage.paths import is_url
from nst_core.storage.web_access import name_places
from nst_core.storage.written_paths import written_path

LOCATION_FAULT = "location"
"""The pydantic type of faults whose message is a sentence and whose input, a URL, may hold a secret."""


def person_path(value: Any) -> Path:
    """The path, or URL, that a person wrote as the value of a key; a Path is taken as it is."""
    if isinstance(value, Path | UPath):
        return cast(Path, value)
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("path_type", "must be a path")
    if is_url(value):
        name_places([value])
    try:
        return written_path(value)
    except UsageError as error:
        reason = str(error).removesuffix(".")
        known = reason if reason.startswith(value) else reason[0].lower() + reason[1:]
        raise PydanticCustomError(LOCATION_FAULT, "{reason}", {"reason": known}) from error


def _local(value: Any) -> Any:
    if isinstance(value, str) and is_url(value):
        reason = "such data are read from a local folder only, not from a URL: copy them to a disk, or use them as "
        raise PydanticCustomError(LOCATION_FAULT, "{reason}", {"reason": f"{reason}`source: folder`"})
    return person_path(value)


Location = Annotated[Path, PlainValidator(person_path), PlainSerializer(str, when_used="json")]
"""A local path or a URL, as `nst_core.storage.written_paths.written_path` reads it."""

LocalPath = Annotated[Path, BeforeValidator(_local)]
"""A path on a disk, for data that cannot be read from a store."""
