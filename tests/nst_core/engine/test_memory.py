"""Batches from free memory: estimates grow as they should, and a device that is fuller than estimated is believed."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine import memory
from nst_core.engine.features import Extractor, build_extractor
from nst_core.engine.memory import batch_that_fits, free_bytes, pair_bytes, verified
from nst_core.engine.recipe import ContentTerm, OptimiserSettings, Recipe, StyleTerm

CPU = torch.device("cpu")
RECIPE = Recipe(
    "small",
    ContentTerm((("fire3", 1.0),)),
    StyleTerm((("relu1", 1.0), ("fire2", 1.0))),
    features="squeezenet1_1",
    weights="random",
    precision="float32",
)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return build_extractor(RECIPE)


def test_the_estimate_grows_with_the_pixels(extractor: Extractor) -> None:
    one, four = (pair_bytes(RECIPE, extractor, side, side) for side in (512, 1024))
    assert 3.8 < four / one < 4.1


def test_the_estimate_for_another_size_is_what_autograd_keeps_there(extractor: Extractor) -> None:
    predicted = pair_bytes(RECIPE, extractor, 256, 256) - memory._state_vectors(RECIPE) * 12 * 256**2
    kept = memory.WORKING_SPACE * memory._kept_bytes(RECIPE, extractor, 256)
    assert predicted == pytest.approx(kept, rel=0.1)


def test_a_longer_history_takes_its_place(extractor: Extractor) -> None:
    long = Recipe(**{**RECIPE.__dict__, "optimiser": OptimiserSettings(history=100)})
    extra = pair_bytes(long, extractor, 256, 256) - pair_bytes(RECIPE, extractor, 256, 256)
    assert extra == 2 * 90 * 3 * 4 * 256**2


@pytest.mark.parametrize(("pairs_worth", "batch"), [(0.1, 1), (3.5, 3), (1000.0, 16)])
def test_the_batch_is_what_fits(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch, pairs_worth: float, batch: int
) -> None:
    one = pair_bytes(RECIPE, extractor, 64, 64)
    monkeypatch.setattr(memory, "free_bytes", lambda _device: pairs_worth * one / memory.SHARE)
    assert batch_that_fits(RECIPE, extractor, CPU, 64, most=16) == batch


def test_free_memory_of_this_machine_is_known() -> None:
    assert 2**20 < free_bytes(CPU) < 2**50


@pytest.mark.parametrize(("fits", "found"), [(100, 48), (24, 24), (20, 12), (0, 1)])
def test_a_batch_that_does_not_fit_is_halved(fits: int, found: int) -> None:
    tried = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        if batch > fits:
            raise torch.OutOfMemoryError("full")

    assert verified(48, attempt) == found
    assert tried[0] == 48


def test_other_errors_are_not_taken_for_full_memory() -> None:
    def attempt(_batch: int) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        verified(8, attempt)
