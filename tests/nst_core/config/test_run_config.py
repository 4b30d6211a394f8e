"""The run file: short to write, and every mistake in it named at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nst_core.config.run_config import load_config, parse_config
from nst_core.config.sources import FolderSource, SampleSource
from nst_core.engine.tiling.settings import Tiling
from nst_core.errors import ConfigError
from nst_core.recipes.files import configs_folder


def faults_of(data: dict[Any, Any], *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(data, overrides)
    return str(caught.value)


def test_a_run_file_of_two_lines_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "first.yaml"
    path.write_text("content: photographs/\nstyle: paintings/\n")
    config = load_config(path)
    assert config.content == FolderSource(path=Path("photographs"))
    assert config.style == FolderSource(path=Path("paintings"))
    assert config.name == "first"
    assert config.run_folder == Path("outputs/first")
    assert config.method.resolve().name == "slim"


def test_an_empty_run_file_runs_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "nothing.yaml"
    path.write_text("# nothing yet\n")
    assert load_config(path).content == SampleSource()


def test_a_section_whose_keys_are_all_commented_out_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("execution:\n  # workers: 3\ncontent:\nmethod:\n")
    assert load_config(path) == parse_config({"name": "run"})


@pytest.mark.parametrize("path", sorted(configs_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_run_file_is_valid_and_found_by_name(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (path.stem, path.name, f"configs/{path.name}"):
        assert load_config(Path(name)).name == path.stem


def test_a_file_of_ones_own_comes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo.yaml").write_text("name: mine\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("demo.yaml")).name == "mine"


@pytest.mark.parametrize("path", ["nope", "nope.yaml", "folder/demo.yaml", "."])
def test_a_run_file_that_is_not_there_is_answered_with_the_shipped_ones(path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run file .*Shipped ones: .*demo, folders"):
        load_config(Path(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"content: [", "is not valid YAML"),
        (b"content: caf\xe9/", "is not valid YAML"),
        (b"- content\n", "must be a mapping of sections"),
        (b"photographs/\n", "must be a mapping of sections"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_in_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (["method.size=512"], lambda c: c.method.resolve().size == 512),
        (["method.optimiser.learning_rate=0.25"], lambda c: c.method.resolve().optimiser.learning_rate == 0.25),
        (["method.alpha=1e-3"], lambda c: c.method.resolve().alpha == 0.001),
        (["method.style.layers={first0: 1, first1: 2}"], lambda c: len(c.method.resolve().style.layers) == 2),
        (["method=squeezenet"], lambda c: c.method.resolve().name == "squeezenet"),
        (["method=squeezenet", "method.size=64"], lambda c: c.method.resolve().size == 64),
        (["content=folder/"], lambda c: c.content == FolderSource(path=Path("folder"))),
        (["content=sample"], lambda c: c.content == SampleSource()),
        (["content.min_side=20"], lambda c: c.content == SampleSource(min_side=20)),
        (["pairing=grid"], lambda c: c.pairing.strategy == "grid"),
        (["pairing.artists=[Ada Impasto]"], lambda c: c.pairing.artists == ["Ada Impasto"]),
        (["name=2024"], lambda c: c.name == "2024"),
        (["output.root=/tmp/a=b"], lambda c: c.output.root == Path("/tmp/a=b")),
        (["execution.workers=auto"], lambda c: c.execution.workers == "auto"),
        (["execution.workers=3", "execution.workers=4"], lambda c: c.execution.workers == 4),
        (["execution.memory=3GiB"], lambda c: c.execution.tiling == Tiling("auto", 3 * 2**30)),
        (["execution.tile=256"], lambda c: c.execution.tiling == Tiling(256)),
        (["execution.tile=none"], lambda c: c.execution.tiling == Tiling("none")),
    ],
)
def test_any_key_can_be_overridden(overrides: list[str], found: Any) -> None:
    assert found(parse_config({}, overrides))


def test_overrides_keep_what_else_the_run_file_says() -> None:
    config = parse_config({"content": {"source": "folder", "path": "a", "min_side": 32}}, ["content.path=b"])
    assert config.content == FolderSource(path=Path("b"), min_side=32)
    config = parse_config({"method": "gatys2016"}, ["method.size=64"])
    assert (config.method.recipe, config.method.resolve().size) == ("gatys2016", 64)


def test_overrides_leave_the_data_they_lie_over_alone() -> None:
    data = {"method": {"recipe": "wavelet", "optimiser": {"history": 5}}}
    parse_config(data, ["method.optimiser.history=7", "method.size=64"])
    assert data == {"method": {"recipe": "wavelet", "optimiser": {"history": 5}}}


@pytest.mark.parametrize("override", ["methodsize", "=5", "method.=5", ".size=5", ""])
def test_an_override_of_another_form_is_refused(override: str) -> None:
    assert "key.sub=value" in faults_of({}, override)


def test_an_override_that_is_no_yaml_is_refused() -> None:
    assert "not valid YAML" in faults_of({}, "method.style={a: ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"contnet": "a/"}, "contnet is not a known key (did you mean 'content'?)"),
        (
            {"content": {"source": "folder", "path": "a", "min_sid": 1}},
            "content.min_sid is not a known key (did you mean",
        ),
        (
            {"style": {"source": "sample", "max_pixel": 1}},
            "style.max_pixel is not a known key (did you mean 'max_pixels'",
        ),
        ({"pairing": {"sead": 1}}, "pairing.sead is not a known key (did you mean 'seed'?)"),
        ({"execution": {"worker": 1}}, "execution.worker is not a known key (did you mean 'workers'?)"),
        ({"output": {"qualiti": 1}}, "output.qualiti is not a known key (did you mean 'quality'?)"),
        ({"method": {"siez": 1}}, "method.siez is not a known key (did you mean 'size'?)"),
        ({"method": {"style": {"layer": [1]}}}, "method.style.layer is not a known key (did you mean 'layers'?)"),
        ({5: 1}, "5: keys should be strings"),
        ({"content": {"source": "folder"}}, "content.path is missing"),
        ({"content": {"source": "flickr"}}, "content.source must be one of sample, folder"),
        ({"content": {"path": "a"}}, "content.source must be one of sample, folder"),
        ({"content": 5}, "content must be a section of keys and values (it is 5)"),
        ({"content": ["a", "b"]}, "content must be a section of keys and values"),
        ({"execution": 5}, "execution must be a section of keys and values"),
        ({"method": 5}, "method must be a section of keys and values"),
        ({"method": "wavlet"}, "no recipe 'wavlet' (did you mean 'wavelet'?)"),
        ({"execution": {"workers": 0}}, "execution.workers must be a whole number, 1 or more, or auto (it is 0)"),
        ({"execution": {"batch_size": "big"}}, "execution.batch_size must be a whole number, 1 or more, or auto"),
        ({"execution": {"retries": -1}}, "execution.retries"),
        ({"output": {"quality": 101}}, "output.quality"),
        ({"output": {"format": "gif"}}, "output.format"),
        ({"pairing": "grdi"}, "pairing.strategy"),
        ({"pairing": {"strategy": "manifest"}}, "needs the CSV file's path in pairing.manifest"),
        ({"pairing": {"manifest": "a.csv"}}, "set pairing.strategy to `manifest`"),
        ({"pairing": {"artists": []}}, "pairing.artists"),
        ({"name": "../elsewhere"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(data: dict[Any, Any], said: str) -> None:
    assert said in faults_of(data)


def test_all_faults_are_told_at_once_and_each_once() -> None:
    message = faults_of(
        {
            "nmae": "a",
            "content": {"source": "folder", "pth": "a"},
            "method": {"siez": 64, "evaluations": 0},
            "execution": {"workers": "many"},
            "output": {"quality": 200},
        }
    )
    keys = ["nmae", "content.path", "content.pth", "method.siez", "method.evaluations", "execution.workers"]
    for key in [*keys, "output.quality"]:
        assert message.count(f"{key} ") + message.count(f"{key}:") == 1, key
    assert "constrained" not in message
    assert "https://" not in message


def test_names_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "name: 2024\npairing:\n  artists: [007, 1:30, 2001-01-01, no, 1e3, 0x1F, 1.50, 12]\n"
        "  pools: {no: [on], 007: [x]}\n",
        encoding="utf-8",
    )
    config = load_config(path)
    assert config.name == "2024"
    assert config.pairing.artists == ["007", "1:30", "2001-01-01", "no", "1e3", "0x1F", "1.50", "12"]
    assert config.pairing.pools == {"no": ["on"], "007": ["x"]}


@pytest.mark.parametrize(
    ("word", "quoted"), [("true", '"true"'), ("False", '"false"'), ("null", '"null"'), ("~", '"null"')]
)
def test_a_word_that_yaml_takes_for_something_else_is_to_be_quoted(tmp_path: Path, word: str, quoted: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"pairing: {{artists: [{word}]}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"pairing.artists.0 must be text.*in quotes, {quoted}"):
        load_config(path)


def test_yes_and_no_switch_as_before() -> None:
    config = parse_config({}, ["output.gallery=no", "output.report=on", "method.upscale=yes"])
    assert (config.output.gallery, config.output.report, config.method.resolve().upscale) == (False, True, True)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("execution.devices=[x]", "execution.devices must be auto, cpu, or a list of GPUs by number"),
        ("execution.workers=many", "execution.workers must be a whole number, 1 or more, or auto (it is 'many')"),
        ("execution.memory=3", "execution.memory: must be a size with its unit, such as 3GiB or 800MB (it is 3)"),
        ("execution.memory=-3GiB", "execution.memory: must be a size with its unit"),
        ("execution.memory=3B", "execution.memory: must be 100.0 MB or more (it is '3B')"),
        ("execution.tile=10", "execution.tile must be a whole number, 64 or more, auto or none (it is 10)"),
        ("execution.tile=big", "execution.tile must be a whole number, 64 or more, auto or none (it is 'big')"),
        ("output.quality=101", "output.quality must be 100 or less (it is 101)"),
        ("output.quality=1.5", "output.quality must be a whole number (it is 1.5)"),
        ("output.format=gif", "output.format must be 'jpeg' or 'png' (it is 'gif')"),
        ("output.gallery=perhaps", "output.gallery must be true or false (it is 'perhaps')"),
        ("pairing.splits={a: .inf}", "pairing.splits.a must be a finite number"),
        ("pairing.strengths=[0]", "pairing.strengths.0 must be greater than 0 (it is 0)"),
        ("pairing.artists=[]", "pairing.artists must not be empty"),
        ("pairing.artists=Ada", "pairing.artists must be a list"),
        ("pairing.artists=[[Ada]]", "pairing.artists.0 must be text, not a list or section"),
        ("name=", "name must be text"),
        ("content.path=7", "content.path must be a path: put it in quotes"),
        ("pairing.seed=" + "9" * 5000, "a number of 5000 digits"),
    ],
)
def test_faults_are_told_in_our_words(override: str, said: str) -> None:
    assert said in faults_of({"content": "photographs"}, override)
