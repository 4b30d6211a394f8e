"""YAML of people: what a word is read as, and what is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nst_core.errors import ConfigError
from nst_core.storage.yaml_files import MOST_LEVELS, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("On", "On"), ("off", "off"), ("true", True), ("False", False),
        ("007", "007"), ("0512", "0512"), ("1:30", "1:30"), ("1_000", "1_000"), ("2001-01-01", "2001-01-01"),
        ("2001-99-99", "2001-99-99"), ("12", 12), ("-3", -3), ("+3", 3), ("0", 0), ("0x1F", 31), ("0o17", 15),
        ("1e3", 1000.0), ("1e-3", 0.001), ("1.50", 1.5), (".5", 0.5), ("2.", 2.0), ("-.inf", float("-inf")),
        ("1e999", float("inf")), ("null", None), ("~", None), ("", None), ("'5'", "5"), ('"true"', "true"),
        ("!!str 5", "5"), ("=", "="), (r'"\ud83d\ude00"', "😀"), ("[a, {b: c}]", ["a", {"b": "c"}]),
    ],
)  # fmt: skip
def test_words_and_numbers_are_read_as_yaml_1_2(text: str, value: Any) -> None:
    read = parse_yaml(text, "it")
    assert type(read) is type(value) or isinstance(read, int | float)
    assert read == value


@pytest.mark.parametrize("text", ["0x1F", "1.50", "1e3", "+3", "0o17", "-0", "12", "1.5"])
def test_a_number_as_text_is_as_it_was_written(text: str) -> None:
    number = parse_yaml(text, "it")
    assert str(number) == text
    assert json.loads(json.dumps(number)) == number


@pytest.mark.parametrize("key", ["no", "yes", "007", "12", "null", "1.50", "true", "2001-01-01", "é"])
def test_keys_are_text(key: str) -> None:
    assert parse_yaml(f"{key}: 1", "it") == {key: 1}


LEVELS = "".join(
    f"{chr(97 + i)}: &{chr(97 + i)} [{', '.join([f'*{chr(96 + i)}' if i else 'x'] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' is given twice, in line 1 and line 3"),
        ("x:\n  no: 1\n  no: 2", "the key 'no' is given twice, in line 2 and line 3"),
        ("x: {a: 1, 'a': 2}", "the key 'a' is given twice"),
        ("- {a: {b: 1,\n b: 2}}", "the key 'b' is given twice, in line 1 and line 2"),
        ("<<: {a: 1}\n<<: {b: 1}", "the key '<<' is given twice"),
        ("a: " + "[" * (MOST_LEVELS + 1), f"more than {MOST_LEVELS} levels"),
        ("a: " + "[" * 100_000, f"more than {MOST_LEVELS} levels"),
        ("a: " + "9" * 5000, "line 1, column 4: a number of 5000 digits"),
        ("a: &a [*a]", "an alias (*) leads back into itself"),
        (LEVELS, "more than 100000 values"),
        ("[[1]: 2]", "a list or a section cannot be a key"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a: [", "line 1"),
        ("a: 1\n--- 2", "line 2"),
        ("a: !!int x", "'x' is not a number"),
        ("a: !!float x", "'x' is not a number"),
        ("a: !!bool maybe", "'maybe' is neither true nor false"),
        ("a: !!timestamp 2001-99-99", "the tag !!timestamp means nothing here"),
        ("a: !!python/object/apply:os.getcwd []", "the tag !!python/object/apply:os.getcwd means nothing here"),
        ("a: !own x", "the tag !own means nothing here"),
        (r'a: "\ud800"', "holds half a character"),
        ("a: \0", "character 4 (0x0000) is not allowed in YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_yaml(text, "The run file x.yaml")
    assert str(refused.value).startswith("The run file x.yaml is not valid YAML: ")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)


def test_a_merged_section_may_be_overridden() -> None:
    assert parse_yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}", "it")["y"] == {"a": 3, "b": 2}


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfname: x\n")
    assert read_yaml(tmp_path / "x.yaml", "run file") == {"name": "x"}


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"name: caf\xe9\n", "byte 9 (0xe9) is not UTF-8"), ("name: x\n".encode("utf-16"), "byte 0 (0xff) is not UTF-8")],
)
def test_a_file_that_is_not_utf_8_is_told_with_the_byte(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.yaml").write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        read_yaml(tmp_path / "x.yaml", "run file")
    assert said in str(refused.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path, "run file")
