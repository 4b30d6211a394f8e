"""Guided Gram matrices, soft edges, and the composite of kept regions."""

import torch

from nst_core.engine.losses import gram_matrix
from nst_core.engine.regions import Regions, guided_gram, guides_at, region_batch, soft_mask


def _maps(count=2):
    return torch.randn(count, 5, 8, 12, generator=torch.Generator().manual_seed(0))


def test_a_region_that_is_the_whole_image_has_the_plain_gram_matrix():
    guide = guides_at(torch.ones(2, 1, 16, 24), 8, 12)[:, 0]
    torch.testing.assert_close(guided_gram(_maps(), guide), gram_matrix(_maps()))


def test_two_halves_each_see_only_their_own_half():
    maps, guides = _maps(1), torch.zeros(2, 8, 12)
    guides[0, :, :6], guides[1, :, 6:] = 1, 1
    batch = region_batch([Regions(guides, torch.zeros(8, 12))], torch.zeros(1, 3, 8, 12))
    left, right = batch.grams(maps).unbind(1)
    torch.testing.assert_close(left, gram_matrix(maps[..., :6]))
    torch.testing.assert_close(right, gram_matrix(maps[..., 6:]))
    torch.testing.assert_close(batch.shares, torch.tensor([[0.5, 0.5]]))


def test_guides_are_normalised_and_an_empty_region_stays_zero():
    guides = torch.zeros(1, 2, 16, 16)
    guides[:, 0, 3:9, 2:7] = 1
    squares = guides_at(guides, 4, 4).square().sum(dim=(2, 3))
    torch.testing.assert_close(squares, torch.tensor([[1.0, 0.0]]))


def test_a_soft_edge_changes_nothing_farther_from_the_border_than_its_width():
    mask = torch.zeros(20, 30)
    mask[:, :15] = 1
    soft = soft_mask(mask, 4)
    assert (soft[:, :11] == 1).all()
    assert (soft[:, 19:] == 0).all()
    assert ((soft[:, 11:19] > 0) & (soft[:, 11:19] < 1)).all()


def test_kept_pixels_are_the_contents_and_get_no_gradient():
    keep = torch.zeros(6, 6)
    keep[:3] = 1
    batch = region_batch([Regions(1 - keep[None], keep)], torch.zeros(1, 3, 6, 6))
    images, contents = torch.rand(1, 3, 6, 6, requires_grad=True), torch.rand(1, 3, 6, 6)
    shown = batch.composite(images, contents)
    shown.sum().backward()
    assert torch.equal(shown[:, :, :3], contents[:, :, :3])
    assert torch.equal(shown[:, :, 3:], images[:, :, 3:])
    assert (images.grad[:, :, :3] == 0).all()
    assert (images.grad[:, :, 3:] == 1).all()


def test_pairs_with_other_masks_in_a_batch_are_as_if_alone():
    maps, halves, keep = _maps(), torch.zeros(2, 8, 12), torch.zeros(8, 12)
    halves[0, :4], halves[1, 4:] = 1, 1
    batch = region_batch([None, Regions(halves, keep)], torch.zeros(2, 3, 8, 12))
    alone = region_batch([Regions(halves, keep)], torch.zeros(1, 3, 8, 12))
    torch.testing.assert_close(batch.grams(maps)[0, 0], gram_matrix(maps[:1])[0])
    torch.testing.assert_close(batch.grams(maps)[1], alone.grams(maps[1:])[0])
    assert batch.shares.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert region_batch([None, None], torch.zeros(2, 3, 8, 12)) is None
