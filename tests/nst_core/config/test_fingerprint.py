"""The two hashes change with what decides the pixels, or the pairs, and with nothing else."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from nst_core.config.fingerprint import Fingerprints, canonical_hash, changed_keys, fingerprints
from nst_core.config.run_config import parse_config
from nst_core.engine.recipe import FEATURES_VERSION

WEIGHTS = "0" * 64
PLAIN = {"method": {"recipe": "gatys2016", "precision": "float32"}}


def prints(*overrides: str, weights: str | None = WEIGHTS) -> Fingerprints:
    config = parse_config(PLAIN, overrides)
    return fingerprints(config.method.resolve(), weights, config.output, config.pairing)


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "content={source: folder, path: elsewhere}",
        "style={source: folder, path: elsewhere}",
        "content.max_pixels=1000",
        "style.min_side=5",
        "content.limit=3",
        "content.seed=3",
        "style.exclude=['*_mask.png']",
        "execution.workers=7",
        "execution.threads=3",
        "execution.devices=cpu",
        "execution.chunk_size=3",
        "execution.batch_size=5",
        "execution.retries=9",
        "execution.report_every=1",
        "output.root=/elsewhere",
        "output.gallery=false",
        "output.report=false",
        "output.previews=400",
        "execution.evaluation=compile",
        "execution.memory=3GiB",
        "execution.tile=96",
        "method.bucket=1",
        "method.side=longer",
        "method.name=mine",
        "method.source=a book",
    ],
)
def test_paths_and_the_way_the_work_is_done_change_no_hash(override: str) -> None:
    assert prints(override) == prints()


def test_where_weights_lie_changes_no_hash() -> None:
    assert prints("method.recipe=pytorch_tutorial", "method.weights=/elsewhere/vgg19.pth") == prints(
        "method.recipe=pytorch_tutorial"
    )


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("method.features=vgg16", "method.features (vgg19 → vgg16)"),
        ("method.normalised=false", "method.normalised (True → none)"),
        ("method.pooling=max", "method.pooling (average → max)"),
        ("method.inputs=torchvision", "method.inputs (caffe → torchvision)"),
        ("method.alpha=0.5", "method.alpha (0.001 → 0.5)"),
        ("method.beta=2", "method.beta (1.0 → 2.0)"),
        ("method.tv_weight=1e-3", "method.tv_weight (0.0 → 0.001)"),
        ("method.range_weight=3", "method.range_weight (0.0 → 3.0)"),
        ("method.start=noise", "method.start (content → noise)"),
        ("method.evaluations=7", "method.evaluations (500 → 7)"),
        ("method.size=64", "method.size (512 → 64)"),
        ("method.style_scale=0.5", "method.style_scale (1.0 → 0.5)"),
        ("method.upscale=true", "method.upscale (False → True)"),
        ("method.precision=bfloat16", "method.precision (float32 → bfloat16)"),
        ("method.optimiser.name=adam", "method.optimiser.name (lbfgs → adam)"),
        ("method.optimiser.learning_rate=0.1", "method.optimiser.learning_rate (1.0 → 0.1)"),
        ("method.optimiser.history=3", "method.optimiser.history (10 → 3)"),
        ("method.optimiser.precondition=spectral", "method.optimiser.precondition (none → spectral)"),
        ("method.content.loss=mean", "method.content.loss (half_mean → mean)"),
        ("method.content.colours=style", "method.content.colours (content → style)"),
        ("method.content.layers={relu4_2: 2}", "method.content.layers.relu4_2 (1.0 → 2.0)"),
        ("method.style.loss=mean", "method.style.loss (gatys → mean)"),
        ("method.bucket=16", "method.bucket (none → 16)"),
        ("method.tv_loss=half_sum", "method.tv_loss (none → half_sum)"),
        ("method.side=shorter", "method.side (none → shorter)"),
        ("method.colour=content", "method.colour (none → content)"),
        ("method.keep_colour_by=matching", "method.keep_colour_by (none → matching)"),
        ("method.optimiser.rate=first_step", "method.optimiser.rate (none → first_step)"),
        ("method.optimiser.spectral_power=0.25", "method.optimiser.spectral_power (none → 0.25)"),
        ("output.size=original", "output.size (method → original)"),
        ("output.quality=90", "output.quality (95 → 90)"),
    ],
)
def test_what_decides_the_pixels_changes_both_hashes_and_is_named(override: str, changed: str) -> None:
    before, after = prints(), prints(override)
    assert after.method != before.method
    assert after.run != before.run
    assert changed_keys(before.method_data, after.method_data) == [changed]


def test_the_weights_of_stages_change_both_hashes_and_where_they_lie_does_not() -> None:
    config = parse_config({"method": {"recipe": "fast", "precision": "float32"}})

    def staged(weights: str, sha256: str) -> Fingerprints:
        stages = [{"features": "slim", "weights": weights, "evaluations": 5}, {"evaluations": 3}]
        method = config.method.model_copy(update={"stages": stages})
        return fingerprints(method.resolve(), WEIGHTS, config.output, config.pairing, None, (sha256, None))

    one = staged("/here/slim.npz", "1" * 64)
    assert one == staged("/there/slim.npz", "1" * 64)
    assert one.method != staged("/here/slim.npz", "2" * 64).method
    stages = one.method_data["method"]["stages"]
    assert [stage.get("weights_sha256") for stage in stages] == ["1" * 64, None]
    assert "weights" not in stages[0]
    assert "stages" not in prints().method_data["method"]


def test_layers_that_come_and_go_are_named() -> None:
    after = prints("method.content.layers={conv4_2: 1}")
    assert changed_keys(prints().method_data, after.method_data) == [
        "method.content.layers.conv4_2 (none → 1.0)",
        "method.content.layers.relu4_2 (1.0 → none)",
    ]


def test_other_weights_change_both_hashes_wherever_they_lie() -> None:
    other = prints(weights="1" * 64)
    assert other.method != prints().method
    assert changed_keys(prints().method_data, other.method_data) == [f"weights_sha256 ({WEIGHTS} → {'1' * 64})"]
    assert prints(weights=None).method != prints().method


def test_quality_decides_nothing_in_a_png() -> None:
    assert prints("output.format=png", "output.quality=50") == prints("output.format=png")
    assert prints("output.format=png").method != prints().method


@pytest.mark.parametrize(
    "override",
    ["pairing.seed=1", "pairing=grid", "pairing.styles_per_content=2", "pairing.balance=artist", "pairing.artists=[A]"],
)
def test_the_pairing_changes_only_the_hash_of_the_run(override: str) -> None:
    assert prints(override).method == prints().method
    assert prints(override).run != prints().run


def test_where_a_manifest_lies_changes_no_hash() -> None:
    one = prints("pairing={strategy: manifest, manifest: a.csv}")
    assert one == prints("pairing={strategy: manifest, manifest: elsewhere/b.csv}")


def test_the_order_of_layers_in_the_yaml_changes_no_hash() -> None:
    one = prints("method.style.layers={relu1_1: 1, relu2_1: 2}")
    assert one == prints("method.style.layers={relu2_1: 2, relu1_1: 1}")


def test_what_run_yaml_gives_back_is_what_went_in() -> None:
    for override in ("method.alpha=1e-7", "method.alpha=0.1", "method.beta=1e15", "method.source='no: yes'"):
        data = prints(override).method_data
        assert changed_keys(yaml.safe_load(yaml.safe_dump(dict(data))), data) == []
        assert canonical_hash(yaml.safe_load(yaml.safe_dump(dict(data)))) == prints(override).method


def test_a_hash_is_sha256_over_canonical_json() -> None:
    expected = hashlib.sha256(rb'{"a":"D\u00fcrer","b":[1,0.5,null]}').hexdigest()
    assert canonical_hash({"b": [1, 0.5, None], "a": "Dürer"}) == expected
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_hash({"a": float("nan")})


def test_maps_that_changed_behind_their_name_change_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prints("method.recipe=wavelet", weights=None)
    monkeypatch.setitem(FEATURES_VERSION, "wavelet", 99)
    after = prints("method.recipe=wavelet", weights=None)
    assert changed_keys(before.method_data, after.method_data) == ["method.features_version (2 → 99)"]


def test_a_strength_changes_the_method_and_the_recipe_s_own_does_not() -> None:
    assert prints("method.strength=0.5") == prints("method.strength=null") == prints()
    changed = changed_keys(prints().method_data, prints("method.strength=0.4").method_data)
    assert changed == ["method.strength (none → 0.4)"]
