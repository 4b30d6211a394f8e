"""What to do where something of COCO is missing or damaged: words for people."""

from __future__ import annotations

import shlex

from nst_core.config.sources import CocoSource
from nst_core.sources.folder import Role
from nst_core.sources.wording import download_advice


def download_command(config: CocoSource) -> str:
    """The command line that downloads the images that a source selects."""
    words = ["nst", "download", "coco", "--output", str(config.path), "--split", config.splits[0]]
    for option, values in (("--categories", config.categories), ("--licenses", config.licenses)):
        words += [word for value in values or () for word in (option, value)]
    for option, number in (("--smallest-side", config.smallest_side), ("--limit", config.limit)):
        words += [] if number is None else [option, str(number)]
    words += ["--seed", str(config.seed)] if config.limit is not None and config.seed else []
    return shlex.join(words)


def file_remedy(config: CocoSource) -> str:
    """Advice on a damaged annotation file: one's own is nothing that a command fetches."""
    if config.annotation_files[0] is not None:
        return "correct it, or give another"
    return "move it away, then fetch COCO's with `nst download coco`, if it is not your own"


def remedy(config: CocoSource, role: Role) -> str:
    """Advice on getting what is missing. With `download: true`, the folder has images put there by hand."""
    if config.annotations is not None:  # the command line knows COCO's own annotation files only
        if config.download:
            return f"add what is missing, or remove {config.path / config.splits[0]} to have `nst run` fetch it"
        return f"set {role}.download: true to fetch what is missing"
    return download_advice(download_command(config), config, role)


def criteria(config: CocoSource) -> str:
    """What a source selects images by, in words."""
    keys = ("categories", "licenses", "smallest_side")
    chosen = {key: getattr(config, key) for key in keys if getattr(config, key) is not None}
    parts = (f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in chosen.items())
    return " and ".join(parts) or "the source"
