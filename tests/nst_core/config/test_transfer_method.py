"""Methods of the kind `transfer` in run files, and in fingerprints."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_networks import adain_files, johnson_file

from nst_core.config.devices import Fleet
from nst_core.config.method import Method
from nst_core.config.resolved_method import ResolvedMethod, resolve_method
from nst_core.config.run_config import parse_config
from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError, WeightsError
from nst_core.recipes import load_method, load_recipe
from nst_core.recipes.plain_data import recipe_dict

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(path) for path in adain_files(tmp_path)]


def transfer(network: Any, **keys: Any) -> TransferRecipe:
    found = parse_config({"method": {"kind": "transfer", "network": network, **keys}}).method.resolve()
    assert isinstance(found, TransferRecipe)
    return found


def resolved(method: dict[str, Any], *overrides: str, fleet: Fleet | None = None) -> ResolvedMethod:
    return resolve_method(parse_config({"method": method}, overrides), fleet or Fleet(CPU, CPU, 1))


class TestRunFiles:
    def test_a_network_needs_no_recipe(self, files: list[str]) -> None:
        assert transfer(files).name == "transfer"
        assert transfer(files, size=64).network == tuple(files)
        assert transfer("one.pth").network == ("one.pth",)

    def test_one_with_a_name_has_the_recipe_of_that_name(self) -> None:
        named = transfer("magenta")
        assert named == load_method("magenta")
        assert transfer(["magenta"], size=96) == replace(named, size=96)
        assert parse_config({"method": {"kind": "transfer", "network": "magenta"}}).method.recipe == "magenta"

    def test_a_recipe_says_its_kind_itself(self, files: list[str]) -> None:
        found = parse_config({"method": {"recipe": "adain", "network": files}}).method.resolve()
        assert isinstance(found, TransferRecipe)
        assert (found.network, found.style_size, found.resizing) == (tuple(files), 512, "bilinear")
        plain = parse_config({"method": {"recipe": "wavelet", "kind": "optimisation"}}).method.resolve()
        assert plain == load_recipe("wavelet")

    def test_paths_of_people_are_expanded(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("MODELS", str(tmp_path))
        assert transfer(["~/a.pth", "$MODELS/b.pth"]).network == (f"{tmp_path}/a.pth", f"{tmp_path}/b.pth")
        start = parse_config({"method": {"recipe": "wavelet", "start": "~/a.pth"}}).method.resolve()
        assert isinstance(start, Recipe)
        assert (start.start, start.start_network) == ("transfer", (f"{tmp_path}/a.pth",))

    @pytest.mark.parametrize(
        ("method", "said"),
        [
            ({"kind": "transfer"}, "method.network is missing: name a transfer network, such as quick"),
            ({"kind": "transfer", "network": []}, "method.network is missing"),
            ({"kind": "transfer", "network": {"a": 1}}, "must be a name or a list of names"),
            ({"kind": "transfer", "network": "magenta", "evaluations": 5}, "method.evaluations is not a known key"),
            ({"kind": "transfer", "network": "magenta", "strength": 2}, "from 0 to 1"),
            ({"kind": "transfer", "network": "magenta", "precision": "bfloat16"}, "it can be auto, float32, tf32"),
            ({"kind": "transfer", "recipe": "wavelet"}, "the recipe 'wavelet' is of kind 'optimisation': leave one"),
            ({"kind": "optimisation", "recipe": "magenta"}, "the recipe 'magenta' is of kind 'transfer': leave one"),
            ({"kind": "transfr", "network": "magenta"}, "did you mean 'transfer'.*it can be optimisation, transfer"),
            ({"recipe": "wavelet", "network": "magenta"}, "method.network is not a known key"),
            ({"recipe": "wavelet", "start": "transfer"}, "method.start_network is missing"),
            ({"recipe": "wavelet", "start_network": "magenta"}, "belongs to start: transfer, and here it is colour_ma"),
            ({"recipe": "wavelet", "start": "magent"}, "did you mean|it can be content, colour_matched"),
        ],
    )
    def test_what_is_wrong_is_told_by_its_key(self, method: dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            parse_config({"method": method})

    def test_a_recipe_written_out_reads_as_the_same_recipe(self, tmp_path: Path, files: list[str]) -> None:
        recipe = transfer(files, strength=0.25, keep=["person"])
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(recipe_dict(recipe)), encoding="utf-8")
        assert load_method(str(path)) == recipe

    def test_an_optimisation_is_asked_for_where_there_must_be_one(self) -> None:
        with pytest.raises(ConfigError, match="magenta is a transfer network, which has no objective"):
            load_recipe("magenta")

    def test_strengths_from_the_network_s_own_on_are_that(self) -> None:
        assert transfer("magenta", strength=0.5) == transfer("magenta", strength=0.8) == transfer("magenta")
        assert transfer("magenta", strength=0.4).strength == 0.4


class TestFingerprints:
    def test_networks_count_by_their_bytes_and_not_by_their_place(self, tmp_path: Path, files: list[str]) -> None:
        elsewhere = [str(shutil.copy(file, tmp_path / f"copy-{Path(file).name}")) for file in files]
        same = [resolved({"kind": "transfer", "network": network}) for network in (files, elsewhere[::-1])]
        assert same[0].fingerprints == same[1].fingerprints
        for file in files:
            digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
            assert digest in same[0].fingerprints.method_data["weights_sha256"]
        other = [str(path) for path in adain_files(tmp_path / "other", seed=5)]
        assert resolved({"kind": "transfer", "network": other}).fingerprints.method != same[0].fingerprints.method

    @pytest.mark.parametrize(
        "override",
        [
            "size=64",
            "style_size=64",
            "strength=0.3",
            "colour=content",
            "resizing=bilinear",
            "bucket=8",
            "keep=[person]",
        ],
    )
    def test_every_key_that_changes_pictures_counts(self, files: list[str], override: str) -> None:
        plain = {"kind": "transfer", "network": files}
        assert resolved(plain).fingerprints.method != resolved(plain, f"method.{override}").fingerprints.method

    def test_the_network_of_a_start_counts(self, files: list[str], tmp_path: Path) -> None:
        start = {"recipe": "wavelet", "precision": "float32", "start": files}
        other = {**start, "start": str(johnson_file(tmp_path))}
        found = [resolved(method).fingerprints for method in (start, other)]
        assert found[0].method != found[1].method
        assert ";" in found[0].method_data["method"]["start_sha256"]
        assert "start_network" not in found[0].method_data["method"]

    def test_sides_and_precision_are_the_network_s(self, files: list[str]) -> None:
        found = resolved({"kind": "transfer", "network": files}, fleet=Fleet(GPU, CPU, 1))
        assert (found.min_side, found.min_style_side, found.recipe.precision) == (9, 9, "tf32")
        assert resolved({"kind": "transfer", "network": files}).recipe.precision == "float32"

    def test_a_file_that_is_none_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"method\.network: there is no network file"):
            resolved({"kind": "transfer", "network": str(tmp_path / "none.pth")})
        with pytest.raises(WeightsError, match=r"method\.start_network: there is no network file"):
            resolved({"recipe": "wavelet", "start": str(tmp_path / "none.pth")})


def test_who_asks_for_the_same_pictures_is_equal(files: list[str]) -> None:
    assert Method.model_validate({"kind": "transfer", "network": files}) == Method.model_validate(
        {"kind": "transfer", "network": list(files)}
    )
