"""Arguments, options and the exit code that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nst_core.storage.written_paths import written_path

EXIT_INCOMPLETE = 3
"""Exit code of a command that finished, but not for all pairs."""

# Any, and not Path: Typer would turn a place at a store into a local path.
RunFile = Annotated[
    Any, typer.Argument(parser=written_path, metavar="FILE", help="A run file (YAML), or the name of a shipped one.")
]
RunPath = Annotated[
    Any, typer.Argument(parser=written_path, metavar="RUN", help="A run folder; may be a URL, e.g. s3://….")
]
RunPaths = Annotated[
    list[Any], typer.Argument(parser=written_path, metavar="RUN", help="Run folders; may be URLs, e.g. s3://….")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. method.size=512.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
