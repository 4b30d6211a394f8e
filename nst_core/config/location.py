"""Locations in a run file: local paths or URLs. (pathlib alone would turn `s3://` into `s3:/`.)"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError
from upath import UPath

from nst_core.errors import UsageError
from nst_core.storage.paths import is_url, parse_path
from nst_core.storage.web_access import name_places

LOCATION_FAULT = "location"
"""The pydantic type of faults whose message is a sentence and whose input, a URL, may hold a secret."""


def _location(value: Any) -> Path:
    if isinstance(value, Path | UPath):
        return cast(Path, value)
    if not isinstance(value, str):
        raise PydanticCustomError("path_type", "must be a path")
    if is_url(value):
        name_places([value])
    try:
        return parse_path(value)
    except UsageError as error:
        reason = str(error).removesuffix(".")
        raise PydanticCustomError(LOCATION_FAULT, "{reason}", {"reason": reason[0].lower() + reason[1:]}) from error


def _local(value: Any) -> Any:
    if isinstance(value, str) and is_url(value):
        reason = "such data are read from a local folder only, not from a URL: copy them to a disk, or use them as "
        raise PydanticCustomError(LOCATION_FAULT, "{reason}", {"reason": f"{reason}`source: folder`"})
    return value


Location = Annotated[Path, PlainValidator(_location), PlainSerializer(str, when_used="json")]
"""A local path or a URL, parsed by `nst_core.storage.paths.parse_path`."""

LocalPath = Annotated[Path, BeforeValidator(_local)]
"""A path on a disk, for data that cannot be read from a store."""
