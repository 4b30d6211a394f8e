"""The images of a training: bad ones left out and told, some held out, whichever others there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import ConfigError, SourceError
from nst_core.training.images import held_out_ids, one_painting, split_source


@pytest.fixture
def photographs(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    for number in range(10):
        make_image(tmp_path / "content" / f"{number}.png", 80, 60, seed=number)
    return tmp_path / "content"


def config_of(folder: Path, **train: object) -> RunConfig:
    return parse_config({"content": str(folder), "style": str(folder), "train": {**train}})


def test_a_fifth_at_most_is_held_out_and_no_image_is_in_both(photographs: Path) -> None:
    split = split_source(config_of(photographs), "content", 40)
    assert len(split.held_out) == 2
    assert sorted(split.images.names + split.held_out.names) == [f"{number}.png" for number in range(10)]
    assert split.bad == ()
    assert len(split_source(config_of(photographs, held_out=1), "content", 40).held_out) == 1


def test_images_are_reduced_to_the_size(photographs: Path) -> None:
    images = split_source(config_of(photographs), "content", 40).images
    assert images.read(0).shape == (30, 40, 3)
    assert images.read(0).dtype == np.uint8


def test_bad_images_are_left_out_and_named(photographs: Path) -> None:
    whole = (photographs / "3.png").read_bytes()
    (photographs / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photographs / "text.jpg").write_text("no picture")
    split = split_source(config_of(photographs), "content", 40)
    assert sorted(Path(one.path).name for one in split.bad) == ["cut.png", "text.jpg"]
    assert all(one.reason and one.path not in one.reason and one.role == "content" for one in split.bad)
    assert not {"cut.png", "text.jpg"} & {*split.images.names, *split.held_out.names}


def test_duplicates_are_trained_with_once(photographs: Path) -> None:
    (photographs / "again.png").write_bytes((photographs / "3.png").read_bytes())
    config = parse_config({"content": {"path": str(photographs), "source": "folder", "duplicates": "drop_exact"}})
    split = split_source(config, "content", 40)
    assert len(split.images) + len(split.held_out) == 10
    assert split.bad == ()


def test_too_few_images_are_refused_with_a_bad_one_named(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    for number in range(3):
        make_image(tmp_path / f"{number}.png", seed=number)
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(SourceError, match=r"style: a training needs 5 images, and 3 can be used \(.*text\.jpg: "):
        split_source(config_of(tmp_path), "style", 40)


def test_what_is_held_out_depends_on_the_others_little() -> None:
    ids = [str(number) for number in range(1000)]
    held = held_out_ids(ids, 100, seed=0)
    fewer = held_out_ids(ids[:-10], 100, seed=0)
    assert len(held) == len(fewer) == 100
    assert len(held & fewer) >= 90
    assert len(held & held_out_ids(ids, 100, seed=1)) < 30


def test_the_data_hash_tells_changed_images(photographs: Path, make_image: Callable[..., Path]) -> None:
    before = split_source(config_of(photographs), "content", 40).sha256
    assert split_source(config_of(photographs), "content", 40).sha256 == before
    make_image(photographs / "4.png", 80, 60, seed=99)
    assert split_source(config_of(photographs), "content", 40).sha256 != before


def test_one_painting_is_learned_and_named_where_there_are_several(photographs: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 10: name one of them as train\.style, such as '0\.png'"):
        one_painting(config_of(photographs), 40)
    chosen = one_painting(config_of(photographs, style="3.png"), 40)
    assert (chosen.images.names, len(chosen.held_out)) == (("3.png",), 0)
    assert chosen.images.read(0).shape == (30, 40, 3)
    with pytest.raises(ConfigError, match=r"train\.style is '3\.jpg' \(did you mean '3\.png'\?\)"):
        one_painting(config_of(photographs, style="3.jpg"), 40)
    for path in photographs.iterdir():
        if path.name != "3.png":
            path.unlink()
    assert one_painting(config_of(photographs), 40).sha256 == chosen.sha256


def test_a_painting_that_cannot_be_read_is_refused(photographs: Path) -> None:
    (photographs / "text.jpg").write_text("no picture")
    with pytest.raises(SourceError, match=r"style: .*text\.jpg cannot be learned: "):
        one_painting(config_of(photographs, style="text.jpg"), 40)
