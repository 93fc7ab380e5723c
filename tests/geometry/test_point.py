"""A grid without axes, on which the states of ordinary differential equations live."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from sobolev.geometry.derivatives import compact_second, derivative, gradient
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.interpolation import interpolate
from sobolev.geometry.norms import energy_spectrum, error, norm

POINT = Grid((), ())
LINE = Grid(((0.0, 1.0),), (5,))


def test_it_is_one_point_of_weight_one():
    assert (POINT.ndim, POINT.size, POINT.shape, POINT.names) == (0, 1, (), ())
    assert (POINT.spacing, POINT.axes, POINT.axis_weights, POINT.wraps) == ((), (), (), ())
    assert POINT.weights.shape == ()
    assert POINT.weights == 1
    assert POINT.coordinates().shape == (0,)
    assert POINT.with_shape(()) == POINT.subsample(2) == Grid.from_dict(POINT.to_dict()) == POINT


def test_an_extent_still_asks_for_a_shape():
    with pytest.raises(InputError, match="expected 0 positive integers"):
        Grid((), (3,))
    with pytest.raises(InputError, match="expected 1 positive integers"):
        Grid(((0, 1),), ())


@pytest.mark.parametrize("kind, s", [("L1", None), ("L2", None), ("Linf", None), ("H1", None)])
@pytest.mark.parametrize("library", [np.asarray, torch.tensor])
def test_every_norm_is_the_absolute_value(kind, s, library):
    values = [[3.0, -4.0, 0.0], [1.0, 2.0, -2.0]]
    found = norm(library(values), POINT, kind, s)
    assert isinstance(found, type(library(values)))
    np.testing.assert_array_equal(found, np.abs(values))


def test_a_sobolev_norm_has_the_constant_mode_only():
    assert norm(np.array([-2.0]), POINT, "Hs", s=3.0).tolist() == [2.0]
    assert norm(np.array(3 + 4j), POINT) == 5.0


def test_errors_are_relative_at_each_value():
    off = error(np.array([1.5, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]), POINT)
    assert off.tolist() == [0.5, np.inf, 0.0]


def test_a_function_has_leading_axes_only():
    function = Function(np.arange(6.0).reshape(2, 3), POINT, ("x", "y", "z"))
    assert function.leading == (2, 3)
    np.testing.assert_array_equal(function.to(POINT).values, function.values)
    assert interpolate(np.array(2.5), POINT, POINT) == 2.5
    assert gradient(np.arange(3.0), POINT) == []
    np.testing.assert_array_equal(derivative(np.arange(3.0), POINT, ()), np.arange(3.0))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: energy_spectrum(np.ones(3), POINT),
        lambda: Function(np.ones(3), POINT).at(np.zeros((4, 0))),
        lambda: Function(np.ones(3), POINT).to(LINE),
        lambda: compact_second(np.ones(3), np.ones(3), POINT, 0),
        lambda: derivative(np.ones(3), POINT, (1,)),
        lambda: Function(np.ones((2, 3, 4)), POINT).plot(),
        lambda: Function(np.ones(3), POINT).plot(times=(0.0, 1.0)),
    ],
)
def test_what_needs_an_axis_is_refused_in_a_line(wrong):
    with pytest.raises(InputError, match=r"^expected .*got .*") as caught:
        wrong()
    assert "\n" not in str(caught.value)


def test_values_with_too_few_axes_are_refused():
    with pytest.raises(InputError, match=r"expected values of shape"):
        Function(np.ones(5), Grid(((0, 1), (0, 1)), (1, 5), True))


def test_frames_are_lines_in_time():
    plt.switch_backend("agg")
    frames = np.stack([np.arange(4.0), -np.arange(4.0)], axis=1)
    ax = Function(frames, POINT, ("x", "y")).plot(times=(0.0, 0.5, 1.0, 1.5))
    assert [line.get_ydata().tolist() for line in ax.lines] == frames.T.tolist()
    assert ax.lines[0].get_xdata().tolist() == [0.0, 0.5, 1.0, 1.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y"]
    plt.close("all")
