"""What an uploaded run file may ask for, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError
from nst_core.app.runs.run_file_rules import MACHINE_KEYS, MOST_IN_METHOD, RunFileRules, run_file_text
from nst_core.app.runs.settings import RunSettings, data_folders
from nst_core.config.execution import Execution
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.recipes import load_method, recipe_names
from nst_core.recipes.plain_data import recipe_dict
from nst_core.storage.yaml_files import parse_yaml

RULES = RunFileRules(
    RunSettings(Path("outputs"), ("nst", "run"), data=(Path("photos"), Path("/srv/paintings"))),
    Limits(),
    Execution(devices="cpu", threads=2),
)
GOOD = "content: photos/holidays\nstyle: /srv/paintings\nmethod: {recipe: wavelet, size: 128, beta: 1.50}\n"


def read(text: str, name: str = "trial.yaml") -> RunConfig:
    return RULES.read(text.encode(), name)


def refusal(text: str) -> str:
    with pytest.raises(RequestError) as caught:
        read(text)
    assert caught.value.status == 422
    sentence = str(caught.value)
    assert sentence.startswith("The run file is refused: ")
    return sentence


def test_a_file_within_the_rules_becomes_a_run_of_this_machine() -> None:
    config = read(GOOD, "../My holiday (2).yaml")
    assert config.name == "My holiday 2"
    assert config.run_folder == Path("outputs/My holiday 2")
    assert (config.execution.devices, config.execution.threads) == ("cpu", 2)
    assert (config.content.max_pixels, config.content.decode_seconds) == (60_000_000, 20.0)


def test_what_is_run_is_what_was_checked() -> None:
    config = read(GOOD)
    assert parse_config(parse_yaml(run_file_text(config), "it")) == config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("content: /etc", "content.path is '/etc'"),
        ("content: photos/../../etc", "none of the folders that may be read here (photos, /srv/paintings)"),
        ("content: photos2", "content.path is 'photos2'"),
        ("content: s3://bucket/photos", "names an address"),
        ("content: file:///etc", "names an address"),
        ("content: ~/photos", "variable or ~"),
        ("content: photos/$NST_APP_PASSWORD", "variable or ~"),
        ("content: {source: folder, path: '${HOME}'}", "variable or ~"),
        ("content: {source: sample, path: /tmp/x}", "content.path is where the built-in pictures are put"),
        ("style: {source: coco, path: photos, annotations: /etc/passwd}", "style.annotations is '/etc/passwd'"),
        ("style: {source: coco, path: photos, region_annotations: ../x.json}", "style.annotations is '../x.json'"),
        ("style: {source: artworks, path: photos, download: true}", "style.download: nothing is downloaded"),
        ("pairing: {strategy: manifest, manifest: /etc/passwd}", "pairing.manifest is '/etc/passwd'"),
        ("pairing: {strategy: manifest, manifest: 'https://x.example/a.csv'}", "pairing.manifest names an address"),
        ("method: /etc/evil.yaml", "must be the name of a shipped recipe"),
        ("method: {recipe: ../../evil.yml}", "must be the name of a shipped recipe"),
        ("method: {weights: /etc/evil.pth}", "method.weights is '/etc/evil.pth'"),
        ("method: {recipe: fast, weights: /etc/evil.pth}", "method.weights is '/etc/evil.pth'"),
        (
            "method: {recipe: slim, stages: [{features: vgg19, weights: /etc/evil.pth}, {features: slim}]}",
            "method.stages[0].weights is '/etc/evil.pth'",
        ),
        ("method: {recipe: fast, stages: [{size: 64}, {size: 4096}]}", "asks for a side of 4096 pixels"),
        ("method: {kind: transfer, network: [/a.pth, /b.pth]}", "method.network is '/a.pth'"),
        ("method: {recipe: wavelet, start: /etc/evil.pth}", "method.start_network is '/etc/evil.pth'"),
        ("execution: {address: 'tcp://10.0.0.1:8786'}", "execution.address names an address"),
        ("execution: {address: '10.0.0.1:8786', runner: dask}", "execution.runner is for whoever runs this server"),
        ("execution: {devices: [0, 1]}", "execution.devices is for"),
        ("execution: {memory: 900GB}", "execution.memory is for"),
        ("execution: {workers: 99}", "execution.workers is for"),
        ("execution: {batch_size: 5000}", "execution.batch_size is for"),
        ("execution: {allow_private_addresses: true}", "execution.allow_private_addresses is for"),
        ("execution: {chunk_deadline: null}", "execution.chunk_deadline must be"),
        ("execution: {retries: 1000000}", "execution.retries is 1000000"),
        ("output: {root: /tmp/elsewhere}", "output.root is '/tmp/elsewhere'"),
        ("output: {root: outputs/../../x}", "output.root is 'outputs/../../x'"),
        ("output: {previews: 1}", "output.previews fills the disk"),
        ("name: ../escaped", "name may hold letters"),
        ("name: .hidden", "name may hold letters"),
        ("method: {recipe: wavelet, size: 8192}", "method.size asks for a side of 8192 pixels, and 512 is the most"),
        ("method: {recipe: wavelet, style_scale: 90}", "method.style_scale asks for"),
        ("method: {recipe: wavelet, evaluations: 99999999}", "method.evaluations is 99999999"),
        ("method: {recipe: wavelet, optimiser: {history: 100000}}", "optimiser.history is 100000"),
        ("method: {recipe: wavelet, bucket: 1000000}", "method.bucket is 1000000"),
        ("method: {recipe: mmd, style: {positions: 100000000}}", "style.positions is 100000000"),
        ("pairing: {replicates: 1000000}", "pairing.replicates is 1000000"),
        ("on_end: 'curl x | sh'", "on_end is not a known key"),
        ("webhook: 'https://x.example/'", "webhook names an address"),
        ("name: !!python/object/apply:os.system [id]", "the tag"),
        ("a: &a [1]\nb: &b [*a,*a]\n" + "".join(f"{k}: &{k} [{','.join([f'*{p}'] * 60)}]\n" for p, k in
         zip("bcdef", "cdefg", strict=True)), "values"),
        ("a: " + "[" * 60 + "]" * 60, "levels"),
        ("- 1", "must be a mapping"),
        ("content: [", "not valid YAML"),
        ("output: {quality: 1000}", "output.quality"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_with_a_sentence(text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_APP_PASSWORD", "open sesame")
    sentence = refusal(text)
    assert told in sentence
    assert "open sesame" not in sentence


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(RequestError, match="UTF-8"):
        RULES.read(b"\xff\xfe\x00", "trial.yaml")


def test_no_answer_tells_whether_a_file_outside_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    there, not_there = refusal(f"content: {tmp_path}/a"), refusal(f"content: {tmp_path}/b")
    assert there.replace("/a'", "/b'") == not_there


def test_all_that_is_wrong_is_told_at_once() -> None:
    sentence = refusal("content: /etc\nstyle: /root\noutput: {previews: 1}")
    assert all(key in sentence for key in ("content.path", "style.path", "output.previews"))


def test_what_is_told_of_a_file_of_thousands_of_faults_is_bounded() -> None:
    assert len(refusal("\n".join(f"key{number}: 's3://x'" for number in range(3000)))) < 3100


def test_every_key_of_execution_has_a_rule_or_is_harmless() -> None:
    assert set(Execution.model_fields) == {*MACHINE_KEYS, "chunk_size", "chunk_deadline", "retries", "resume",
                                           "report_every"}  # fmt: skip


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_keep_to_the_bounds(name: str) -> None:
    def numbers(data: object) -> list[tuple[str, float]]:
        if isinstance(data, list):
            return [pair for one in data for pair in numbers(one)]
        if not isinstance(data, dict):
            return []
        own = [(key, n) for key, v in data.items() for n in (v if isinstance(v, list) else [v]) if isinstance(n, int)]
        return own + [pair for value in data.values() for pair in numbers(value)]

    assert [
        pair for pair in numbers(recipe_dict(load_method(name))) if pair[1] > MOST_IN_METHOD.get(pair[0], 1e9)
    ] == []


def test_the_sources_of_the_apps_own_run_file_may_be_read() -> None:
    config = parse_config({"content": "photos", "style": {"source": "sample", "path": "/srv/nst"}})
    assert data_folders(config) == ((Path("photos"),), (Path("data"), Path("/srv/nst")))
