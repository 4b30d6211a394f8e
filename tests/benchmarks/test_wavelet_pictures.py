"""What pictures must be, by judges that did not make them. Never about time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from jury import Jury
from pairs import SQUEEZENET, Pair, demo_pairs, shared_pairs, spread
from stylized_pictures import Picture, colour_matched, final_loss, make, recipe_for

SIZE = 160
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["demo", "shared"])
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    torch.set_num_threads(1)
    if request.param == "demo":
        return spread(demo_pairs(tmp_path_factory.mktemp("data")), 6)
    found = shared_pairs()
    if not found:
        pytest.skip("needs the developers' folder of real data beside the checkout (../shared/data)")
    return spread(found, 5)


@pytest.fixture(scope="module")
def pictures(pairs: list[Pair]) -> list[Picture]:
    recipe = recipe_for("wavelet", size=SIZE)
    return [make(pair, recipe) for pair in pairs]


def test_every_picture_is_nearer_to_the_style_than_recoloured_content(pictures: list[Picture]) -> None:
    jury = Jury([name for name in ("vgg19", "squeezenet") if name == "vgg19" or SQUEEZENET.is_file()])
    for judge in jury.judges:
        for picture in pictures:
            style = jury.style(judge, picture.style)
            made = jury.verdict(judge, picture.image, picture.content, style)
            recoloured = jury.verdict(judge, colour_matched(picture), picture.content, style)
            assert made.style_distance < recoloured.style_distance
            assert made.sliced_wasserstein < recoloured.sliced_wasserstein


def test_the_content_stays_recognisable(pictures: list[Picture]) -> None:
    similar = [Jury(["wavelet"]).means([picture])["wavelet"].ssim for picture in pictures]
    assert min(similar) > 0.15
    assert sum(similar) / len(similar) > 0.3


@pytest.mark.parametrize("name", ["wavelet", "squeezenet"])
def test_bfloat16_comes_as_far_as_float32(name: str, pairs: list[Pair]) -> None:
    exact, rounded = (recipe_for(name, size=SIZE, precision=precision) for precision in ("float32", "bfloat16"))
    if name == "squeezenet" and not Path(exact.weights).is_file():
        pytest.skip("needs SqueezeNet's weights (../shared/weights)")
    pair = pairs[0]
    assert final_loss(make(pair, rounded), rounded) < 1.02 * final_loss(make(pair, exact), exact)
