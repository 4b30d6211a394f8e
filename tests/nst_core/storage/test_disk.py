"""Sizes in bytes, as they are written and read."""

from __future__ import annotations

import pytest

from nst_core.storage.disk import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("3GiB", 3 * 2**30),
        ("3 GiB", 3 * 2**30),
        (" 3 gib ", 3 * 2**30),
        ("800MB", 800 * 10**6),
        ("1.5 GB", 1_500_000_000),
        ("2TiB", 2 * 2**40),
        ("4096B", 4096),
        ("64 kB", 64_000),
    ],
)
def test_a_size_has_a_unit(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "3", "GiB", "-3GiB", "+3GiB", "0GiB", "3 apples", "3  GiB", "3,5GiB", "1e9GB", "nanGB", "9" * 400 + "GB"],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size with its unit, such as 3GiB"):
        parse_bytes(text)


def test_sizes_as_they_are_written_are_read_again() -> None:
    assert [parse_bytes(format_bytes(size)) for size in (815_600_000, 1_500, 2 * 10**9)] == [
        815_600_000,
        1_500,
        2 * 10**9,
    ]
