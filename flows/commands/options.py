"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_core.storage.paths import parse_path

RunFile = Annotated[
    Path, typer.Argument(parser=parse_path, metavar="FILE", help="A run file (YAML), or the name of a shipped one.")
]
RunPath = Annotated[
    Path, typer.Argument(parser=parse_path, metavar="RUN", help="A run folder; may be a URL, e.g. s3://….")
]
RunPaths = Annotated[
    list[Path], typer.Argument(parser=parse_path, metavar="RUN", help="Run folders; may be URLs, e.g. s3://….")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. method.size=512.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
