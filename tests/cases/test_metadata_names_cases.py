"""`metadata.csv` whose rows spell one artist in two ways: he is one artist, in the first spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_inputs import generate

from nst_core.sources.folder import folder_catalogue

pytestmark = pytest.mark.slow

ARTISTS = {"nfd_artist": "Dürer", "case_artist": "Claude Monet", "nbsp_artist": "Claude Monet"}


def test_spellings_of_an_artist_are_one_artist(shared: Path, tmp_path: Path) -> None:
    folder = generate(shared, "metadata_forms.py", tmp_path / "in") / "w/md"
    for form, artist in ARTISTS.items():
        catalogue = folder_catalogue(folder / form, "style")
        assert [item.artist for item in catalogue.items] == [artist, artist], form
        assert list(catalogue.by_artist()) == [artist]
