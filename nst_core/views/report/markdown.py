"""The report in Markdown, of bounded size: for Prefect's artifacts, an issue, or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nst_core.run_folder.without_folders import base_name, style_names
from nst_core.views.report.numbers import RunNumbers
from nst_core.views.report.page import cost_facts, moment, percent, try_sentences, verdict
from nst_core.views.report.plots import duration
from nst_core.views.report.rows import Detail
from nst_core.views.web import number

_FIRST = 5
_MOST_ROWS = 30
_LONGEST_CELL = 160
_SIGNS = re.compile(r"[\\`*\[\]<>&|#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


class _Markup(str):
    """Markdown that stays as it is."""


def report_markdown(numbers: RunNumbers) -> str:
    """The numbers of a run as Markdown: tables of at most 30 rows, some 20 kB in all."""
    pace, spent = numbers.pace, numbers.spent
    parts = [
        [f"# {_cell(numbers.name)}", verdict(numbers)],
        ["\n".join(f"* {_cell(note)}" for note in numbers.notes)] if numbers.notes else [],
        _section("What was asked", _table(("", ""), numbers.asked)),
        _section("What came out", _table(("Pairs", ""), [(name, f"{n:,}") for name, n in numbers.statuses.items()])),
        _section("What did not come out", _reasons(numbers)),
        _section("Loss left by artist", _losses(numbers)),
        _section("Quality", _quality(numbers)),
        _section(
            "Throughput",
            f"{number(pace.per_minute)} images per minute over {duration(pace.seconds)} of work." if pace.bins else "",
            _table(
                ("Begun (UTC)", "Worked for", "Images", "Per minute"),
                [
                    (moment(s.start), duration(s.seconds), f"{s.images:,}", number(s.per_minute))
                    for s in pace.sessions[-10:]
                ],
            ),
        ),
        _section("Where the time went", _table(("Part", "Seconds"), [(p, number(s)) for p, s in spent.items()])),
        _section("Tries", "\n".join(f"* {_cell(sentence)}" for sentence in try_sentences(numbers))),
        _section("The least loss left", _pairs(numbers.best)),
        _section("The most loss left", _pairs(numbers.worst)),
        _section("Cost", _table(("", ""), cost_facts(numbers))),
    ]  # fmt: skip
    return "\n\n".join(block for part in parts for block in part if block) + "\n"


def _section(title: str, *blocks: str) -> list[str]:
    filled = [block for block in blocks if block]
    return [f"## {title}", *filled] if filled else []


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *(list(map(_cell, row)) for row in rows[:_MOST_ROWS])]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\nAnd {len(rows) - _MOST_ROWS:,} more." if len(rows) > _MOST_ROWS else table


def _reasons(numbers: RunNumbers) -> str:
    rows = [
        (one.name, one.status, f"{one.pairs:,}", next((e.message for e in one.examples), ""), _Markup(one.advice))
        for one in numbers.reasons
    ]
    return _table(("Reason", "Status", "Pairs", "For example", "What to do"), rows)


def _losses(numbers: RunNumbers) -> str:
    rows = [
        (group.name, f"{group.count:,}", *(percent(v) for v in (group.low, group.median, group.high)))
        for group in numbers.by_artist
    ]
    return _table(("Artist", "Pairs", "5 %", "Median", "95 %"), rows)


def _quality(numbers: RunNumbers) -> str:
    rows = [
        (one.title, *(number(v) or "0" for v in (one.spread.low, one.spread.median, one.spread.high)), one.meaning)
        for one in (numbers.quality.measures if numbers.quality else ())
    ]
    return _table(("Measure", "5 %", "Median", "95 %", ""), rows)


def _pairs(pairs: Sequence[Detail]) -> str:
    rows = [
        (base_name(pair.content_path), style_names(pair.style_paths), percent(pair.loss_left), number(pair.total_loss))
        for pair in pairs[:_FIRST]
    ]
    return _table(("Content", "Style", "Left", "Loss"), rows)


def _cell(text: str) -> str:
    """A text for a cell of a table: on one line, all signs of Markdown and HTML escaped."""
    if isinstance(text, _Markup):
        return text
    text = " ".join(text.split())
    text = text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", text)
