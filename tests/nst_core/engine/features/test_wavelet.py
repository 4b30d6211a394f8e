"""The weightless extractor: what its layers measure, and that nothing but their own image goes into them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.features import wavelet
from nst_core.engine.features.wavelet import (
    WaveletFeatures,
    each_channel,
    opponent_colours,
    oriented_filters,
    tint_axes,
)

N = 8  # orientations, as by default
TINTS = 14


@pytest.fixture(scope="module")
def extractor() -> WaveletFeatures:
    return WaveletFeatures()


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def grating(angle: float, period: float, side: int = 96) -> Tensor:
    """A grey wave that varies along `angle`, (1, 3, side, side)."""
    y, x = torch.meshgrid(torch.arange(float(side)), torch.arange(float(side)), indexing="ij")
    wave = torch.cos(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / period)
    return (0.5 + 0.3 * wave).expand(1, 3, side, side).clone()


def gram(maps: Tensor) -> Tensor:
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def orientation_energy(luminance: Tensor) -> Tensor:
    """Mean square per orientation of a luminance layer, over phases and signs: (n,)."""
    return luminance[0, 1:].square().mean(dim=(1, 2)).view(4, -1).sum(dim=0)


def test_filters_have_zero_mean_and_unit_norm() -> None:
    filters = oriented_filters(N)
    assert filters.shape == (2 * N, 1, 7, 7)
    assert filters.sum(dim=(1, 2, 3)).abs().max() < 1e-6
    torch.testing.assert_close(filters.square().sum(dim=(1, 2, 3)), torch.ones(2 * N))


def test_even_filters_are_even_and_odd_filters_odd() -> None:
    filters = oriented_filters(N)
    torch.testing.assert_close(filters[:N].flip(2, 3), filters[:N], atol=1e-6, rtol=0)
    torch.testing.assert_close(filters[N:].flip(2, 3), -filters[N:], atol=1e-6, rtol=0)


def test_greys_have_no_chroma() -> None:
    colours = opponent_colours()
    torch.testing.assert_close(colours @ colours.T, torch.eye(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(colours @ torch.ones(3), torch.tensor([math.sqrt(3), 0, 0]), atol=1e-6, rtol=0)


def test_filters_meet_every_channel_alone_as_a_plain_convolution_does() -> None:
    x, filters = images(2, 3, 11, 14, dtype=torch.float64), oriented_filters(4).double()
    padded = F.pad(x, (3, 3, 3, 3), mode="reflect")
    plain = F.conv2d(padded, filters.repeat(3, 1, 1, 1), groups=3)
    torch.testing.assert_close(each_channel(x, filters), plain)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (67, 85), (49, 50)])
def test_shapes_of_all_layers(extractor: WaveletFeatures, height: int, width: int) -> None:
    maps = extractor(images(2, 3, height, width), extractor.layers)
    assert list(maps) == list(extractor.layers)
    for name, features in maps.items():
        kind, level = name[:-1], int(name[-1])
        channels = {"luminance": 1 + 4 * N, "first": TINTS + (12 if level else 4) * N, "second": TINTS + 5 * N}[kind]
        shrink = 2 ** (level + (kind == "second"))
        assert features.shape == (2, channels, math.ceil(height / shrink), math.ceil(width / shrink)), name


def test_a_constant_image_leaves_only_its_colour(extractor: WaveletFeatures) -> None:
    colour = torch.tensor([0.2, 0.6, 0.9])
    maps = extractor(colour.view(1, 3, 1, 1).expand(1, 3, 64, 64), extractor.layers)
    opponent = opponent_colours() @ ((colour - wavelet.MEAN) / wavelet.STD)
    tints = torch.cat([tint_axes() @ opponent, -tint_axes() @ opponent]).relu()
    nothing = torch.zeros(N)  # no energy
    expected = {"luminance": opponent[:1], "first": tints, "second": torch.cat([nothing, tints])}
    for name, features in maps.items():
        low = expected[name[:-1]]
        torch.testing.assert_close(features[0, : len(low)].mean(dim=(1, 2)), low, atol=1e-4, rtol=1e-5)
        assert features[:, len(low) :].abs().max() < 1e-5, name


def test_tints_tell_patches_of_strong_colour_from_a_wash() -> None:
    """Both pictures have the same mean and variance of colour, which is all that a Gram matrix of colours can see."""
    few, many = ((torch.arange(32 * 40) % 5 < k).float().view(1, 1, 32, 40) for k in (1, 4))
    few, many = (((x - x.mean()) / x.std(correction=0) * 0.1 + 0.45).expand(-1, 3, -1, -1) for x in (few, many))
    extractor = WaveletFeatures()
    a, b = (extractor(x, ["first0"])["first0"][:, :TINTS] for x in (few, many))
    colours = [torch.einsum("oc,bchw->bohw", opponent_colours(), x - 0.45) for x in (few, many)]
    torch.testing.assert_close(gram(colours[0]), gram(colours[1]), atol=1e-5, rtol=1e-4)
    assert (gram(a) - gram(b)).norm() > 0.2 * gram(a).norm()


def test_responses_are_rectified_and_both_signs_are_kept(extractor: WaveletFeatures) -> None:
    responses = extractor(images(1, 3, 64, 64), ["luminance0"])["luminance0"][:, 1:]
    positive, negative = responses.chunk(2, dim=1)
    assert responses.min() == 0
    assert (positive * negative).max() == 0
    luminance = torch.einsum("c,bchw->bhw", opponent_colours()[0], (images(1, 3, 64, 64) - wavelet.MEAN) / wavelet.STD)
    plain = each_channel(luminance[:, None], oriented_filters(N))
    torch.testing.assert_close(positive - negative, wavelet.GAIN * plain)


def test_a_negative_swaps_the_signs(extractor: WaveletFeatures) -> None:
    picture = images(1, 3, 48, 48)
    positive, negative = extractor(picture, ["luminance1"])["luminance1"][:, 1:].chunk(2, dim=1)
    swapped = extractor(1 - picture, ["luminance1"])["luminance1"][:, 1:]
    torch.testing.assert_close(swapped, torch.cat([negative, positive], dim=1), atol=1e-4, rtol=0)


def test_luminance_ignores_colour(extractor: WaveletFeatures) -> None:
    picture, red_green = images(1, 3, 64, 64) / 2 + 0.25, torch.tensor([0.2, -0.2, 0.0]).view(1, 3, 1, 1)
    names = [name for name in extractor.layers if name.startswith("luminance")]
    before, after = extractor(picture, names), extractor(picture + red_green * images(1, 1, 64, 64, seed=1), names)
    for name in names:
        torch.testing.assert_close(after[name], before[name], atol=1e-4, rtol=1e-4)


def test_all_kinds_of_layers_see_the_same_responses_and_tints(extractor: WaveletFeatures) -> None:
    maps = extractor(images(1, 3, 64, 64), ["luminance2", "first2", "second1"])
    responses, tints = maps["luminance2"][:, 1:], maps["first2"][:, :TINTS]
    torch.testing.assert_close(maps["first2"][:, TINTS : TINTS + 4 * N], responses)
    torch.testing.assert_close(maps["second1"][:, N:], torch.cat([tints, responses], dim=1))


@pytest.mark.parametrize("k", range(N))
def test_a_grating_excites_its_own_orientation_most(extractor: WaveletFeatures, k: int) -> None:
    energy = orientation_energy(extractor(grating(math.pi * k / N, period=4), ["luminance0"])["luminance0"])
    assert energy.argmax() == k
    assert energy[k] > 10 * energy[(k + N // 2) % N]


@pytest.mark.parametrize("level", range(3))
def test_a_grating_excites_the_level_of_its_period_most(extractor: WaveletFeatures, level: int) -> None:
    maps = extractor(grating(0.3, period=4 * 2**level, side=128), [f"luminance{i}" for i in range(4)])
    energies = torch.stack([orientation_energy(features).sum() for features in maps.values()])
    assert energies.argmax() == level


def test_second_order_knows_where_the_finer_level_responds(extractor: WaveletFeatures) -> None:
    """Fine horizontal lines in vertical stripes, all of one mean."""
    lines, stripes = grating(math.pi / 2, period=4), grating(0, period=32) - 0.5
    energy = extractor(0.5 + (lines - 0.5) * (stripes > 0), ["second0"])["second0"][0, :N]
    assert energy.mean(dim=(1, 2)).argmax() == N // 2
    inside = stripes[0, 0, ::2, ::2] > 0.2
    assert energy[N // 2][inside].mean() > 5 * energy[N // 2][stripes[0, 0, ::2, ::2] < -0.2].mean()


def test_second_order_tells_aligned_scales_from_independent_ones(extractor: WaveletFeatures) -> None:
    """Each scale alone is the same in both textures; only whether fine lines sit on bright stripes differs."""
    fine, stripes = grating(math.pi / 2, period=4) - 0.5, grating(0, period=32) - 0.5
    on, off = (0.5 + 0.5 * stripes + fine * (where > 0) for where in (stripes, -stripes))
    a, b = (gram(extractor(x, ["second0"])["second0"]) for x in (on, off))
    assert (a - b).norm() > 0.1 * a.norm()


def test_shifting_a_periodic_texture_keeps_its_gram_matrices(extractor: WaveletFeatures) -> None:
    texture = images(1, 3, 32, 32).tile(1, 1, 6, 6)
    names = [name for name in extractor.layers if name[-1] in "01"]
    here, there = extractor(texture, names), extractor(texture.roll((5, 11), dims=(2, 3)), names)
    for name in names:
        a, b = gram(here[name]), gram(there[name])
        assert (a - b).norm() < 0.15 * a.norm(), name


def test_transposing_a_texture_changes_its_gram_matrices(extractor: WaveletFeatures) -> None:
    a, b = (gram(extractor(grating(angle, 8), ["first1"])["first1"]) for angle in (0.4, math.pi / 2 - 0.4))
    assert (a - b).norm() > 0.5 * a.norm()


def test_gradients_are_right() -> None:
    extractor = WaveletFeatures(levels=2, orientations=2).double()
    picture = images(1, 3, 13, 15, dtype=torch.float64).requires_grad_()
    names = ("first0", "second0", "luminance1", "first1")
    assert torch.autograd.gradcheck(lambda x: tuple(extractor(x, names).values()), picture, fast_mode=True)


def test_an_image_in_a_batch_has_the_features_it_has_alone(extractor: WaveletFeatures) -> None:
    batch = images(3, 3, 52, 61)
    together = extractor(batch, extractor.layers)
    for i in range(3):
        alone = extractor(batch[i : i + 1], extractor.layers)
        for name in extractor.layers:
            torch.testing.assert_close(together[name][i], alone[name][0], atol=1e-5, rtol=1e-6)


def test_the_same_image_has_the_same_features(extractor: WaveletFeatures) -> None:
    first, again = (extractor(images(1, 3, 64, 64), extractor.layers) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in extractor.layers)


def test_nothing_deeper_than_the_deepest_layer_is_computed(
    extractor: WaveletFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    filtered: list[tuple[int, ...]] = []

    def recording(x: Tensor, filters: Tensor) -> Tensor:
        filtered.append(tuple(x.shape[1:]))
        return each_channel(x, filters)

    monkeypatch.setattr(wavelet, "each_channel", recording)
    extractor(images(1, 3, 64, 64), ["luminance1", "first0"])
    assert filtered == [(1, 64, 64), (1, 32, 32)]
    filtered.clear()
    extractor(images(1, 3, 64, 64), ["second0"])
    assert filtered == [(1, 64, 64), (1, 32, 32)]
    filtered.clear()
    extractor(images(1, 3, 64, 64), ["first2"])
    assert filtered == [(1, 16, 16), (2, 16, 16)]


@pytest.mark.parametrize("layer", WaveletFeatures().layers)
def test_min_side_is_the_shortest_that_works(extractor: WaveletFeatures, layer: str) -> None:
    side = extractor.min_side([layer])
    assert extractor(images(1, 3, side, side + 9), [layer])[layer].isfinite().all()
    with pytest.raises(ValueError, match=f"need {side} pixels"):
        extractor(images(1, 3, side + 9, side - 1), [layer])


def test_small_images_work_with_the_levels_that_fit(extractor: WaveletFeatures) -> None:
    fitting = [name for name in extractor.layers if extractor.min_side([name]) <= 32]
    assert set(extractor(images(1, 3, 32, 32), fitting)) == set(fitting)
    assert "first3" in fitting
    assert extractor.min_side(["first0", "second3"]) == extractor.min_side(["second3"]) == 49


def test_unknown_layers_are_named(extractor: WaveletFeatures) -> None:
    with pytest.raises(KeyError, match="second4"):  # there is no level below the deepest
        extractor(images(1, 3, 64, 64), ["second4"])


def test_bfloat16_convolutions_stay_finite(extractor: WaveletFeatures) -> None:
    picture = images(1, 3, 64, 64).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        maps = extractor(picture, extractor.layers)
    torch.stack([features.float().mean() for features in maps.values()]).sum().backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()


def test_there_are_no_weights_to_learn_or_to_store(extractor: WaveletFeatures) -> None:
    assert extractor.weights_sha256 is None
    assert not list(extractor.parameters())
    assert not extractor.state_dict()
