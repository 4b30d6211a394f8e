"""Styles from files and pictures, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_networks import adain_files

from nst_core.engine.images.pixels import to_tensor
from nst_core.engine.transfer.files import load_network
from nst_core.engine.working_size import Fit
from nst_core.errors import ImageTooSmall, MissingImage, NotAnImage, UsageError, WeightsError
from nst_core.networks.style_vectors import StyleVectorTable, write_style_vectors
from nst_core.transforms import Stylize
from nst_core.transforms.style_collection import StyleCollection, collect_vectors


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return adain_files(tmp_path_factory.mktemp("models"))


def vectors_file(path: Path, weights_sha256: str) -> Path:
    vectors = np.random.default_rng(0).random((4, 14), np.float32)
    names = ("a", "b", "c", "d")
    write_style_vectors(
        StyleVectorTable(
            names, (None,) * 4, names, vectors, "AdaIN", weights_sha256, Fit(256, "longer", False, "lanczos")
        ),
        path,
    )
    return path


class TestWhereTheyComeFrom:
    def test_pictures_of_any_kind_give_the_same_vectors(
        self, files: list[Path], tmp_path: Path, make_image: Callable[..., Path]
    ) -> None:
        network = load_network(files)
        path = make_image(tmp_path / "style.png", 40, 32)
        image = Image.open(path).convert("RGB")
        pixels = np.array(image)
        expected = network.style_vectors(to_tensor(pixels)[None])
        kinds = [path, str(path), image, torch.from_numpy(pixels).permute(2, 0, 1), to_tensor(pixels)]
        found = collect_vectors(kinds, network, None, 32)
        assert torch.allclose(found, expected.expand(5, -1), atol=1e-6)
        assert collect_vectors([path], network, None, 64)[0].ne(expected[0]).any()

    def test_a_file_of_vectors_of_this_network(self, files: list[Path], tmp_path: Path) -> None:
        network = load_network(files)
        path = vectors_file(tmp_path / "styles.parquet", network.weights_sha256)
        expected = np.random.default_rng(0).random((4, 14), np.float32)
        assert np.array_equal(collect_vectors(path, network, network.weights_sha256, 256).numpy(), expected)
        assert "4 styles" in repr(Stylize(files, path))

    def test_one_of_another_network_is_refused_by_both_names(self, files: list[Path], tmp_path: Path) -> None:
        path = vectors_file(tmp_path / "styles.parquet", "0123456789abcdef;fedcba9876543210")
        with pytest.raises(WeightsError, match=r"01234567;fedcba98") as caught:
            Stylize(files, path)
        for part in load_network(files).weights_sha256.split(";"):
            assert part[:8] in str(caught.value)
            assert part[:9] not in str(caught.value)

    def test_what_cannot_be_used_is_named(self, files: list[Path], tmp_path: Path) -> None:
        broken = tmp_path / "broken.jpg"
        broken.write_text("no picture")
        with pytest.raises(NotAnImage, match=r"broken\.jpg"):
            Stylize(files, [broken])
        with pytest.raises(MissingImage, match=r"none\.jpg"):
            Stylize(files, [tmp_path / "none.jpg"])
        with pytest.raises(ImageTooSmall, match="9 pixels"):
            Stylize(files, [torch.zeros(3, 8, 20)])
        with pytest.raises(UsageError, match="nst styles FILE"):
            Stylize(files, tmp_path / "none.parquet")
        for styles, sentence in (([], "empty"), (None, "takes any style")):
            with pytest.raises(ValueError, match=sentence):
                Stylize(files, styles)


class TestGaussian:
    def test_draws_have_mean_and_covariance_of_the_styles(self) -> None:
        generator = torch.Generator().manual_seed(0)
        for count in (3, 40):  # fewer and more styles than numbers in one
            vectors = torch.randn(count, 5, generator=generator) @ torch.randn(5, 5, generator=generator)
            drawn = torch.stack([StyleCollection(vectors, "gaussian").draw(generator) for _ in range(4000)])
            scale = float(torch.cov(vectors.T).abs().max())
            assert torch.allclose(drawn.mean(dim=0), vectors.mean(dim=0), atol=0.1 * scale**0.5)
            assert torch.allclose(torch.cov(drawn.T), torch.cov(vectors.T), atol=0.1 * scale)

    def test_what_is_never_negative_stays_so(self) -> None:
        vectors = torch.tensor([[0.1, -1.0], [5.0, 1.0], [0.1, 0.0]])
        drawn = torch.stack([StyleCollection(vectors, "gaussian").draw() for _ in range(200)])
        assert float(drawn[:, 0].min()) == 0
        assert float(drawn[:, 1].min()) < -1

    def test_it_needs_two_styles(self) -> None:
        with pytest.raises(ValueError, match="two styles"):
            StyleCollection(torch.zeros(1, 4), "gaussian")

    def test_each_picture_has_a_style_of_its_own(self, files: list[Path]) -> None:
        generator = torch.Generator().manual_seed(0)
        styles = [torch.rand(3, 20, 20, generator=generator) * contrast for contrast in (0.2, 0.6, 1)]
        transform = Stylize(files, styles, p=1, draw="gaussian")
        torch.manual_seed(0)
        draws = transform.make_params([torch.zeros(5, 3, 16, 16)])["draws"]
        assert len({draw.vector.numpy().tobytes() for draw in draws}) == 5
        painted = transform(torch.rand(5, 3, 16, 16, generator=generator))
        assert bool(painted.isfinite().all())
