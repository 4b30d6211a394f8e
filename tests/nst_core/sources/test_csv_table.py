"""The one reader of CSV tables."""

from __future__ import annotations

import pytest

from nst_core.sources.csv_table import CsvFault, decode_table, parse_csv


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("sep=;\na;b\n1;2\n", ";"),
        ('"sep=,",,\r\na,b\r\n1,2\r\n', ","),
        ("\ufeffsep=\t\na\tb\n1\t2\n".removeprefix("\ufeff"), "\t"),
        ('\n\n"a;;;",b\n1,2\n', ","),
        ("a\n1\n", ","),
    ],
)
def test_the_separator_is_that_of_the_first_line(text: str, separator: str) -> None:
    assert parse_csv(text).separator == separator


def test_rows_have_the_numbers_of_a_spreadsheet() -> None:
    table = parse_csv('sep=;\r\na;b\r\n\r\n;\r\n"two\nlines";x\r\ny;z\r\n')
    assert table.rows == [(1, ["a", "b"]), (4, ["two\nlines", "x"]), (5, ["y", "z"])]


@pytest.mark.parametrize(("text", "row"), [('a,b\n1,2\n"x" y,3\n', 3), ('a,b\n\n1,"2\n3,4\n', 3), ('"a\n', 1)])
def test_a_quoting_fault_says_its_row(text: str, row: int) -> None:
    with pytest.raises(CsvFault, match=f"^row {row}: ") as raised:
        parse_csv(text)
    assert [number for number, _ in raised.value.before.rows] == (
        [1] if row == 3 and "\n\n" in text else [1, 2][: row - 1]
    )
    parse_csv(text, strict=False)


def test_decimal_commas_are_those_of_tables_without_commas_between_cells() -> None:
    assert [parse_csv("a;b\n").number_text(cell) for cell in ("0,5", "1.5", "-3,25e-2", "1,2,3")] == [
        "0.5", "1.5", "-3.25e-2", "1,2,3",
    ]  # fmt: skip
    assert parse_csv("a,b\n").number_text("0,5") == "0,5"


def test_encodings_that_say_what_they_are_are_read() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode_table("ä,b\n".encode(encoding)) == "ä,b\n"
    for data in ("ä".encode("cp1252"), "ä,b\n".encode("utf-16")[:-1]):
        with pytest.raises(UnicodeDecodeError):
            decode_table(data)
