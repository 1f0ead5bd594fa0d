import numpy as np
import pytest

from workbench.analyses.grids import place_grid

WALLS = np.random.default_rng(0).random((9, 11)) < 0.5


def drawn(margin, side):
    """The grid with walls dark and floor bright, walls around it, and something on some of its squares."""
    picture = np.full((9 + 2 * margin, 11 + 2 * margin), 40.0)
    picture[margin : margin + 9, margin : margin + 11] = np.where(WALLS, 50, 220)
    picture = picture.repeat(side, 0).repeat(side, 1)[..., None].repeat(3, 2)
    place = ((margin + 4) * side, (margin + 5) * side)
    picture[place[0] : place[0] + side, place[1] : place[1] + side] = (250, 0, 0)
    return picture + np.random.default_rng(1).normal(size=picture.shape) * 5


@pytest.mark.parametrize(("margin", "side"), [(0, 1), (0, 8), (1, 16), (2, 5), (3, 3)])
def test_the_margin_of_a_drawn_grid_is_found(margin, side):
    found = place_grid(drawn(margin, side), WALLS)
    assert found is not None
    assert found.margin == margin
    assert found.explained > 0.9


def test_a_picture_of_something_else_holds_no_grid():
    assert place_grid(np.random.default_rng(2).random((90, 110, 3)), WALLS) is None
    assert place_grid(np.full((90, 110, 3), 7), WALLS) is None


def test_labels_that_tell_nothing_place_nothing():
    assert place_grid(drawn(0, 4), np.zeros((9, 11))) is None
    assert place_grid(drawn(0, 4), np.arange(99).reshape(9, 11)) is None


def test_a_picture_smaller_than_the_grid_cannot_show_it():
    assert place_grid(np.zeros((5, 5)), WALLS) is None


def test_the_share_that_is_explained_is_that_of_one_way_analysis_of_variance():
    picture = np.array([[0.0, 4.0, 1.0], [3.0, 0.0, 4.0]])
    labels = np.array([[0, 1, 0], [1, 0, 1]])
    # Class means 1/3 and 11/3, mean 2: between 2 · 3 · (5/3)² = 50/3, total 4 + 4 + 1 + 1 + 4 + 4 = 18.
    assert place_grid(picture, labels).explained == pytest.approx(50 / 3 / 18)
