"""metadata.csv as people's tools leave it: each form says what it means, or what was read otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_inputs import generate

from nst_core.sources.artist_names import artist_key
from nst_core.sources.base import source_id
from nst_core.sources.folder import folder_catalogue

BOTH = ("monet", "klee")
FORMS = {
    "nfd_artist": (("dürer", "dürer"), (None, None), ()),
    "case_artist": (("claude monet", "claude monet"), (None, None), ()),
    "nbsp_artist": (("claude monet", "claude monet"), (None, None), ()),
    "pandas_index": (BOTH, (None, None), ("Left out: the column without a name of metadata.csv.",)),
    "semicolon": (BOTH, (None, None), ()),
    "header_case": (BOTH, (None, None), ()),
    "filename": (BOTH, (None, None), ()),
    "artist_caps": (BOTH, ("CC-BY-4.0", "CC0-1.0"), ()),
    "bad_quote": (BOTH, (None, None), ("metadata.csv has quotes out of place",)),
    "escaped": (BOTH, (None, None), ("metadata.csv has quotes out of place",)),
    "nan": ((None, None), (None, None), ("Read as empty: 1 cell of metadata.csv with 'nan'.",)),
    "short_rows": (("monet", None), (None, None), ()),
    "extra_ext": (BOTH, (None, None), ("Spelled otherwise in metadata.csv than on the disk: a → a.png, b.",)),
}  # fmt: skip
"""Artists (whatever their case and spaces), licences and the beginnings of the notes, by form."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    return generate(shared, "metadata_forms.py", tmp_path_factory.mktemp("metadata")) / "w" / "md"


@pytest.mark.slow
def test_every_form_is_in_the_table(forms: Path) -> None:
    assert {path.name for path in forms.iterdir()} == set(FORMS)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_form_says_what_it_means(forms: Path, form: str) -> None:
    artists, licenses, notes = FORMS[form]
    found = folder_catalogue(forms / form, "style")
    assert [item.id for item in found.items] == ["a.png", "b.png"]
    assert tuple(item.artist and artist_key(source_id(item.artist)) for item in found.items) == artists
    assert tuple(item.license for item in found.items) == licenses
    assert len(found.notes) == len(notes)
    assert all(note.startswith(start) for note, start in zip(found.notes, notes, strict=True))
