"""The project's pages as tests read them: their code blocks, inline code, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """Something written on a page; `line` counts from 1."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text}"


def blocks(page: Path, *languages: str) -> Iterator[Found]:
    """The fenced code blocks in one of the languages; `""` is that of a block that names none."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCED.finditer(text):
        if match[2] in languages:
            yield Found(page, _line(text, match.start(3)), match[3])


def inline(page: Path) -> Iterator[Found]:
    """Every inline code span."""
    text = _without_blocks(page)
    yield from (Found(page, _line(text, match.start()), match[1]) for match in _INLINE.finditer(text))


def links(page: Path) -> Iterator[Found]:
    """The target of every link and picture."""
    text = _without_blocks(page)
    yield from (Found(page, _line(text, match.start()), match[1]) for match in _LINK.finditer(text))


def anchors(page: Path) -> set[str]:
    """What `page.md#…` may name: its headings, as code hosts and MkDocs make addresses of them."""
    slugs = set()
    for heading in _HEADING.findall(_without_blocks(page)):
        slugs.add(re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-"))
    return slugs


def _without_blocks(page: Path) -> str:
    """The page's text with empty lines where code blocks are, so that lines keep their numbers."""
    text = page.read_text(encoding="utf-8")
    return _FENCED.sub(lambda match: "\n" * match[0].count("\n"), text)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
