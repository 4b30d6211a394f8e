"""The places on a map: evened out, and apart."""

from __future__ import annotations

import numpy as np

from nst_core.views.gallery.artist_map import principal_plane
from nst_core.views.gallery.map_layout import EDGE, LABEL, apart, evened


def covering(points: np.ndarray) -> int:
    near = (np.abs(points[:, None] - points) < 0.98 * np.array(LABEL)).all(axis=2)
    return int(near.sum() - len(points)) // 2


def test_labels_that_cover_each_other_are_moved_apart() -> None:
    points = 0.5 + 0.05 * np.random.default_rng(0).normal(size=(20, 2))
    placed = apart(points)
    assert covering(points) > 20
    assert covering(placed) == 0
    assert (placed >= np.array(EDGE)).all()
    assert (placed <= 1 - np.array(EDGE)).all()


def test_labels_at_one_point_come_apart_and_those_with_room_stay() -> None:
    assert covering(apart(np.full((4, 2), 0.5))) == 0
    corners = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    low, high = np.array(EDGE), 1 - np.array(EDGE)
    assert np.allclose(apart(corners), low + corners * (high - low), atol=1e-5)


def test_one_outlier_does_not_press_the_others_together() -> None:
    points = np.stack([np.r_[np.linspace(0, 1, 20), 100.0], np.linspace(0, 1, 21)], axis=1)
    even = evened(points, points)
    assert even[:20, 0].max() - even[:20, 0].min() > 0.5
    assert (np.diff(even[:, 0]) > 0).all(), "the order stays"
    assert even.min() == 0
    assert even.max() == 1
    flat = np.stack([np.zeros(5), np.arange(5.0)], axis=1)
    assert np.allclose(evened(flat, flat)[:, 0], 0.5), "all at one place are in the middle"


def test_the_plane_has_the_largest_variances_and_settled_signs() -> None:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(50, 6)) * [1, 9, 1, 5, 1, 1]
    turn, _ = np.linalg.qr(draw.normal(size=(6, 6)))
    flat = principal_plane(hidden @ turn, np.full(50, 1 / 50))
    assert abs(np.corrcoef(flat[:, 0], hidden[:, 1])[0, 1]) > 0.98
    assert abs(np.corrcoef(flat[:, 1], hidden[:, 3])[0, 1]) > 0.98
    assert np.allclose(flat, principal_plane(hidden @ turn, np.full(50, 1 / 50)))
