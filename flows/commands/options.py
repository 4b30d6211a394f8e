"""Arguments, options and the exit code that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_core.storage.paths import parse_path

EXIT_INCOMPLETE = 3
"""Exit code of a command that finished, but not for all pairs."""

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
