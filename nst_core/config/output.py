"""The section `output` of a run file: the files that come out, and where they go."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from nst_core.config.location import Location
from nst_core.config.section import Section
from nst_core.engine.images.suffixes import OutputFormat


class Output(Section):
    """What is written, and where."""

    root: Location = Field(Path("outputs"), description="The run folder is `<root>/<name>`; may be a URL, e.g. s3://….")
    format: OutputFormat = Field(
        "jpeg", description="`png` loses nothing and takes several times the space; `jpeg` follows `quality`."
    )
    quality: int = Field(95, ge=1, le=100, description="Of JPEG files; `png` ignores it.")
    size: Literal["method", "original"] = Field(
        "method", description="`method`: as optimised; `original`: resized to the content's exact size."
    )
    gallery: bool = Field(True, description="Build the gallery at the end of a run.")
    report: bool = Field(True, description="Make the report at the end of a run.")
    judge: bool = Field(
        False,
        description="Measure how much of the content and how much of the style each picture has, before gallery and "
        "report are made (`nst judge`).",
    )
    describe: bool = Field(
        False,
        description="Describe the look of each picture in numbers before the gallery is made, which then shows what "
        "looks alike (`nst describe`).",
    )
    previews: PositiveInt | None = Field(
        None,
        description="Write every image as it starts and after each so many evaluations, too, into `previews/` of the "
        "run folder.",
    )
