"""What the pages say holds: their links lead somewhere, their commands are commands, their run files are valid."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
import yaml
from documents import PAGES, ROOT, Found, anchors, blocks, inline, links
from typer.testing import CliRunner

from flows.cli import app
from nst_core.config.run_config import RunConfig, load_config, parse_config

_NST = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:uv run )?nst +(?=[a-z])")
_SECTION = re.compile(r"^(content|style|pairing|method|execution|output): \S")
_OWN_KEYS = ("bench", "retry")
"""Commands whose `--set` is not laid over a run file that could be checked here."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert [str(link) for link in links(page) if not _leads_somewhere(link)] == []


def _leads_somewhere(link: Found) -> bool:
    if re.match(r"[a-z]+:", link.text):
        return True
    name, _, anchor = unquote(link.text).partition("#")
    target = (link.page.parent / name) if name else link.page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_pages_keep_to_their_folder_so_that_the_site_has_all_they_link_to() -> None:
    """But for links into the code, which become plain names there (docs/site_links.py)."""
    docs = ROOT / "docs"
    code = tuple(f"../{folder}/" for folder in ("nst_core", "flows", "tests", "configs"))
    outside = [
        str(link)
        for page in PAGES[1:]
        for link in links(page)
        if ":" not in link.text
        and not link.text.startswith(code)
        and not (page.parent / link.text).resolve().is_relative_to(docs)
    ]
    assert outside == []


def test_every_command_in_a_code_block_is_one_that_nst_takes() -> None:
    told = [command for page in PAGES for block in blocks(page, "", "sh", "console") for command in _commands(block)]
    assert len(told) > 30
    assert [f"{command}: {fault}" for command in told if (fault := _fault(command.text))] == []


def test_every_command_in_the_text_is_one_that_nst_takes() -> None:
    told = [found for page in PAGES for found in inline(page) if _NST.match(found.text)]
    assert len(told) > 50
    faults = ((command, _fault(command.text)) for command in told)
    assert [f"{command}: {fault}" for command, fault in faults if fault and not fault.startswith("Missing ")] == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("nst run photos.yaml --colour red", "--colour"),
        ("nst stylise a.jpg b.jpg -o c.jpg", "stylise"),
        ("nst run photos.yaml --set method.sise=3", "size"),
        ("nst export outputs/demo -o there", "--to"),
    ],
)
def test_a_command_that_nst_does_not_take_is_noticed(command: str, fault: str) -> None:
    assert fault in _fault(command)


def _commands(block: Found) -> Iterator[Found]:
    """The calls of nst in a block, one a line, `&&` and continued lines apart."""
    for number, line in enumerate(block.text.replace("\\\n", "  ").splitlines()):
        for part in line.split("&&"):
            if _NST.match(part.strip()):
                yield Found(block.page, block.line + number, part.strip())


def _fault(command: str) -> str:
    """Why nst would refuse a command's arguments; empty where it would not. Nothing is executed."""
    answer = CliRunner().invoke(_shadow(), _arguments(command))
    if answer.exit_code == 0:
        return ""
    if answer.exception and not isinstance(answer.exception, SystemExit):
        return str(answer.exception)
    told = " ".join(re.sub(r"[│╭╮╰╯─]", " ", answer.output).split())
    return told.partition("Error: ")[2] or told


def _arguments(command: str) -> list[str]:
    """As a shell would pass them, without the marks of a synopsis: `[…]` around options, `a|b`, `…`."""
    text = command.replace(" | ", "|")
    words = shlex.split(text[text.index("nst") :], comments=True)[1:]
    plain = [word if "=" in word or " " in word else word.strip("[]").partition("|")[0] for word in words]
    told = [word.rstrip("…") if word != "…" else "" for word in plain if word not in ("OPTIONS", "--debug")]
    return [word for word in told if word]


@functools.cache
def _shadow() -> typer.Typer:
    return _unexecuted(app)


def _unexecuted(group: typer.Typer) -> typer.Typer:
    """The same commands, of which each only looks at its `--set`."""
    shadow = typer.Typer(rich_markup_mode=None)
    for command in group.registered_commands:
        assert command.callback is not None
        shadow.command(command.name)(_looks_only(command.callback))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        shadow.add_typer(_unexecuted(inner.typer_instance), name=inner.name)
    return shadow


def _looks_only(call: Callable[..., Any]) -> Callable[..., None]:
    def look(**given: Any) -> None:
        overrides, file = given.get("set_"), given.get("file")
        if not overrides or call.__name__ in _OWN_KEYS:
            return
        if file and (ROOT / "configs" / f"{file}.yaml").is_file():
            load_config(Path(file), overrides)
        else:
            parse_config({"method": {"recipe": given.get("recipe", "wavelet")}}, overrides)

    look.__name__ = call.__name__
    look.__annotations__ = typing.get_type_hints(call, include_extras=True)
    look.__signature__ = inspect.signature(call, eval_str=True)  # type: ignore[attr-defined]
    return look


def test_every_run_file_on_the_pages_is_valid() -> None:
    told = [part for page in PAGES for block in blocks(page, "yaml") for part in _run_files(block)]
    told += [found for page in PAGES for found in inline(page) if _is_section(found.text)]
    assert len(told) > 25
    assert [f"{part}: {fault}" for part in told if (fault := _run_file_fault(part.text))] == []


def test_a_run_file_that_is_wrong_is_noticed() -> None:
    assert "styles_per_content" in _run_file_fault("pairing: {styles_per_contents: 2}")


def _run_files(block: Found) -> Iterator[Found]:
    """A block, or its sections one by one where it shows several ways to write one."""
    sections = re.split(r"^(?=\w)", block.text, flags=re.MULTILINE)
    names = [section.partition(":")[0] for section in sections if section.strip()]
    whole = len(set(names)) == len(names)
    yield from [block] if whole else (Found(block.page, block.line, section) for section in sections if section.strip())


def _is_section(text: str) -> bool:
    return bool(_SECTION.match(text)) and "…" not in text and "|" not in text


def _run_file_fault(text: str) -> str:
    try:
        data = yaml.safe_load(text)
        unknown = set(data) - set(RunConfig.model_fields)
        parse_config(data)
    except Exception as error:
        # An extra such as gs need not be installed where the pages are tested.
        return "" if "is not installed: pip install 'nst-pipeline[" in str(error) else str(error)
    return f"unknown sections {unknown}" if unknown else ""
