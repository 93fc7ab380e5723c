import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid


@pytest.mark.parametrize(
    "periodic, centering, axis, weights",
    [
        (True, "vertex", [1.0, 1.5, 2.0, 2.5], [0.5, 0.5, 0.5, 0.5]),
        (True, "cell", [1.25, 1.75, 2.25, 2.75], [0.5, 0.5, 0.5, 0.5]),
        (False, "vertex", [1.0, 5 / 3, 7 / 3, 3.0], [1 / 3, 2 / 3, 2 / 3, 1 / 3]),
        (False, "cell", [1.25, 1.75, 2.25, 2.75], [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_the_table_of_conventions(periodic, centering, axis, weights):
    grid = Grid(((1.0, 3.0),), (4,), periodic, centering)
    np.testing.assert_allclose(grid.axes[0], axis, rtol=1e-15)
    np.testing.assert_allclose(grid.weights, weights, rtol=1e-15)
    np.testing.assert_allclose(np.diff(grid.axes[0]), grid.spacing[0], rtol=1e-14)


def test_axis_zero_is_x():
    grid = Grid(((0, 1), (0, 10)), (3, 5), centering="vertex")
    x, y = grid.coordinates()
    assert x.shape == grid.shape == grid.weights.shape == (3, 5)
    assert (x[2, 0], x[0, 4]) == (1, 0)
    assert (y[0, 4], y[2, 0]) == (10, 0)


def test_equal_grids_are_one_key():
    assert len({Grid([[0, 1]], [4], [True]), Grid(((0.0, 1.0),), (4,), True)}) == 1


@given(
    n=st.lists(st.integers(2, 9), min_size=1, max_size=3),
    periodic=st.booleans(),
    centering=st.sampled_from(["vertex", "cell"]),
)
def test_weights_sum_to_the_volume_and_dict_survives_json(n, periodic, centering):
    extent = tuple((-1.0, 0.5 + i) for i in range(len(n)))
    grid = Grid(extent, tuple(n), periodic, centering, units="m")
    assert grid.weights.sum() == pytest.approx(np.prod(grid.lengths), rel=1e-13)
    assert Grid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid


@pytest.mark.parametrize("periodic, n, stride", [(True, 12, 3), (False, 13, 3), (False, 13, 12)])
def test_subsample_keeps_every_stride_th_point(periodic, n, stride):
    grid = Grid(((0, 2), (0, 1)), (n, n), periodic)
    kept = grid.subsample((stride, 1))
    np.testing.assert_allclose(kept.axes[0], grid.axes[0][::stride], rtol=1e-15)
    assert kept.shape == (len(grid.axes[0][::stride]), n)


@pytest.mark.parametrize(
    "grid, stride",
    [
        (Grid(((0, 1),), (12,)), 3),
        (Grid(((0, 1),), (13,), True), 3),
        (Grid(((0, 1),), (12,), True, "cell"), 2),
        (Grid(((0, 1),), (13,)), 0),
        (Grid(((0, 1),), (13,)), (2, 2)),
    ],
)
def test_subsample_refuses_what_does_not_fit(grid, stride):
    with pytest.raises(InputError, match="expected"):
        grid.subsample(stride)


@pytest.mark.parametrize(
    "bad",
    [
        {"extent": ((1, 0),)},
        {"extent": ((0, float("nan")),)},
        {"extent": ((0, float("inf")),)},
        {"extent": ()},
        {"extent": (0, 1)},
        {"shape": (0,)},
        {"shape": (-3,)},
        {"shape": (2.5,)},
        {"shape": (True,)},
        {"shape": (4, 4)},
        {"shape": (float("nan"),)},
        {"shape": (1,)},
        {"periodic": (True, False)},
        {"centering": "face"},
        {"names": ("x", "y")},
    ],
)
def test_what_is_no_grid_is_refused_in_one_line(bad):
    with pytest.raises(InputError, match="expected") as caught:
        Grid(**({"extent": ((0, 1),), "shape": (4,)} | bad))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "plain", [{"extent": [[0, 1]]}, {"extent": [[0, 1]], "shape": [3], "n": 3}]
)
def test_a_dict_with_other_keys_is_refused(plain):
    with pytest.raises(InputError, match="expected grid keys"):
        Grid.from_dict(plain)
