"""`~` and variables in paths that people write."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from nst_core.errors import UsageError
from nst_core.storage.paths import parse_path
from nst_core.storage.written_paths import written_path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder, and a home in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("DATA", "/mnt/data")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("roll", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "/home/ada"),
        ("~/x", "/home/ada/x"),
        ("~/a/../b", "/home/ada/a/../b"),
        ("./~/x", "~/x"),
        ("a/~/x", "a/~/x"),
        ("a~b", "a~b"),
        ("$DATA/x", "/mnt/data/x"),
        ("${DATA}/x", "/mnt/data/x"),
        ("a-${DATA}-b", "a-/mnt/data-b"),
        ("$HOME/$DATA", "/home/ada//mnt/data"),
        ("~/$DATA", "/home/ada//mnt/data"),
        ("price$", "price$"),
        ("5$/a", "5$/a"),
        ("$5bill", None),
        ("${}", None),
        ("$roll", None),
        ("pay$roll/new", None),
        ("${EMPTY}/x", None),
        ("~nobody-of-this-name/x", None),
        ("a\0b", None),
    ],
)
def test_a_written_path_is_expanded_or_refused(text: str, path: str | None) -> None:
    if path is not None:
        assert written_path(text) == Path(path)
        return
    with pytest.raises(UsageError):
        written_path(text)


def test_a_user_has_a_home() -> None:
    user = pwd.getpwuid(os.getuid())
    assert written_path(f"~{user.pw_name}/x") == Path(user.pw_dir) / "x"


def test_what_is_really_called_so_comes_first(place: Path) -> None:
    (place / "pay$roll").mkdir()
    (place / "$DATA").mkdir()
    (place / "~$draft.yaml").touch()
    assert written_path("pay$roll/new/x") == Path("pay$roll/new/x")
    assert written_path(f"{place}/pay$roll/$DATA") == place / "pay$roll/mnt/data"
    assert written_path("$DATA/x") == Path("$DATA/x")
    assert written_path("~$draft.yaml") == Path("~$draft.yaml")


def test_the_unset_variable_is_named() -> None:
    with pytest.raises(UsageError, match=r"\$roll/x: the environment variable roll is not set"):
        written_path("$roll/x")
    with pytest.raises(UsageError, match="the environment variable EMPTY is empty"):
        written_path("s3://$EMPTY/x")


def test_urls_take_variables_and_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "pictures")
    assert written_path("s3://$BUCKET/~/x") == parse_path("s3://pictures/~/x")
    assert written_path("file://~/x") == Path("~/x")


def test_a_path_stays_as_it_is() -> None:
    assert written_path(Path("~/$roll")) == Path("~/$roll")
