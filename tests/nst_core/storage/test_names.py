"""Two spellings of a name have one key; what is kept is the first, in normal form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.storage.names import Spellings, ValuesByName, name_key, normal_name

any_text = st.text(st.characters(), max_size=50)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Claude Monet", "claude monet"),
        ("Claude Monet", "Claude\u00a0Monet"),
        ("Claude Monet", "  Claude \t\n Monet\u3000"),
        ("Claude Monet", "Claude\u2003Monet\u200b"),
        ("D\u00fcrer", "Du\u0308rer"),
        ("STRASSE", "straße"),
        ("\u212bngstr\u00f6m", "a\u030angstro\u0308m"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Manet", "Monet"), ("Dürer", "Durer"), ("001", "01"), ("a_b", "a b")])
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(any_text)
def test_keys_and_normal_forms_are_their_own(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text) == name_key(normal_name(text))
    assert normal_name(normal_name(text)) == normal_name(text)


@pytest.mark.parametrize("name", ["Claude Monet", "Albrecht Dürer", "北斎", "a_b-c.d", "Ænima (1996)", "007"])
def test_what_is_in_normal_form_stays(name: str) -> None:
    assert normal_name(name) == name


def test_the_first_spelling_stands_for_all() -> None:
    spellings = Spellings(["Du\u0308rer"])
    assert [spellings.first(name) for name in ("DÜRER", " Monet ", "monet", "")] == ["Dürer", "Monet", "Monet", ""]


def test_values_are_found_in_any_spelling_and_the_first_stays() -> None:
    values = ValuesByName([("Claude Monet", 1), ("claude  monet", 2), ("Klee", 3)])
    assert values == {"Claude Monet": 1, "Klee": 3}
    assert (values["CLAUDE MONET"], values.get("klee"), values.get("Manet", 0)) == (1, 3, 0)
    assert "klee" in values
    assert "Manet" not in values
    with pytest.raises(KeyError):
        values["Manet"]
