"""The transform on single pictures and batches: what changes, and what does not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_networks import adain_files, johnson_file
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from nst_core.engine.cache import Cache
from nst_core.engine.images.pixels import to_pixels
from nst_core.engine.transfer.files import load_network
from nst_core.errors import WeightsError
from nst_core.networks import sessions
from nst_core.transforms import Stylize

Make = Callable[..., Stylize]


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Pictures, uint8."""
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


STYLES = [noise(3, 24, 20, seed=seed) for seed in (10, 11, 12)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return adain_files(tmp_path_factory.mktemp("models"))


@pytest.fixture
def make(files: list[Path]) -> Make:
    def make(**options: Any) -> Stylize:
        return Stylize(files, STYLES, **options)

    return make


class TestWhatChanges:
    def test_never_with_p_0_and_always_with_p_1(self, make: Make) -> None:
        never, always = make(p=0), make(p=1)
        for seed in range(20):
            picture = noise(3, 16, 18, seed=seed)
            assert never(picture) is picture
            assert (always(picture) != picture).float().mean() > 0.5

    def test_strength_0_is_the_picture_itself(self, make: Make) -> None:
        picture = noise(3, 16, 18)
        assert make(p=1, strength=0)(picture) is picture

    def test_a_picture_of_uint8_is_the_pipeline_s_to_the_bit(self, make: Make, files: list[Path]) -> None:
        network, picture = load_network(files), noise(3, 21, 18)
        vectors = [network.style_vectors(style[None] / 255) for style in STYLES]
        share = torch.tensor([0.25])
        possible = [to_pixels(network(picture[None] / 255, vector, share)[0]) for vector in vectors]
        transform = make(p=1, strength=0.125)  # half of AdaIN's alpha, as in run files
        found = [transform(picture).permute(1, 2, 0).numpy() for _ in range(40)]
        uses = [sum(np.array_equal(one, each) for each in found) for one in possible]
        assert sum(uses) == 40
        assert min(uses) > 3

    def test_as_often_as_p_says_and_with_strengths_over_the_range(self, make: Make) -> None:
        torch.manual_seed(0)
        batch = noise(1, 3, 4, 4).expand(4000, 3, 4, 4)
        draws = make(p=0.3, strength=(0.1, 0.5)).make_params([batch])["draws"]
        shares = torch.tensor([draw.share for draw in draws if draw])
        assert len(shares) / 4000 == pytest.approx(0.3, abs=0.03)
        assert float(shares.min()) >= 0.2
        assert float(shares.max()) <= 1
        assert float(shares.mean()) == pytest.approx(0.6, abs=0.03)

    @pytest.mark.parametrize("strength", [0.5, 0.7, 1])
    def test_from_one_half_on_it_is_the_network_as_it_was_trained(self, make: Make, strength: float) -> None:
        (draw,) = make(p=1, strength=strength).make_params([noise(3, 4, 4)])["draws"]
        (without,) = make(p=1).make_params([noise(3, 4, 4)])["draws"]
        assert (draw.share, without.share) == (1, 1)

    def test_each_picture_of_a_batch_is_drawn_for_itself_as_it_would_be_alone(self, make: Make) -> None:
        transform, batch = make(p=0.6, strength=(0.1, 0.5)), noise(12, 3, 16, 16)
        torch.manual_seed(3)
        together = transform(batch)
        torch.manual_seed(3)
        alone = torch.stack([transform(picture) for picture in batch])
        assert torch.equal(together, alone)
        changed = (together != batch).flatten(1).any(dim=1)
        assert 0 < int(changed.sum()) < 12

    def test_pictures_of_one_sample_share_what_is_drawn(self, make: Make) -> None:
        picture = tv_tensors.Image(noise(3, 16, 16))
        transform = make(p=0.5, strength=(0, 0.5))
        for _ in range(10):
            left, right = transform(picture, tv_tensors.Image(picture))
            assert torch.equal(left, right)

    def test_gradients_flow_through_what_comes_after(self, make: Make) -> None:
        weight = torch.ones(1, requires_grad=True)
        (make(p=1)(noise(3, 16, 16) / 255) * weight).sum().backward()
        assert weight.grad is not None


class TestKinds:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.float64])
    @pytest.mark.parametrize("batch", [(), (2,)])
    def test_tensors_keep_shape_and_type(
        self, make: Make, channels: int, dtype: torch.dtype, batch: tuple[int, ...]
    ) -> None:
        picture = noise(*batch, channels, 17, 23)
        if dtype != torch.uint8:
            picture = (picture / 255).to(dtype)
        before = picture.clone()
        painted = make(p=1)(picture)
        assert (painted.shape, painted.dtype, type(painted)) == (picture.shape, dtype, Tensor)
        assert torch.equal(picture, before)
        assert not torch.equal(painted, picture)
        if channels in (2, 4):
            assert torch.equal(painted[..., -1, :, :], picture[..., -1, :, :])
        if dtype != torch.uint8:
            assert 0 <= float(painted.min()) <= float(painted.max()) <= 1

    def test_a_tv_tensor_stays_one(self, make: Make) -> None:
        painted = make(p=1)(tv_tensors.Image(noise(3, 17, 23)))
        assert type(painted) is tv_tensors.Image
        assert painted.shape == (3, 17, 23)

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
    def test_a_pillow_image_stays_one_and_is_painted_as_its_tensor(self, make: Make, mode: str) -> None:
        image = Image.fromarray(noise(17, 23, 3).numpy()).convert(mode)
        torch.manual_seed(1)
        painted = make(p=1)(image)
        assert (painted.size, painted.mode) == ((23, 17), mode)
        torch.manual_seed(1)
        assert torch.equal(v2.functional.pil_to_tensor(painted), make(p=1)(v2.functional.pil_to_tensor(image)))

    def test_boxes_masks_and_labels_pass_through_bit_for_bit(self, make: Make) -> None:
        boxes = tv_tensors.BoundingBoxes(
            torch.tensor([[1, 2, 9, 11.5]]), format=tv_tensors.BoundingBoxFormat.XYXY, canvas_size=(17, 23)
        )
        sample = {
            "image": tv_tensors.Image(noise(3, 17, 23)),
            "target": {"boxes": boxes, "masks": tv_tensors.Mask(noise(2, 17, 23)), "labels": torch.tensor([4])},
            "name": "a.jpg",
        }
        painted = make(p=1)(sample)
        assert not torch.equal(painted["image"], sample["image"])
        for key, value in sample["target"].items():  # type: ignore[attr-defined]
            assert type(painted["target"][key]) is type(value)
            assert torch.equal(painted["target"][key], value)
        assert painted["target"]["boxes"].format == boxes.format
        assert painted["name"] == "a.jpg"
        without = {"boxes": boxes}
        assert torch.equal(make(p=1)(without)["boxes"], boxes)

    @pytest.mark.parametrize("size", [(1, 1), (8, 30), (30, 8), (0, 5)])
    def test_a_picture_too_small_for_the_network_is_left_as_it_is(self, make: Make, size: tuple[int, int]) -> None:
        picture = noise(3, *size)
        assert make(p=1)(picture) is picture

    def test_it_works_inside_compose_and_says_what_it_is(self, make: Make) -> None:
        transform = make(p=0.25, strength=(0.1, 0.5))
        chain = v2.Compose([v2.RandomCrop(16), transform, v2.ToDtype(torch.float32, scale=True)])
        assert chain(noise(3, 20, 20)).shape == (3, 16, 16)
        assert repr(transform) == "Stylize(3 styles, p=0.25, strength=(0.1, 0.5), draw=uniform)"
        assert list(transform.state_dict()) == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("picture", "sentence"),
        [
            (torch.randn(3, 32, 32), "before Normalize"),
            (torch.zeros(3, 16, 16, dtype=torch.int32), r"not torch\.int32"),
            (torch.zeros(5, 16, 16), "tv_tensors.Image"),
            (torch.tensor([3]), "of several plain tensors"),
            (Image.new("CMYK", (16, 16)), "CMYK"),
            ((tv_tensors.Image(noise(2, 3, 16, 16)), tv_tensors.Image(noise(3, 16, 16))), "different lengths"),
        ],
        ids=["normalised", "int32", "5 channels", "labels first", "CMYK", "two batches"],
    )
    def test_what_is_no_picture(self, make: Make, picture: object, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            make(p=1)(picture)

    def test_videos(self, make: Make) -> None:
        with pytest.raises(TypeError, match="video"):
            make(p=1)(tv_tensors.Video(noise(2, 3, 16, 16)))

    @pytest.mark.parametrize(
        "options", [{"p": 1.5}, {"p": -0.1}, {"strength": 2}, {"strength": (0.5, 0.2)}, {"draw": "normal"}]
    )
    def test_numbers_out_of_range(self, make: Make, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=str(next(iter(options)))):
            make(**options)

    def test_a_network_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="there is no network file"):
            Stylize(tmp_path / "none.pth", STYLES)


class TestNetworks:
    def test_one_that_knows_its_style(self, tmp_path: Path) -> None:
        file = johnson_file(tmp_path)
        picture = noise(3, 16, 16)
        assert not torch.equal(Stylize(file, p=1)(picture), picture)
        with pytest.raises(ValueError, match="knows one style"):
            Stylize(file, STYLES)

    def test_one_given_as_an_object_is_used_as_it_is(self, files: list[Path], make: Make) -> None:
        network, picture = load_network(files), noise(3, 16, 16)
        own = Stylize(network, STYLES, p=1)
        for transform in (own, copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
            torch.manual_seed(5)
            painted = transform(picture)
            torch.manual_seed(5)
            assert torch.equal(painted, make(p=1)(picture))

    def test_pickled_it_is_names_and_vectors(self, make: Make, files: list[Path]) -> None:
        transform, picture = make(p=1), noise(3, 16, 16)
        data = pickle.dumps(transform)
        assert len(data) < files[0].stat().st_size
        torch.manual_seed(5)
        painted = pickle.loads(data)(picture)
        torch.manual_seed(5)
        assert torch.equal(painted, transform(picture))

    def test_files_that_changed_meanwhile_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = pickle.dumps(Stylize(adain_files(tmp_path), STYLES, p=1))
        monkeypatch.setattr(sessions, "_networks", Cache(4))  # as in a process that has not read them yet
        assert pickle.loads(data)(noise(3, 16, 16)).shape == (3, 16, 16)
        monkeypatch.setattr(sessions, "_networks", Cache(4))
        adain_files(tmp_path, seed=9)
        with pytest.raises(WeightsError, match="have changed"):
            pickle.loads(data)(noise(3, 16, 16))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_batch_on_a_gpu_stays_there_and_is_painted_as_on_a_cpu(make: Make) -> None:
    transform, batch = make(p=0.6, strength=(0.1, 0.5)), noise(30, 3, 16, 16)
    torch.manual_seed(3)
    here = transform(batch)
    torch.manual_seed(3)
    there = transform(batch.cuda())
    assert there.device.type == "cuda"
    assert int((there.cpu().int() - here.int()).abs().max()) <= 1
