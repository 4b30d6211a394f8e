"""The training of the network for any style: its losses, that they fall, and that it can be put down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from resumed_training import check_resumes

from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.training.any_style import AnyStyleSettings, AnyStyleTrainer, recoloured
from nst_core.engine.training.crops import ImageSet, TrainingImages
from nst_core.engine.transfer.quick_file import read_quick
from nst_core.engine.transfer.quick_network import QuickShape

TINY = AnyStyleSettings(
    steps=25, batch=2, crop=32, large_crop=48, warm_up=4, held_out=8, learning_rate=2e-3, average=0.8,
    shape=QuickShape((4, 4, 6, 6), (1, 1, 1, 1), 8),
)  # fmt: skip


def pictures(seed: int) -> ImageSet:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    return ImageSet([str(number) for number in range(6)], lambda number: small[number].repeat(8, 0).repeat(8, 1))


def trainer(settings: AnyStyleSettings = TINY) -> AnyStyleTrainer:
    metric = SlimNetwork((4, 6, 8, 10), torch.Generator().manual_seed(9))
    return AnyStyleTrainer(settings, TrainingImages(*map(pictures, range(4))), metric, "abc", torch.device("cpu"))


def test_held_out_losses_fall_and_the_result_is_the_averaged_network(tmp_path: Path) -> None:
    own = trainer()
    before = own.evaluate()
    while own.done < own.steps:
        losses = own.step()
    after = own.evaluate()
    assert after["held_out.loss"] < 0.9 * before["held_out.loss"]
    assert set(losses) == {"loss", "content", "style", "transport", "variation", "range"}
    file = tmp_path / "quick.npz"
    file.write_bytes(own.result())
    contents, styles = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 40, 32)
    kept, network = read_quick(file), own.averaged_network()
    torch.testing.assert_close(
        kept(contents, kept.vectors(styles)), network(contents, network.vectors(styles)), rtol=0, atol=0.02
    )
    assert own.previews().shape[2:] == (3, 32, 32)
    assert own.facts()["metric_sha256"] == "abc"


def test_a_training_that_was_put_down_ends_as_one_that_was_not() -> None:
    check_resumes(trainer, 2, 3)


def test_the_slim_network_is_not_trained() -> None:
    own = trainer()
    before = {name: values.clone() for name, values in own.network.encoder.state_dict().items()}
    own.step()
    assert all(torch.equal(values, before[name]) for name, values in own.network.encoder.state_dict().items())


def test_recoloured_styles_have_their_channels_shuffled() -> None:
    style, draw = torch.rand(3, 4, 4), torch.Generator().manual_seed(0)
    found = [recoloured(style, draw) for _ in range(20)]
    assert all(torch.equal(each.sort(dim=0).values, style.sort(dim=0).values) for each in found)
    assert 0 < sum(not torch.equal(each, style) for each in found) < 20


@pytest.mark.slow
def test_two_hundred_steps_lower_the_losses_of_contents_and_styles_that_were_not_seen() -> None:
    own = trainer(replace(TINY, steps=200, average=0.95))
    measured = []
    while own.done < own.steps:
        own.step()
        if own.done in (20, 200):
            measured.append(own.evaluate()["held_out.loss"])
    assert measured[1] < 0.9 * measured[0]
