"""What a run would take, told before it starts."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.recipe import Recipe
from nst_core.errors import NoRoom
from nst_core.plan import speed
from nst_core.plan.forecast import BYTES_PER_PAIR, BYTES_PER_PIXEL, check_room, forecast
from nst_core.plan.new_part import new_part
from nst_core.plan.state import read_state
from nst_core.plan.wanted import wanted_pairs
from nst_core.run_folder.folder import RunFolder
from nst_core.storage import disk
from nst_core.storage.machine import machine_name

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def config(tmp_path: Path, make_image: Callable[..., Path]) -> RunConfig:
    """Two shapes of photographs with three paintings: nine pairs of 64 × 48 or 48 × 64."""
    for name, shape in {"a": (80, 60), "b": (80, 60), "c": (60, 80)}.items():
        make_image(tmp_path / "photos" / f"{name}.png", *shape)
    for number in range(3):
        make_image(tmp_path / "art" / "Monet" / f"{number}.png", 40, 40, seed=number)
    return configured(tmp_path)


def configured(folder: Path, *overrides: str) -> RunConfig:
    return parse_config(
        {
            "content": str(folder / "photos"),
            "style": str(folder / "art"),
            "pairing": "grid",
            "method": {"recipe": "wavelet", "size": 64, "evaluations": 30},
            "execution": {"devices": "cpu"},
            "output": {"root": str(folder / "outputs"), "gallery": False},
        },
        overrides,
    )


def room(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _path: Usage(10**12, 0, free))


def start(config: RunConfig) -> None:
    """What a run does before it starts."""
    folder, method = RunFolder(config.run_folder), resolve_method(config)
    wanted = wanted_pairs(config, method.fingerprints.method)
    check_room(config, read_state(folder, wanted), new_part(config, method, wanted, folder))


def test_time_follows_what_was_measured_here(config: RunConfig) -> None:
    recipe = resolve_method(config).recipe
    speed.record_speed(recipe, "cpu", machine_name(torch.device("cpu")), 100.0, "2026-01-31")
    found = forecast(config)
    assert found.seconds == pytest.approx(9 * 30 * (64 * 48) / (100 * 64**2))
    assert found.basis == "nst bench on 2026-01-31 (wavelet at size 64)"
    assert (found.gpu_hours, found.cost) == (0.0, 0.0)


def test_a_measurement_holds_for_other_sizes_and_lengths_but_no_other_layers(config: RunConfig, tmp_path: Path) -> None:
    recipe = resolve_method(config).recipe
    speed.record_speed(recipe, "cpu", machine_name(torch.device("cpu")), 100.0, "2026-01-31")
    twice = forecast(configured(tmp_path, "method.evaluations=60"))
    assert twice.seconds == pytest.approx(2 * forecast(config).seconds)
    other = forecast(configured(tmp_path, "method.style.layers={first0: 1}"))
    assert other.basis.startswith("an assumed")
    assert "nst bench --recipe wavelet" in other.basis
    assert other.seconds > 0


def test_time_counts_every_scale_by_its_area(config: RunConfig, tmp_path: Path) -> None:
    layers = "method.style.layers={first0: 1}", "method.content.layers={first0: 1}"
    scales = configured(tmp_path, "method.scales=[32,48,64]", "method.evaluations=[100,20,10]", *layers)
    speed.record_speed(resolve_method(scales).recipe, "cpu", machine_name(torch.device("cpu")), 100.0, "2026-01-31")
    found = forecast(scales)
    assert found.seconds == pytest.approx(9 * (100 / 4 + 20 * 9 / 16 + 10) * (64 * 48) / (100 * 64**2))
    assert found.basis == "nst bench on 2026-01-31 (wavelet at size 64)"


def test_time_counts_every_stage_by_the_speed_of_its_network(config: RunConfig, tmp_path: Path) -> None:
    own = "method.recipe=fast", "method.features=squeezenet1_1", "method.weights=random", "method.size=64"
    layers = "method.style.layers={fire2: 1}", "method.content.layers={fire2: 1}"
    cheap = "{features: squeezenet1_0, weights: random, size: 32, evaluations: 40}"
    staged = configured(tmp_path, *own, *layers, f"method.stages=[{cheap}, {{size: 64, evaluations: 10}}]")
    recipe = resolve_method(staged).recipe
    assert isinstance(recipe, Recipe)
    for network, evaluations_per_second in zip(recipe.networks(), (20.0, 100.0), strict=True):
        alone = recipe.under(network)
        speed.record_speed(alone, "cpu", machine_name(torch.device("cpu")), evaluations_per_second, "2026-01-31")
    found = forecast(staged)
    assert found.seconds == pytest.approx(9 * (40 / 4 / 100 + 10 / 20) * (64 * 48) / 64**2)
    assert found.basis.startswith("on squeezenet1_1 nst bench on 2026-01-31")
    assert "; on squeezenet1_0 nst bench" in found.basis


def test_an_image_too_small_for_the_coarsest_scale_is_told_before_the_run(tmp_path: Path, config: RunConfig) -> None:
    scales = "method.scales=[16,64]"
    needed = resolve_method(configured(tmp_path, scales)).min_side
    assert resolve_method(config).min_side < 48 < needed
    found = forecast(configured(tmp_path, scales))
    assert found.to_make == 0
    assert f"at size 64 it is 64 × 48 pixels, but this method needs {needed} on the shorter side" in str(
        found.bad_inputs
    )


def test_a_damaged_store_of_measurements_counts_as_none(config: RunConfig, caches: Path) -> None:
    (caches / "nst").mkdir(exist_ok=True)
    for text in ("", "[]", "{"):
        (caches / "nst" / "bench.json").write_text(text)
        assert forecast(config).basis.startswith("an assumed")


def test_room_is_told_for_what_is_left(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    room(monkeypatch, 123)
    found = forecast(config)
    assert found.output_bytes == int(9 * 64 * 48 * BYTES_PER_PIXEL["jpeg"]) + 9 * BYTES_PER_PAIR
    assert found.free_bytes == 123


def test_a_store_has_room_for_any_run(
    config: RunConfig, tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, 0)
    at_a_store = configured(tmp_path, f"output.root={memory}")
    assert forecast(at_a_store).free_bytes is None
    start(at_a_store)
    with pytest.raises(NoRoom):
        start(config)


def test_images_of_their_original_size_take_their_original_room(config: RunConfig, tmp_path: Path) -> None:
    found = forecast(configured(tmp_path, "output.size=original"))
    assert found.output_bytes == int(9 * 80 * 60 * BYTES_PER_PIXEL["jpeg"]) + 9 * BYTES_PER_PAIR


def test_a_run_that_will_not_fit_is_refused_with_what_it_needs(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, 90_000)
    with pytest.raises(NoRoom, match=r"will write about 93\.4 kB, but 90\.0 kB are free.*--force"):
        start(config)
    room(monkeypatch, 95_000)
    start(config)


def test_what_is_left_out_costs_nothing_and_is_counted_by_reason(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "photos" / "metadata.csv").write_text("file_name,license\na.png,CC-BY-NC-4.0\nb.png,CC-BY-4.0\n")
    found = forecast(configured(tmp_path, "content.exclude_licenses=[nc]"))
    assert found.left_out == {"ExcludedLicense": 3}
    assert (found.left, found.to_make) == (9, 6)
    assert found.licenses == {"content: CC-BY-4.0": 3, "content: not stated": 3, "style: not stated": 6}
    assert found.bad_inputs == ()
    assert found.seconds == pytest.approx(forecast(config).seconds * 2 / 3)
    json.dumps(found.as_dict())
