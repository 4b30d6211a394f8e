"""Places in a run file: kept as they were written, refused where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.config.run_config import parse_config
from nst_core.errors import ConfigError
from nst_core.storage.paths import is_local, parse_path


def test_urls_in_a_run_file_stay_urls() -> None:
    config = parse_config(
        {
            "name": "trial",
            "content": "s3://bucket/photographs",
            "style": {"source": "folder", "path": "s3://bucket/paintings"},
            "pairing": {"strategy": "manifest", "manifest": "s3://bucket/pairs.csv"},
        },
        ["output.root=s3://other/outputs"],
    )
    assert config.content.path == parse_path("s3://bucket/photographs")
    assert config.pairing.manifest == parse_path("s3://bucket/pairs.csv")
    assert str(config.run_folder) == "s3://other/outputs/trial"
    told = config.model_dump(mode="json")
    assert told["style"]["path"] == "s3://bucket/paintings"
    assert told["output"]["root"] == "s3://other/outputs"
    assert parse_config(told) == config


def test_local_paths_in_a_run_file_are_paths_as_before() -> None:
    config = parse_config({"content": "photographs", "style": "file:///data/paintings"})
    assert (config.content.path, config.style.path) == (Path("photographs"), Path("/data/paintings"))
    assert is_local(config.run_folder)


@pytest.mark.parametrize("source", ["artworks", "coco", "sample"])
def test_what_is_downloaded_or_built_in_lies_on_a_disk(source: str) -> None:
    with pytest.raises(ConfigError, match=r"content\.path: such data are read from a local folder only"):
        parse_config({"content": {"source": source, "path": "s3://bucket/data"}})


def test_a_secret_in_a_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"content\.path: the s3:// URL holds a secret") as refused:
        parse_config({"content": "s3://AKIA:hunter2@bucket/photographs"})
    assert "hunter2" not in str(refused.value)


def test_an_unknown_store_is_a_fault_among_others() -> None:
    with pytest.raises(ConfigError, match=r"no store is known as nowhere://.*output\.qualty is not a known key"):
        parse_config({"content": "nowhere://bucket", "output": {"qualty": 3}})


def test_a_place_is_a_text() -> None:
    with pytest.raises(ConfigError, match=r"output\.root must be a path"):
        parse_config({"output": {"root": 7}})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder; a variable `DATA`, and none that is called `UNSET`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", "/mnt/data")
    monkeypatch.delenv("UNSET", raising=False)
    return tmp_path


def test_every_path_of_a_run_file_is_expanded_and_recorded_so(home: Path) -> None:
    data = {
        "content": "~/photographs",
        "style": {"source": "coco", "path": "$DATA/coco", "annotations": "${DATA}/x.json"},
        "pairing": {"strategy": "manifest", "manifest": "~/pairs.csv"},
        "method": {"recipe": "squeezenet", "weights": "~/w.pth"},
        "output": {"root": "~/x"},
    }
    config = parse_config(data, [])
    told = config.model_dump(mode="json")
    assert told["content"]["path"] == f"{home}/photographs"
    assert (told["style"]["path"], told["style"]["annotations"]) == ("/mnt/data/coco", "/mnt/data/x.json")
    assert told["pairing"]["manifest"] == f"{home}/pairs.csv"
    assert (told["method"]["weights"], config.method.resolve().weights) == (f"{home}/w.pth", f"{home}/w.pth")
    assert config.run_folder == home / "x" / "run"


@pytest.mark.parametrize("text", ["~/x", "'~/x'", '"~/x"', "$HOME/x", "${HOME}/x"])
def test_an_override_is_expanded_with_and_without_quotes(home: Path, text: str) -> None:
    assert parse_config({}, [f"output.root={text}"]).output.root == home / "x"


def test_paths_inside_a_recipe_file_and_its_own_are_expanded(home: Path) -> None:
    (home / "own.yaml").write_text(
        "features: squeezenet1_0\nweights: ~/w.pth\ncontent: {layers: [relu1]}\nstyle: {layers: [relu1]}\n", "utf-8"
    )
    assert parse_config({"method": "~/own.yaml"}).method.resolve().weights == f"{home}/w.pth"


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("content", "content.path"),
        ("style", "style.path"),
        ("output.root", "output.root"),
        ("method.weights", "method"),
    ],
)
def test_an_unset_variable_is_a_fault_with_its_key(home: Path, override: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}: \$UNSET/x: the environment variable UNSET is not set"):
        parse_config({}, [f"{override}=$UNSET/x"])
