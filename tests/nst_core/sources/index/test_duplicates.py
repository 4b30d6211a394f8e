"""Which files repeat another: by their bytes, by their looks, and never by accident."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nst_core.errors import TruncatedImage
from nst_core.sources.index.duplicates import NEAR, duplicates
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.phash import perceptual_hash
from nst_core.sources.index.scan import scan

MakeImage = Callable[..., Path]


def one(sha256: str = "", phash: int | None = None, **fields: object) -> Input:
    return Input(Path("x"), 80, 60, sha256 or str(phash), phash=phash, **fields)  # type: ignore[arg-type]


def differing(bits: int, phash: int = 0) -> int:
    """A hash that differs from another in so many bits, spread over all of it."""
    return phash ^ sum(1 << position for position in random.Random(bits).sample(range(64), bits))


# --- closed forms -----------------------------------------------------------------------------------------------------


def test_the_first_by_id_is_kept_whatever_the_order() -> None:
    items = [("c", one("1")), ("a", one("2")), ("b", one("1")), ("d", one("2")), ("e", one("3"))]
    for order in itertools.permutations(items):
        assert duplicates(order, "drop_exact") == {"c": "b", "d": "a"}


def test_only_equal_bytes_are_exact() -> None:
    assert duplicates([("a", one("1", 5)), ("b", one("2", 5))], "drop_exact") == {}


def test_equal_bytes_are_similar_even_where_nothing_shows() -> None:
    assert duplicates([("a", one("1")), ("b", one("1"))], "drop_similar") == {"b": "a"}


def test_pictures_that_show_nothing_are_not_similar() -> None:
    assert duplicates([("a", one("1")), ("b", one("2"))], "drop_similar") == {}


@pytest.mark.parametrize("bits", range(12))
def test_hashes_are_near_up_to_the_limit_and_not_beyond(bits: int) -> None:
    found = duplicates([("a", one(phash=2**63)), ("b", one(phash=differing(bits, 2**63)))], "drop_similar")
    assert found == ({"b": "a"} if bits <= NEAR else {})


def test_small_steps_lead_nowhere() -> None:
    """b is near a, c near b but not near a: b is left out, so that c stands on its own, and d is near c."""
    steps = [0, 0b11111, 0b1111111111, 0b111111111111111]
    items = [(id, one(phash=phash)) for id, phash in zip("abcd", steps, strict=True)]
    assert duplicates(items, "drop_similar") == {"b": "a", "d": "c"}


def test_the_first_that_is_near_counts_not_the_nearest() -> None:
    items = [("a", one(phash=0)), ("b", one(phash=0xFFF)), ("c", one(phash=0x3F ^ 0)), ("d", one(phash=0xFFF ^ 1))]
    assert duplicates(items, "drop_similar") == {"c": "a", "d": "b"}


def test_a_copy_of_a_similar_picture_is_led_back_to_the_one_that_is_kept() -> None:
    items = [("a", one("1", 0)), ("b", one("2", 1)), ("c", one("2", 1))]
    assert duplicates(items, "drop_similar") == {"b": "a", "c": "a"}


def test_a_bad_image_neither_stands_for_another_nor_is_left_out() -> None:
    bad = one("1", 0, error=TruncatedImage("x", "cut"))
    assert duplicates([("a", bad), ("b", one("1", 0)), ("c", bad), ("d", one("1", 0))], "drop_similar") == {"d": "b"}


def test_no_items_have_no_duplicates() -> None:
    assert duplicates([], "drop_similar") == {}


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def clusters(draw: st.DrawFn) -> list[tuple[str, Input]]:
    """Items whose hashes lie close together, so that most pairs are near or just not."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=7)
    number = draw(st.integers(0, 25))
    items = []
    for i in range(number):
        phash = draw(st.sampled_from(centres))
        for bit in draw(flips):
            phash ^= 1 << bit
        items.append((f"{i:02d}", one(draw(st.sampled_from("1234567")), draw(st.sampled_from([phash, phash, None])))))
    return items


@settings(max_examples=150, deadline=None)
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_has_no_say(items: list[tuple[str, Input]], dice: random.Random) -> None:
    shuffled = list(items)
    dice.shuffle(shuffled)
    assert duplicates(shuffled, "drop_similar") == duplicates(items, "drop_similar")


@settings(max_examples=150, deadline=None)
@given(clusters())
def test_it_is_what_comparing_all_with_all_that_are_kept_gives(items: list[tuple[str, Input]]) -> None:
    assert duplicates(items, "drop_similar") == dict(_one_by_one(items))


def _one_by_one(items: list[tuple[str, Input]]) -> Iterator[tuple[str, str]]:
    originals: dict[str | None, str] = {}  # by sha256: the first of these bytes, or what that one looks like
    kept: list[tuple[str, int]] = []
    for id, found in items:
        if found.sha256 in originals:
            yield id, originals[found.sha256]
            continue
        phash = found.phash
        near = [other for other, hash in kept if phash is not None and (hash ^ phash).bit_count() <= NEAR]
        originals[found.sha256] = near[0] if near else id
        if near:
            yield id, near[0]
        elif phash is not None:
            kept.append((id, phash))


def test_many_random_hashes_give_what_was_planted() -> None:
    dice = random.Random(0)
    hashes = {f"{i:05d}": dice.getrandbits(64) for i in range(20_000)}
    planted = {f"x{i}": f"{i * 97:05d}" for i in range(100)}
    hashes |= {id: differing(i % (NEAR + 1), hashes[planted[id]]) for i, id in enumerate(planted)}
    items = [(id, one(f"{id} {phash}", phash)) for id, phash in hashes.items()]
    assert duplicates(items, "drop_similar") == planted


# --- pictures ---------------------------------------------------------------------------------------------------------


def levels(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def faceless() -> dict[str, Image.Image]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:300, :400] / 400
    return {
        "black": levels(np.zeros((300, 400))),
        "white": levels(np.full((300, 400), 255.0)),
        "grey": levels(np.full((300, 400), 128.0)),
        "nearly white": levels(253 + rng.random((300, 400)) * 2),
        "to the right": levels(255 * x),
        "downwards": levels(255 * y),
        "aslant": levels(130 * (x + y)),
        "noise": levels(128 + 20 * rng.standard_normal((300, 400))),
        "other noise": levels(128 + 20 * rng.standard_normal((300, 400))),
        "half": levels(255.0 * (x > 0.5)),
    }


@pytest.mark.parametrize("name", faceless())
@pytest.mark.parametrize("quality", [95, 40])
def test_what_shows_nothing_has_no_hash(tmp_path: Path, name: str, quality: int) -> None:
    picture = faceless()[name]
    picture.save(tmp_path / "a.jpg", quality=quality)
    found = scan({tmp_path / "a.jpg": ScanOptions(phash=True)})
    assert [one.phash for one in found.values()] == [None]
    assert perceptual_hash(picture) is None


def test_the_hash_is_that_of_imagehash(make_image: MakeImage, tmp_path: Path) -> None:
    picture = (
        Image.open(make_image(tmp_path / "a.png", 200, 150)).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    )
    assert perceptual_hash(picture) == int(str(imagehash.phash(picture)), 16)


COPIES: dict[str, Callable[[Image.Image], tuple[Image.Image, dict[str, object]]]] = {
    "a.quality30.jpg": lambda image: (image, {"quality": 30}),
    "b.half.jpg": lambda image: (image.resize((image.width // 2, image.height // 2)), {"quality": 85}),
    "c.thumbnail.jpg": lambda image: (image.resize((128, 128)), {"quality": 85}),
    "d.lossless.png": lambda image: (image, {}),
    "e.brighter.webp": lambda image: (image.point(lambda level: min(255, int(level * 1.1))), {"quality": 80}),
    "f.grey.jpg": lambda image: (image.convert("L"), {}),
    "g.cropped.jpg": lambda image: (image.crop((4, 4, image.width - 4, image.height - 4)), {"quality": 90}),
}


def test_copies_of_real_pictures_are_found_and_different_pictures_are_not_copies(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    originals = sorted([*data.glob("artworks/images/images/*/*.jpg"), *data.glob("coco/val2017/*.jpg")])
    items = {f"{path.stem}.0": path for path in originals}
    for path, (name, change) in itertools.product(originals, COPIES.items()):
        copy, options = change(Image.open(path).convert("RGB"))
        items[f"{path.stem}.{name}"] = tmp_path / f"{path.stem}.{name}"
        copy.save(items[f"{path.stem}.{name}"], **options)
    for path in data.glob("artworks/resized/resized/*.jpg"):
        items[f"{path.stem}.resized"] = path
    assert len(originals) >= 9
    found = scan(dict.fromkeys(items.values(), ScanOptions(phash=True)))
    repeated = duplicates([(id, found[path]) for id, path in items.items()], "drop_similar")
    stem = {id: id.partition(".")[0] for id in items}
    assert {id: stem[id] for id in repeated} == {id: stem[first] for id, first in repeated.items()}
    assert set(items) - set(repeated) == {f"{path.stem}.0" for path in originals}
