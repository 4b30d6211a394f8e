"""The card of a trained network: what it was trained with, for how long, and what it is worth on held-out images."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nst_core
from nst_core.engine.training.trainer import Trainer


def card_facts(
    trainer: Trainer, data: Mapping[str, Any], measured: Mapping[str, float], seconds: float
) -> dict[str, Any]:
    """The facts of a card, as JSON can hold them.

    Args:
        data: of the training data, by role.
        measured: on held-out images.
        seconds: that all steps took.
    """
    return {
        "network": trainer.kind,
        "title": trainer.title,
        "steps": trainer.done,
        "seconds": round(seconds),
        "settings": dict(trainer.facts()),
        "data": {role: dict(facts) for role, facts in data.items()},
        "measured": {name: round(value, 4) for name, value in measured.items()},
        "versions": {"nst": nst_core.__version__, "commit": commit(), "torch": version("torch")},
        "date": datetime.now(UTC).date().isoformat(),
    }


def card_text(facts: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    versions = facts["versions"]
    lines = [
        f"# {facts['title']}",
        "",
        f"Trained by `nst train {facts['network']}` in {facts['steps']} steps ({facts['seconds'] / 60:.0f} minutes) on "
        f"{facts['date']}, nst {versions['nst']}, commit {versions['commit'] or 'unknown'}, torch {versions['torch']}.",
        "",
        "## Data",
        "",
        *(_data_line(role, own) for role, own in facts["data"].items()),
        "",
        "## Settings",
        "",
        *(f"* {name}: {value}" for name, value in facts["settings"].items()),
        "",
        "## Measured on held-out images",
        "",
        *_measured_table(facts["measured"]),
        "",
    ]
    return "\n".join(lines)


def commit() -> str | None:
    """The commit of the checkout that this code runs from; None where it is installed."""
    root = Path(nst_core.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _data_line(role: str, own: Mapping[str, Any]) -> str:
    licences = ", ".join(f"{name}: {count}" for name, count in own.get("licenses", {}).items())
    bad = f", {own['bad']} left out as bad" if own.get("bad") else ""
    held_out = f", and {own['held_out']} held out" if own["held_out"] else ""
    counts = f"{own['images']} {'image' if own['images'] == 1 else 'images'} of `{own['source']}`{held_out}{bad}"
    return f"* {role}: {counts}; licences {licences}."


def _measured_table(measured: Mapping[str, float]) -> Iterator[str]:
    """Measures named `kind.what`: a row per kind; others a line each."""
    kinds: dict[str, dict[str, float]] = {}
    for name, value in measured.items():
        kind, _, what = name.partition(".")
        kinds.setdefault(kind, {})[what or kind] = value
    columns = list(dict.fromkeys(what for values in kinds.values() for what in values))
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for kind, values in kinds.items():
        yield f"| {kind} | {' | '.join(f'{values[w]:.3f}' if w in values else '' for w in columns)} |"
