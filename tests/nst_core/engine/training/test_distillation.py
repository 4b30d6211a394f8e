"""Distillation of a teacher into the slim network: its losses, that they fall, and that it can be put down."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from resumed_training import check_resumes
from wide_features import WideFeatures

from nst_core.engine.features.slim import SlimFeatures
from nst_core.engine.features.slim_network import LAYERS, SlimNetwork
from nst_core.engine.losses import gram_matrix
from nst_core.engine.training.crops import ImageSet, TrainingImages
from nst_core.engine.training.distillation import DistillationSettings, SlimTrainer
from nst_core.engine.training.distillation_losses import feature_error, gram_error, project, relative_distance
from nst_core.engine.training.trainer import AveragedWeights, learning_rate

TINY = DistillationSettings(
    steps=20, batch=2, crop=16, large_crop=24, iterates=2, pool=4, warm_up=5, held_out=4, optimised_steps=2,
    widths=(4, 6, 8, 10), learning_rate=1e-2, from_teacher=False,
)  # fmt: skip


def pictures(seed: int) -> ImageSet:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 7, 7, 3), dtype=np.uint8)
    return ImageSet([str(number) for number in range(6)], lambda number: small[number].repeat(4, 0).repeat(4, 1))


def trainer(settings: DistillationSettings = TINY) -> SlimTrainer:
    teacher = WideFeatures(SlimNetwork((4, 6, 8, 10), torch.Generator().manual_seed(9)))
    images = TrainingImages(*map(pictures, range(4)))
    return SlimTrainer(settings, images, teacher, torch.device("cpu"))


def test_the_error_of_features_is_that_of_their_images() -> None:
    maps, target, projection = torch.rand(2, 5, 4, 6), torch.rand(2, 9, 4, 6), torch.rand(9, 5)
    found = feature_error(maps, gram_matrix(maps), projection, target, gram_matrix(target))
    error = (project(maps, projection) - target).square().sum(dim=(1, 2, 3)) / target.square().sum(dim=(1, 2, 3))
    assert torch.allclose(found, error, rtol=1e-4)


def test_a_distance_in_the_metric_is_that_of_projected_gram_matrices() -> None:
    maps, target, projection = torch.rand(2, 5, 4, 6), torch.rand(2, 5, 7, 3), torch.rand(9, 5)
    grams = [gram_matrix(each) for each in (maps, target)]
    wide = [gram_matrix(project(each, projection)) for each in (maps, target)]
    assert torch.allclose(relative_distance(*grams, projection), gram_error(*wide), rtol=1e-4)


def test_the_loss_on_held_out_images_falls() -> None:
    own = trainer()
    before = own.evaluate()
    losses = [own.step()["loss"] for _ in range(20)]
    after = own.evaluate()
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    for kind in ("photographs", "paintings", "optimised"):
        for layer in LAYERS:
            assert after[f"{kind}.{layer}"] > before[f"{kind}.{layer}"]


def test_put_down_and_taken_up_it_ends_with_the_same_weights() -> None:
    check_resumes(trainer, 5, 3)


def test_measuring_and_previews_change_nothing() -> None:
    plain, looked_at = trainer(), trainer()
    for _ in range(4):
        plain.step()
        looked_at.step()
        looked_at.evaluate()
        looked_at.previews()
        looked_at.result()
    assert plain.result() == looked_at.result()


def test_the_seed_decides() -> None:
    one, other = trainer(), trainer(DistillationSettings(**{**vars(TINY), "seed": 1}))
    one.step()
    other.step()
    assert one.result() != other.result()


def test_what_is_explained_is_one_for_the_teacher_itself() -> None:
    own = trainer()
    assert isinstance(own.teacher, SlimFeatures)
    own.average.average = {key: value.clone() for key, value in own.teacher.network.state_dict().items()}
    assert all(value == pytest.approx(1, abs=1e-3) for value in own.evaluate().values())


def test_an_average_ends_at_what_stays() -> None:
    network = torch.nn.Linear(2, 2)
    average = AveragedWeights(network, 0.9)
    with torch.no_grad():
        network.weight.fill_(3.0)
    for step in range(200):
        average.update(network, step)
    assert torch.allclose(average.average["weight"], torch.full((2, 2), 3.0), atol=1e-3)


def test_the_rate_rises_then_falls() -> None:
    rates = [learning_rate(step, 100, 1.0, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.01)
