"""The files under `configs/` are found in a checkout and in an installed package alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.recipes import files


def test_a_checkout_has_them_beside_the_code() -> None:
    assert (files.configs_folder() / "demo.yaml").is_file()
    assert (files.configs_folder() / "methods" / "wavelet.yaml").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nst_core" / "_configs").mkdir(parents=True)
    (tmp_path / "configs").mkdir()  # somebody else's
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "nst_core")
    assert files.configs_folder() == tmp_path / "nst_core" / "_configs"


def test_the_folder_one_works_in_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (files.configs_folder() / "demo.yaml").is_file()
