"""Pages and pictures that scripts make are what the scripts would make now, and of a size that a repository bears."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import yaml
from documents import PAGES, ROOT, links

DOCS = ROOT / "docs"
PICTURES = sorted((DOCS / "pictures").glob("*.jpg"))


@pytest.mark.parametrize(("script", "page"), [("make_reference", "run-file"), ("make_commands", "commands")])
def test_a_reference_is_what_the_code_gives(script: str, page: str) -> None:
    made = runpy.run_path(str(DOCS / f"{script}.py"))["page"]()
    told = f"docs/{page}.md is out of date: run `uv run python docs/{script}.py`"
    assert (DOCS / f"{page}.md").read_text(encoding="utf-8").rstrip("\n") == made.rstrip("\n"), told


def test_pictures_are_small_and_shown() -> None:
    sizes = [picture.stat().st_size for picture in PICTURES]
    assert max(sizes) <= 350_000
    assert sum(sizes) <= 2_500_000
    shown = {(page.parent / link.text).resolve() for page in PAGES for link in links(page)}
    assert [picture.name for picture in PICTURES if picture not in shown] == []


def test_the_site_shows_every_page_and_asks_no_other_host() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    shown = set(_paths(site["nav"]))
    assert {page.relative_to(DOCS).as_posix() for page in PAGES[1:]} == shown
    assert site["theme"]["font"] is False
    assert not [key for key in ("extra_javascript", "extra_css") if key in site]


def _paths(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []
    return [path for part in parts for path in _paths(part)]


def test_every_page_is_reached_from_the_first() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = [Path(page.parent / link.text.partition("#")[0]).resolve() for link in links(page)]
        waiting += [target for target in targets if target in PAGES and target not in reached]
    assert [page.name for page in PAGES[1:] if page not in reached] == []
