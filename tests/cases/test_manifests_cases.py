"""Manifests as spreadsheets, pandas and Windows leave them: each has its right verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_inputs import generate

from nst_core.config.run_config import parse_config
from nst_core.errors import ManifestError
from nst_core.plan.wanted import wanted_pairs

pytestmark = pytest.mark.slow

VERDICTS: dict[str, int | str] = {
    "ok": 2,
    "crlf_blank": 2,
    "blank_first": 1,
    "cr_only": 2,
    "bom": 1,
    "utf16": 1,
    "cp1252": "is not in UTF-8: save it as 'CSV UTF-8'",
    "semicolon": 1,
    "sep_hint": 1,
    "sep_hint_semi": 1,
    "tab": 1,
    "winpath": 1,
    "dotslash": 1,
    "case": 1,
    "case_path": "no file w/man/m/CATS/000.PNG",
    "stem": "no file w/man/m/cats/000",
    "nan_artist": 2,
    "nfd": 1,
    "newline_field": 2,
    "bad_quote": "row 3: text follows a closing quote",
    "nul": "no file w/man/m/cats/000.png\0",
    "num_artist": "row 2, column artist, value '7': the style source has no such artist (did you mean '007'?)",
    "num_artist_ok": 1,
    "decimal_comma": "row 2, column style_weight, value '0,5': must be a number above 0",
    "sci": 1,
    "thousands": "row 2, column size, value '1,024': must be a whole number of pixels",
    "spaces_nbsp": 1,
    "trailing_commas": 1,
    "unnamed_pandas": 2,
    "pandas_float": 2,
    "pandas_float2": 2,
    "extra_dup": "has the column 'note' twice",
    "long": 1,
    "label_slash": 2,
    "label_float": 2,
    "formula": 1,
    "semi_style": 1,
    "nfd_content": 1,
    "nfd_style": 1,
}


def verdict(manifest: Path) -> int | str:
    """The number of pairs, the message of a refusal, or the first file that is not there."""
    pairing = {"strategy": "manifest", "manifest": str(manifest)}
    root = manifest.parents[3]
    sections = {"content": str(root / "w/man/c"), "style": str(root / "w/man/s"), "pairing": pairing}
    try:
        pairs = wanted_pairs(parse_config(sections), "0" * 64).pairs
    except ManifestError as error:
        return str(error)
    paths = [item.path for item in pairs.contents]
    paths += [share.item.path for combination in pairs.combinations for share in combination.styles]
    missing = [path for path in paths if "\0" in str(path) or not path.is_file()]
    return f"no file {missing[0].relative_to(root)}" if missing else len(pairs)


def test_every_manifest_has_its_verdict(shared: Path, tmp_path: Path) -> None:
    folder = generate(shared, "manifests.py", tmp_path / "in") / "w/man/m"
    found = {path.stem: verdict(path) for path in folder.glob("*.csv")}
    assert found.keys() == VERDICTS.keys()
    wrong = {
        name: (found[name], right)
        for name, right in VERDICTS.items()
        if not (found[name] == right if isinstance(right, int) else right in str(found[name]))
    }
    assert not wrong
