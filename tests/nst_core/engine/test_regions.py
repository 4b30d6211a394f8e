"""Guides carried to layers, guided Gram matrices, soft edges, and the composite of kept regions."""

import torch

from nst_core.engine.losses import gram_matrix, guided_gram
from nst_core.engine.regions import (
    Regions,
    guidance_channel,
    guides_at,
    position_weights,
    region_batch,
    region_labels,
    region_positions,
    soft_mask,
)


def _maps(count=2, dtype=torch.float32):
    return torch.randn(count, 5, 8, 12, generator=torch.Generator().manual_seed(0), dtype=dtype)


def _halves():
    halves = torch.zeros(2, 8, 12)
    halves[0, :, :6], halves[1, :, 6:] = 1, 1
    return halves


def test_a_region_that_is_the_whole_image_has_the_plain_gram_matrix():
    channel = guidance_channel(guides_at(torch.ones(2, 16, 24), 8, 12))
    torch.testing.assert_close(guided_gram(_maps(), channel), gram_matrix(_maps()))


def test_the_gram_matrix_of_a_half_sees_that_half_only():
    maps = _maps(1)
    for guide, own in zip(_halves(), (maps[..., :6], maps[..., 6:]), strict=True):
        torch.testing.assert_close(guided_gram(maps, guidance_channel(guide[None])), gram_matrix(own))


def test_the_gradient_of_a_guided_gram_matrix():
    maps, guide = _maps(1, torch.float64)[:, :3, :3, :4].requires_grad_(), torch.rand(1, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda own: guided_gram(own, guidance_channel(guide)), maps)


def test_channels_and_weights_are_normalised_and_an_empty_region_stays_zero():
    guides = torch.zeros(2, 16, 16)
    guides[0, 3:9, 2:7] = 1
    carried = guides_at(guides, 4, 4)
    torch.testing.assert_close(guidance_channel(carried).square().mean(dim=(1, 2)), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(position_weights(carried).sum(dim=1), torch.tensor([1.0, 0.0]))


def test_a_region_smaller_than_the_distance_of_two_positions_has_one():
    guide = torch.zeros(1, 16, 16)
    guide[0, 5, 6] = 1
    assert region_positions(guides_at(guide, 4, 4)[0]).tolist() == [5]
    labels = region_labels([1 - guide[0], guide[0]], 4, 4)
    assert (labels == 1).nonzero().tolist() == [[1, 1]]
    assert (labels == 0).sum() == 15


def test_a_soft_edge_changes_nothing_farther_from_the_border_than_its_width():
    mask = torch.zeros(20, 30)
    mask[:, :15] = 1
    soft = soft_mask(mask, 4)
    assert (soft[:, :11] == 1).all()
    assert (soft[:, 19:] == 0).all()
    assert ((soft[:, 11:19] > 0) & (soft[:, 11:19] < 1)).all()


def test_kept_pixels_are_the_contents():
    keep = torch.zeros(6, 6)
    keep[:3] = 1
    batch = region_batch([Regions(1 - keep[None], keep)], torch.zeros(1, 3, 6, 6))
    images, contents = torch.rand(1, 3, 6, 6), torch.rand(1, 3, 6, 6)
    shown = batch.composite(images, contents)
    assert torch.equal(shown[:, :, :3], contents[:, :, :3])
    assert torch.equal(shown[:, :, 3:], images[:, :, 3:])


def test_what_is_put_together_of_regions_shows_each_in_its_place_and_the_rest_elsewhere():
    guides = _halves()
    guides[1, :, 9:] = 0
    batch = region_batch([Regions(guides, torch.zeros(8, 12)), None], torch.zeros(2, 1, 8, 12))
    mixed = batch.mixed(lambda number, _: torch.full((2, 1, 8, 12), 1.0 + number), torch.full((2, 1, 8, 12), 9.0))
    assert mixed[0, 0, 0].tolist() == [1.0] * 6 + [2.0] * 3 + [9.0] * 3
    assert (mixed[1] == 1).all()
    assert region_batch([None, None], torch.zeros(2, 3, 8, 12)) is None


def test_regions_at_a_coarser_scale_keep_their_shares():
    guides = _halves()
    coarse = Regions(guides, torch.zeros(8, 12)).at(0.5)
    assert coarse.guides.shape == (2, 4, 6)
    assert coarse.shares() == [0.5, 0.5]
