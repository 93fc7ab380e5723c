import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.mesh import Mesh
from sobolev.geometry.points import PointCloud

LINE = Grid(((0, 1),), (6,), True)
PLANE = Grid(((0, 2), (0, 1)), (8, 5), False, "cell", units="m")
MESH = Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], {"quad": [[0, 1, 2, 3]]})


@pytest.fixture(autouse=True)
def _without_a_screen():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_moves_between_grids_and_points():
    x, y = PLANE.coordinates()
    function = Function(torch.tensor(np.stack([x * y, x + y])), PLANE, ("product", "sum"))
    finer = function.to(Grid(PLANE.extent, (9, 9)))
    X, Y = finer.on.coordinates()
    np.testing.assert_allclose(finer.values, [X * Y, X + Y], atol=1e-13)
    assert finer.names == ("product", "sum")
    assert finer.leading == (2,)
    np.testing.assert_allclose(function.at([[0.5, 0.25]]), [[0.125], [0.75]])
    assert isinstance(function.numpy(), np.ndarray)


def test_an_image_has_x_across_and_y_up():
    x = PLANE.coordinates()[0]
    ax = Function(x, PLANE).plot()
    image = ax.collections[0].get_array()
    assert image.shape == (5, 8)
    assert (np.diff(image, axis=1) > 0).all()
    assert not np.diff(image, axis=0).any()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [m]", "y [m]")
    np.testing.assert_allclose((*ax.get_xlim(), *ax.get_ylim()), (0, 2, 0, 1), atol=1e-12)


def test_frames_have_space_across_and_time_up():
    frames = np.arange(3)[:, None] + 0 * LINE.axes[0]
    ax = Function(frames, LINE).plot(times=(0.0, 0.5, 1.0))
    assert ax.collections[0].get_array()[:, 0].tolist() == [0, 1, 2]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "t")
    assert ax.get_ylim() == (-0.25, 1.25)


@pytest.mark.parametrize(
    "on", [LINE, MESH, PointCloud([[0.0, 1.0], [2.0, 0.0]]), Mesh([[0], [1]], {"line": [[0, 1]]})]
)
def test_pictures_go_into_given_axes(on):
    ax = plt.subplots()[1]
    assert Function(np.linspace(-1, 1, on.shape[0]), on).plot(ax) is ax
    ax.figure.canvas.draw()
    assert ax.lines or ax.collections


@pytest.mark.parametrize(
    "values, on",
    [
        (np.zeros((2, 8, 5)), PLANE),
        (np.zeros((2, 2, 6)), LINE),
        (np.zeros(6, complex), LINE),
        (np.zeros((2, 4)), MESH),
        (np.zeros((2, 2, 2)), Grid(((0, 1),) * 3, (2, 2, 2))),
    ],
)
def test_what_cannot_be_drawn_is_refused(values, on):
    with pytest.raises(InputError, match="expected"):
        Function(values, on).plot()


def test_bad_functions_are_refused():
    for values, on, names in ((np.zeros(5), LINE, ()), (np.zeros((2, 6)), LINE, ("u",))):
        with pytest.raises(InputError, match="expected"):
            Function(values, on, names)
    with pytest.raises(InputError, match="Grid"):
        Function(np.zeros(4), MESH).at([[0.5, 0.5]])
    with pytest.raises(InputError, match="time for each frame"):
        Function(np.zeros((3, 6)), LINE).plot(times=(0.0, 1.0))
