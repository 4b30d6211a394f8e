"""What whoever starts the app says of its page of runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nst_core.config.run_config import RunConfig
from nst_core.config.sources import SampleSource
from nst_core.storage.paths import is_local

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class RunSettings:
    """The folder of runs, and what may be started there.

    Attributes:
        folder: its run folders are shown, and new ones are made in it.
        command: starts a run of the file that is its next argument: `nst run`, as a process of this machine.
        data: folders that an uploaded run file may read.
        samples: the data folders into which the built-in pictures may be put.
        files: run files of whoever started the app, which can be chosen.
        at_once: runs at work at a time, whoever started them, beyond which none is started here.
        pairs: most pairs that an uploaded run file may ask for.
    """

    folder: Path
    command: tuple[str, ...]
    data: tuple[Path, ...] = ()
    samples: tuple[Path, ...] = (Path("data"),)
    files: tuple[Path, ...] = ()
    at_once: int = 1
    pairs: int = 10_000

    def choices(self) -> dict[str, Path]:
        """The run files that can be chosen, by their names; of a folder among `files` those that are in it now."""
        found: dict[str, Path] = {}
        for path in self.files:
            members = sorted(path.iterdir()) if path.is_dir() else [path]
            for file in members:
                if file.suffix.lower() in SUFFIXES and file.is_file() and not file.name.startswith("."):
                    found.setdefault(file.name, file)
        return found


def data_folders(config: RunConfig) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The folders on a disk that a run file reads, and those where its built-in pictures lie."""
    sections = (config.content, config.style)
    read = [one.path for one in sections if not isinstance(one, SampleSource) and is_local(one.path)]
    samples = [one.path for one in sections if isinstance(one, SampleSource)]
    return tuple(dict.fromkeys(read)), tuple(dict.fromkeys((Path("data"), *samples)))
