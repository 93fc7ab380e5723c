"""Every shape: points inside and on its pieces, normals, measures, distances, refusals."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.mesh import Mesh
from sobolev.geometry.shapes import Ball, Box, Disk, Interval, Meshed, Polygon
from sobolev.geometry.shapes.base import Columns, even_points

CORNER = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]


def square_mesh(n=4):
    x, y = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1), indexing="ij")
    at = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]
    cells = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    floor = np.stack([at[:-1, 0], at[1:, 0]], axis=1)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return Mesh(points, {"triangle": cells}, {"floor": {"line": floor}})


def cube_mesh():
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
    paths = [(1, 3), (1, 5), (2, 3), (2, 6), (4, 5), (4, 6)]
    cells = [[0, a, b, 7] for a, b in paths]
    return Mesh(corners * [1.0, 2.0, 3.0], {"tetra": cells})


NOTCH = Box((0.4, -1), (0.6, 0.3))
SHAPES = {
    "interval": (Interval(-1.0, 3.0), 4.0, 2.0),
    "rectangle": (Box((0, -1), (2, 0.5)), 3.0, 7.0),
    "box": (Box((0, 0, 0), (1, 2, 3)), 6.0, 22.0),
    "box in 5": (Box([0] * 5, [2] * 5), 32.0, 160.0),
    "disk": (Disk((0.3, 0.2), 0.5), math.pi / 4, math.pi),
    "ball": (Ball((1, 0, 0), 2.0), 32 * math.pi / 3, 16 * math.pi),
    "ball in 6": (Ball([0.0] * 6, 1.0), math.pi**3 / 6, math.pi**3),
    "triangle": (Polygon([(0, 0), (0, 1), (2, 0)]), 1.0, 3 + math.sqrt(5)),
    "corner": (Polygon(CORNER), 3.0, 8.0),
    "square of triangles": (Meshed(square_mesh()), 1.0, 4.0),
    "box of tetrahedra": (Meshed(cube_mesh()), 6.0, 22.0),
    "ring": (
        Disk((0, 0), 1.0, "rim") - Disk((0.2, 0), 0.5, "hole"),
        math.pi * 0.75,
        math.pi * 3,
    ),
    "two disks": (
        Disk((0, 0), 1.0) | Disk((1, 0), 1.0),
        2 * math.pi - (2 * math.pi / 3 - math.sqrt(3) / 2),
        8 * math.pi / 3,
    ),
    "lens": (
        Disk((0, 0), 1.0) & Disk((1, 0), 1.0),
        2 * math.pi / 3 - math.sqrt(3) / 2,
        4 * math.pi / 3,
    ),
    "square less a corner": (Box((0, 0), (2, 2)) - Box((1, 1), (2, 2)), 3.0, 8.0),
    "two squares side by side": (Box((0, 0), (1, 1)) | Box((1, 0), (2, 0.5)), 1.5, 6.0),
    "box with a ball cut out": (
        Box((-1, -1, -1), (1, 1, 1)) - Ball((0, 0, 0), 0.5),
        8 - math.pi / 6,
        24 + math.pi,
    ),
    "square less a union": (
        Box((0, 0), (1, 1)) - (Disk((0.5, 0.6), 0.2) | NOTCH),
        1 - 0.06 - math.pi * 0.04,
        4 + 0.6 - 0.2 + 0.2 + 0.4 * math.pi,
    ),
    "square less a lens": (
        Box((-1, -2), (2, 2)) - (Disk((0, 0), 1.0) & Disk((1, 0), 1.0)),
        12 - (2 * math.pi / 3 - math.sqrt(3) / 2),
        14 + 4 * math.pi / 3,
    ),
    "square less a half disk": (
        Box((-2, -2), (2, 2)) - (Disk((0, 0), 1.0) - Box((-2, -2), (0, 2))),
        16 - math.pi / 2,
        16 + math.pi + 2,
    ),
    "square with an inlet": (
        Box((0, 0), (1, 1)).cut("inlet", "left", lambda x, y: (y - 0.25) * (0.75 - y) * 2),
        1.0,
        4.0,
    ),
}  # fmt: skip
PLANE = [name for name, (shape, *_) in SHAPES.items() if shape.ndim <= 2]


@pytest.fixture(params=SHAPES)
def case(request):
    return SHAPES[request.param]


def test_volume_and_boundary_are_exact_or_within_their_stated_error(case):
    shape, volume, boundary = case
    for found, truth in ((shape.volume, volume), (shape.measure("all"), boundary)):
        assert abs(found.value - truth) <= 3 * found.error + 1e-12 * truth


def test_points_inside_are_even_and_never_on_the_boundary(case):
    shape, *_ = case
    points = shape.interior(even_points(20000, shape.ndim))
    assert shape.contains(points).all()
    low, high = np.array(shape.bounds).T
    assert ((points > low) & (points < high)).all()
    # Against points of the box that are inside: another way to the same law.
    box = low + even_points(20000, shape.ndim + 1)[:, 1:] * (high - low)
    truth = box[shape.contains(box)]
    spread = (high - low).max()
    for power in (1, 2):
        first, second = (((p - low) ** power).mean(axis=0) for p in (points, truth))
        assert np.abs(first - second).max() < 0.015 * spread**power


def test_a_corner_of_the_cube_is_no_corner_of_the_shape(case):
    shape, *_ = case
    for dtype in (torch.float32, torch.float64):
        ends = torch.tensor([[0.0], [1.0]], dtype=dtype).expand(2, shape.ndim)
        for points in (shape.interior(ends), shape.interior(ends.roll(1, 0))):
            assert points.dtype == dtype
            assert shape.contains(points).all()


def test_flux_of_x_through_the_boundary_is_the_volume(case):
    # Gauss: the integral of x . n is d times the volume; points, normals and measures all count.
    shape, volume, _ = case
    flux, error = 0.0, 0.0
    for name in shape.names:
        points, normals = shape.on_boundary(name, even_points(20000, shape.ndim))
        assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-12
        through = np.sum(points * normals, axis=1)
        flux += shape.measure(name).value * through.mean()
        error += shape.measure(name).error * abs(through.mean())
    assert abs(flux / shape.ndim - volume) < 0.005 * volume + 3 * error


def test_normals_point_out_of_the_shape(case):
    shape, *_ = case
    points, normals = shape.on_boundary("all", even_points(500, shape.ndim))
    step = 1e-6 * normals
    assert len(points) > 150
    assert shape.contains(points - step).all()
    assert not shape.contains(points + step).any()
    assert np.abs(shape.signed_distance(points)).max() < 1e-9


def test_smooth_distances_are_distances_to_first_order(case):
    shape, *_ = case
    if isinstance(shape, Meshed) and shape.ndim == 3:
        with pytest.raises(InputError, match="in the plane"):
            shape.distance(even_points(3, 3))
        return
    inside = torch.from_numpy(shape.interior(even_points(300, shape.ndim)))
    for name in (*shape.names, "all"):
        assert (shape.distance(inside, name) > 0).all()
        points, normals = shape.on_boundary(name, torch.rand(200, shape.ndim).double())
        off = shape.distance(points - 1e-6 * normals, name)
        # Corners apart, where the slope is another.
        slope = off / 1e-6
        assert shape.distance(points, name).abs().max() < 1e-9
        assert ((slope - 1).abs() < 0.01).double().mean() > 0.9
        assert slope.max() < 1.01


def test_distances_have_the_derivatives_that_differences_see():
    for name in PLANE:
        shape = SHAPES[name][0]
        unit = torch.from_numpy(even_points(40, shape.ndim))
        points = shape.interior(unit).requires_grad_()
        for piece in shape.names:
            value = shape.distance(points, piece)
            (slope,) = torch.autograd.grad(value.sum(), points)
            for axis in range(shape.ndim):
                step = torch.zeros(shape.ndim, dtype=torch.float64)
                step[axis] = 1e-6
                ahead, behind = (
                    shape.distance(points + step, piece),
                    shape.distance(points - step, piece),
                )
                assert ((ahead - behind) / 2e-6 - slope[:, axis]).abs().max() < 1e-5


def test_numpy_and_torch_agree(case):
    shape, *_ = case
    unit = even_points(64, shape.ndim)
    places = shape.interior(unit)
    tensors = shape.interior(torch.from_numpy(unit))
    assert np.abs(tensors.numpy() - places).max() < 1e-14 * 10
    assert (
        np.abs(shape.signed_distance(tensors).numpy() - shape.signed_distance(places)).max() < 1e-12
    )
    ours, theirs = (shape.on_boundary("all", u) for u in (unit, torch.from_numpy(unit)))
    for own, other in zip(ours, theirs, strict=True):
        assert np.abs(other.numpy() - own).max() < 1e-12


def test_points_keep_the_order_of_the_sequence(case):
    shape, *_ = case
    unit = even_points(200, shape.ndim)
    assert np.array_equal(
        np.concatenate([shape.interior(unit[:90]), shape.interior(unit[90:])]),
        shape.interior(unit),
    )


# --- names --------------------------------------------------------------------------------


def test_names_of_pieces():
    assert Interval(0, 1).names == ("left", "right")
    assert Box((0, 0, 0), (1, 1, 1)).names == ("left", "right", "front", "back", "bottom", "top")
    assert Box([0] * 4, [1] * 4).names[:3] == ("low0", "high0", "low1")
    assert Polygon(CORNER).names == tuple(f"side {i}" for i in range(1, 7))
    named = Polygon(CORNER, ["a", "b", "b", "b", "c", "d"])
    assert named.names == ("a", "b", "c", "d")
    assert named.measure("b").value == 3.0
    assert SHAPES["two disks"][0].names == ("first boundary", "second boundary")
    assert SHAPES["square of triangles"][0].names == ("floor", "rest")
    ring = SHAPES["ring"][0].renamed({"hole": "wire"})
    assert ring.names == ("rim", "wire")
    inlet = ring.cut("slot", "wire", lambda x, y: y)
    assert inlet.names == ("rim", "slot", "wire")
    assert inlet.measure("slot").value == pytest.approx(math.pi / 2, rel=1e-3)


def test_boundary_is_one_piece_or_none():
    assert Disk((0, 0), 1.0).select("boundary") == ("boundary",)
    assert Disk((0, 0), 1.0, "rim").select("boundary") == ("rim",)
    assert Box((0, 0), (1, 1)).select("all") == ("left", "right", "bottom", "top")
    with pytest.raises(InputError, match="got 'boundary'; its pieces are left, right, bottom, top"):
        Box((0, 0), (1, 1)).select("boundary")
    with pytest.raises(InputError, match=r"got 'second top', of which .* left nothing"):
        SHAPES["square less a corner"][0].select("second top")
    with pytest.raises(InputError, match="different pieces"):
        Box((0, 0), (1, 1)).select(("left", "left"))


def test_a_boundary_that_two_parts_share_is_counted_once():
    # The square is cut away along its right side by a neighbour that only touches it.
    shape = Box((0, 0), (1, 1)) - Box((1, 0), (2, 1))
    assert shape.names == ("first left", "first right", "first bottom", "first top") or (
        shape.names == ("left", "right", "bottom", "top")
    )
    assert shape.measure("all").value == 4.0


def test_mesh_files_and_distances(tmp_path):
    square_mesh().write(tmp_path / "square.msh")
    shape = Meshed.read(tmp_path / "square.msh")
    assert shape.names == ("floor", "rest")
    box = Box((0, 0), (1, 1))
    points = -0.5 + 2 * even_points(300, 2)
    assert np.abs(shape.signed_distance(points) - box.signed_distance(points)).max() < 1e-12
    assert np.abs(shape.distance(points, "floor") - points[:, 1]).max() < 1e-12
    cube, mesh = Box((0, 0, 0), (1, 2, 3)), Meshed(cube_mesh())
    points = -0.5 + 4 * even_points(300, 3)
    assert np.abs(mesh.signed_distance(points) - cube.signed_distance(points)).max() < 1e-12


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: Interval(1, 1), "low < high"),
        (lambda: Box((0, 0), (1,)), "two corners"),
        (lambda: Ball((0.0,), 1.0), "two dimensions"),
        (lambda: Disk((0, 0, 0), 1.0), "plane"),
        (lambda: Disk((0, 0), 0.0), "radius"),
        (lambda: Polygon([(0, 0), (1, 1)]), "three corners"),
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "cross"),
        (lambda: Polygon([(0, 0), (2, 0), (1, 0), (1, 1)]), "cross or touch"),
        (lambda: Polygon([(0, 0), (1, 0), (0, 1)], ["a"]), "name for each"),
        (lambda: Disk((0, 0), 1.0) | Interval(0, 1), "one dimension"),
        (lambda: Disk((0, 0), 1.0) & Disk((3, 0), 1.0), "empty"),
        (lambda: Disk((0, 0), 1.0) - Disk((0, 0), 2.0), "empty"),
        (lambda: Disk((0, 0), 1.0).contains(np.zeros((4, 3))), r"shape \(n, 2\)"),
        (lambda: Box((0, 0), (1, 1)).renamed({"up": "top"}), "got 'up'"),
        (lambda: Box((0, 0), (1, 1)).renamed({"top": "left"}), "different names"),
        (lambda: Box((0, 0), (1, 1)).renamed({"top": "all"}), "none of them"),
        (lambda: Box((0, 0), (1, 1)).cut("in", "left", lambda x, y: y + 1), "got all"),
        (lambda: Box((0, 0), (1, 1)).cut("in", "left", lambda x, y: y < 0), "got nothing"),
        (
            lambda: Box((0, 0), (1, 1)).cut("in", "left", lambda x, y: y < 0.5)
            .distance(np.ones((1, 2)), "in"),
            "numbers that are positive",
        ),
        (lambda: Box((0, 0), (1, 1)).on_boundary("all", np.ones((3, 2))), "a point for each"),
        (
            lambda: (Polygon(CORNER) | Disk((0, 0), 1)).distance(np.ones((1, 2)), "boundary"),
            "convex",
        ),
        (
            lambda: Meshed(Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], {"triangle": [[0, 1, 2]]})),
            "fills the plane or space",
        ),
        (
            lambda: Meshed(
                Mesh(square_mesh().points, square_mesh().cells, {"in": {"line": [[0, 6]]}})
            ).names,
            "outer facets",
        ),
    ],
)  # fmt: skip
def test_refuses(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_shapes_cost_no_heavy_import():
    code = "import sys, sobolev.geometry.shapes; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "scipy", "meshio", "numba"} & set(done.stdout.split())


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (1.0, -2.0, 0.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_ball_takes_points_whole_or_column_by_column(centre, dtype):
    ball = Ball(centre, 2.0)
    points = ball.interior(even_points(30, 3).astype(dtype))
    (sphere,) = ball.pieces.values()
    by_column = sphere.distance(list(points.T))
    for whole in (points, torch.from_numpy(points)):
        found = sphere.distance(Columns(whole))
        assert str(found.dtype).endswith(np.dtype(dtype).name)
        assert np.abs(np.asarray(found) - by_column).max() < 8 * np.finfo(dtype).eps


def test_balls_in_a_thousand_dimensions_have_an_inside_and_a_boundary():
    ball = Ball((0.0,) * 1000, 1.0)
    unit = np.random.default_rng(0).random((20, 1000))
    assert ball.contains(ball.interior(unit)).all()
    points, normals = ball.on_boundary("all", unit)
    assert np.abs(ball.signed_distance(points)).max() < 1e-12
    assert np.abs((points * normals).sum(axis=1) - 1.0).max() < 1e-12
