"""Trainings of transfer networks: losses that fall, state that is whole, and a file that makes the same pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumed_training import check_resumes

from nst_core.engine.batch import Pairs
from nst_core.engine.features.slim import SlimFeatures, slim_features
from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.training.adain_trainer import AdaINSettings, AdaINTrainer, Encoder
from nst_core.engine.training.crops import ImageSet, TrainingImages
from nst_core.engine.training.encoders import slim_encoder
from nst_core.engine.training.johnson_trainer import JohnsonSettings, JohnsonTrainer
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.engine.watch import Watch
from nst_core.networks.sessions import session_for

CPU = torch.device("cpu")
SIDE = 32


def pictures(seed: int, count: int = 5) -> ImageSet:
    """Images of soft blots."""
    small = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(small, (40, 48), mode="bicubic").clamp(0, 1)
    pixels = (large * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return ImageSet([f"{seed}-{number}" for number in range(count)], lambda number: pixels[number])


def narrow_features() -> SlimFeatures:
    network = SlimNetwork((4, 6, 8, 10), torch.Generator().manual_seed(5))
    network.scales.fill_(1000)  # as VGG-19's activations are
    return SlimFeatures(network, "narrow")


def johnson(seed: int = 0, images: TrainingImages | None = None) -> JohnsonTrainer:
    settings = JohnsonSettings(steps=15, batch=1, crop=SIDE, warm_up=3, held_out=2, seed=seed)
    images = images or TrainingImages(pictures(0), pictures(1, count=1), pictures(2), pictures(3, count=0))
    return JohnsonTrainer(settings, images, narrow_features(), CPU)


def adain(seed: int = 0, images: TrainingImages | None = None, slim: SlimFeatures | None = None) -> AdaINTrainer:
    settings = AdaINSettings(steps=15, batch=2, crop=SIDE, learning_rate=1e-3, warm_up=3, held_out=8, seed=seed)
    images, slim = images or TrainingImages(*map(pictures, range(4))), slim or narrow_features()
    draw = torch.Generator().manual_seed(0)
    crops = torch.cat([each.crops(16, SIDE, draw) for each in (images.contents, images.styles)])
    encoder = Encoder("slim", slim_encoder(slim.network, crops), slim.weights_sha256)
    return AdaINTrainer(settings, images, encoder, CPU)


Make = Callable[..., JohnsonTrainer | AdaINTrainer]
each_kind = pytest.mark.parametrize("make", [johnson, adain])


@each_kind
def test_put_down_and_taken_up_it_ends_with_the_same_weights(make: Make) -> None:
    check_resumes(make, 2, 2)


@pytest.mark.parametrize(("make", "share"), [(johnson, 0.7), (adain, 0.9)])
def test_losses_fall(make: Make, share: float) -> None:
    seen = pictures(0, count=1), pictures(1, count=1)
    own = make(images=TrainingImages(*seen, *seen))
    before = own.evaluate()
    for _ in range(own.steps):
        losses = own.step()
    after = own.evaluate()
    assert set(before) == {f"held_out.{name}" for name in losses}
    for name in ("held_out.loss", "held_out.style"):
        assert after[name] < share * before[name]


@each_kind
def test_the_loss_is_the_weighted_sum_of_its_terms(make: Make) -> None:
    own = make()
    for losses in (own.step(), {name.partition(".")[2]: value for name, value in own.evaluate().items()}):
        total = sum(own.weights.get(name, 1.0) * value for name, value in losses.items() if name != "loss")
        assert losses["loss"] == pytest.approx(total, rel=1e-5)


@each_kind
def test_measuring_and_previews_change_nothing_and_the_seed_decides(make: Make) -> None:
    plain, looked_at, other = make(), make(), make(seed=1)
    for _ in range(2):
        plain.step()
        looked_at.step()
        other.step()
        assert looked_at.evaluate() == looked_at.evaluate()
        looked_at.previews()
        looked_at.result()
    assert plain.result() == looked_at.result() != other.result()


@each_kind
def test_the_file_makes_the_pictures_that_the_training_saw(make: Make, tmp_path: Path) -> None:
    own = make()
    own.step()
    path = tmp_path / own.result_file
    path.write_bytes(own.result())
    network = load_network([path])
    assert network.features == "slim"
    contents, styles = pictures(7).squares(2, 40), pictures(8).squares(2, 40)
    with torch.no_grad():
        expected = own.paint(own.averaged_network(), contents, styles).clamp(0, 1)
    found = network(contents, network.style_vectors(styles), torch.ones(2))
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)  # weights are kept in half precision
    session = session_for(TransferRecipe("own", (str(path),), precision="float32"), CPU)
    targets = [session.style_target(style) for style in styles]
    made = session.stylize(Pairs(contents, targets, [0, 0]), Watch())
    torch.testing.assert_close(made.images, found, rtol=0, atol=1e-3)


@each_kind
def test_previews_are_contents_by_styles(make: Make) -> None:
    own = make()
    previews = own.previews()
    styles = own.preview_styles()
    assert previews.shape == (1 + 4, 1 + len(styles), 3, SIDE, SIDE)
    assert len(styles) == (1 if own.kind == "johnson" else 4)
    assert torch.equal(previews[0, 1:], styles)
    assert torch.equal(previews[1:, 0], own.images.held_out_contents.squares(4, SIDE))
    assert previews.min() >= 0
    assert previews.max() <= 1


def test_a_picture_that_is_the_painting_has_no_style_loss_and_one_that_is_the_content_no_content_loss() -> None:
    own = johnson()
    painting, (content, other) = own.images.styles.whole(0)[None], pictures(2).squares(2, SIDE).split(1)
    far = own.loss(content, other)
    assert own.loss(painting, painting)["style"] <= 1e-6 * far["style"]
    assert own.loss(content, content)["content"] <= 1e-6 * far["content"]


def test_the_total_variation_is_that_of_pixels_up_to_255() -> None:
    picture = torch.zeros(1, 3, SIDE, SIDE)
    picture[:, 0, 3, 5] = 1.0
    assert float(johnson().loss(picture, picture)["tv"]) == pytest.approx(4 * 255**2 / 2)


def test_weights_of_the_style_are_the_run_files() -> None:
    own = johnson()
    settings = replace(own.settings, style_weight=0.5)
    lighter = JohnsonTrainer(settings, own.images, narrow_features(), CPU)
    losses = lighter.step()
    assert losses["loss"] == pytest.approx(losses["content"] + 0.5 * losses["style"] + 1e-6 * losses["tv"], rel=1e-5)
    assert lighter.facts()["style_weight"] == 0.5
    assert lighter.facts()["painting"] == "1-0"


def test_an_untrained_decoder_shows_the_contents_already() -> None:
    own, contents = adain(slim=slim_features("shipped")), pictures(0).squares(4, SIDE)
    with torch.no_grad():
        shown = own.paint(own.network, contents, contents)
    mean = contents.mean(dim=(2, 3), keepdim=True)
    assert (shown - contents).square().mean() < 0.5 * (mean - contents).square().mean()


def test_an_untrained_network_of_one_style_shows_the_contents_already() -> None:
    own, contents = johnson(), pictures(0).squares(4, SIDE)
    with torch.no_grad():
        shown = own.paint(own.network, contents, contents)
    assert torch.corrcoef(torch.stack([shown.flatten(), contents.flatten()]))[0, 1] > 0.6


def test_adain_compares_moments_and_the_maps_it_decodes() -> None:
    own = adain()
    contents, styles = pictures(2).squares(2, SIDE), pictures(3).squares(2, SIDE)
    with torch.no_grad():
        found = own.terms(own.network, contents, styles)
        picture = own.paint(own.network, contents, styles)
        wanted, got, deep = _maps(own, styles), _maps(own, picture), _maps(own, contents)[-1]
    style = np.zeros(2)
    for one, other in zip(wanted, got, strict=True):
        style += np.square(one.mean(axis=2) - other.mean(axis=2)).mean(axis=1)
        style += np.square(_deviation(one) - _deviation(other)).mean(axis=1)
    normal = (deep - deep.mean(axis=2, keepdims=True)) / _deviation(deep)[:, :, None]
    target = normal * _deviation(wanted[-1])[:, :, None] + wanted[-1].mean(axis=2, keepdims=True)
    np.testing.assert_allclose(found["style"], style, rtol=1e-3)
    np.testing.assert_allclose(found["content"], np.square(got[-1] - target).mean(axis=(1, 2)), rtol=1e-3)


def _maps(own: AdaINTrainer, images: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    """The maps of each block, float64, (B, C, M)."""
    maps, found, steps = images, [], list(own.frozen.children())
    taps = (2, 7, 12, 21)  # relu1_1, relu2_1, relu3_1, relu4_1 in the encoder's list
    for number, step in enumerate(steps):
        maps = step(maps)
        if number in taps:
            found.append(maps.flatten(2).double().numpy())
    return found


def _deviation(maps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.sqrt(maps.var(axis=2, ddof=1) + 1e-5)
