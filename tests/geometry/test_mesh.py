import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.mesh import Mesh
from sobolev.geometry.norms import norm
from sobolev.geometry.points import PointCloud

GMSH = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
2
1 7 "bottom"
2 9 "inside"
$EndPhysicalNames
$Nodes
4
1 0 0 0
2 1 0 0
3 1 1 0
4 0 1 0
$EndNodes
$Elements
4
1 1 2 7 1 1 2
2 1 2 8 2 2 3
3 2 2 9 1 1 2 3
4 2 2 9 1 1 3 4
$EndElements
"""


def square(kind, n=5):
    """[0, 1]^2 with the inner points moved about."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    inner = (x * (1 - x) * y * (1 - y) > 0) * 0.08
    x, y = x + inner * np.sin(9 * x + 4 * y), y + inner * np.cos(5 * x - y)
    number = np.arange(n * n).reshape(n, n)
    a, b = number[:-1, :-1].ravel(), number[1:, :-1].ravel()
    c, d = number[1:, 1:].ravel(), number[:-1, 1:].ravel()
    points = np.stack([x.ravel(), y.ravel()], 1)
    if kind == "quad":
        return Mesh(points, {"quad": np.stack([a, b, c, d], 1)})
    halves = [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    return Mesh(points, {"triangle": np.concatenate(halves)})


def cube():
    """[0, 1]^3 as six tetrahedra around a diagonal."""
    corners = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    paths = [(4, 6), (4, 5), (2, 6), (2, 3), (1, 5), (1, 3)]
    return Mesh(corners, {"tetra": [[0, a, b, 7] for a, b in paths]})


@pytest.mark.parametrize(
    "mesh",
    [
        square("triangle"),
        square("quad"),
        cube(),
        Mesh([[0], [0.3], [1]], {"line": [[0, 1], [1, 2]]}),
    ],
)
def test_linear_functions_are_integrated_and_differentiated_exactly(mesh):
    slope = np.array([2.0, -0.5, 3.0])[: mesh.ndim]
    u = 5 + mesh.points @ slope
    assert mesh.weights @ u == pytest.approx(5 + slope.sum() / 2, rel=1e-13)
    squared = norm(u, mesh, "H1") ** 2 - norm(u, mesh, "L2") ** 2
    assert squared == pytest.approx(slope @ slope, rel=1e-12)


def test_h1_of_bilinear_functions_on_a_quad():
    mesh = Mesh([[0, 0], [2, 0], [2, 1], [0, 1]], {"quad": [[0, 1, 2, 3]]})
    u = mesh.points[:, 0] * mesh.points[:, 1]
    squared = norm(u, mesh, "H1") ** 2 - norm(u, mesh, "L2") ** 2
    assert squared == pytest.approx(2 / 3 + 8 / 3, rel=1e-13)  # integral of y^2 + x^2


@pytest.mark.parametrize("kind", ["triangle", "quad"])
@pytest.mark.parametrize("which", ["L2", "H1"])
def test_norms_converge_with_order_two(kind, which):
    exact = {"L2": np.sqrt((1 - np.exp(-2)) ** 2 / 4), "H1": np.sqrt(3 * (1 - np.exp(-2)) ** 2 / 4)}
    sizes = (17, 25, 33, 49)
    errors = []
    for n in sizes:
        x = np.linspace(0, 1, n)
        points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
        mesh = Mesh(points, square(kind, n).cells)
        errors.append(abs(norm(np.exp(-points.sum(1)), mesh, which) - exact[which]))
    order = -np.polyfit(np.log(np.array(sizes) - 1), np.log(errors), 1)[0]
    assert order == pytest.approx(2, abs=0.2)


def test_a_surface_in_space():
    flat = square("triangle")
    x, y = flat.points.T
    turned = Mesh(np.stack([x, 0.6 * y, 0.8 * y], 1), flat.cells)
    u = np.sin(x + 2 * y)
    assert norm(u, turned, "H1") == pytest.approx(norm(u, flat, "H1"), rel=1e-13)


def test_named_boundaries_of_a_gmsh_file_survive(tmp_path):
    (tmp_path / "square.msh").write_text(GMSH)
    mesh = Mesh.read(tmp_path / "square.msh")
    assert mesh.points.shape == (4, 2)
    assert list(mesh.boundaries) == ["bottom"]
    assert mesh.boundaries["bottom"]["line"].tolist() == [[0, 1]]
    mesh.write(tmp_path / "again.msh")
    again = Mesh.read(tmp_path / "again.msh")
    assert again.boundaries["bottom"]["line"].tolist() == [[0, 1]]
    np.testing.assert_array_equal(again.domain["triangle"], mesh.domain["triangle"])


@pytest.mark.parametrize("suffix", ["vtu", "vtk", "msh"])
@pytest.mark.parametrize("mesh", [square("quad"), cube()])
def test_files_keep_points_and_cells(tmp_path, mesh, suffix, capfd):
    path = tmp_path / f"mesh.{suffix}"
    mesh.write(path)
    again = Mesh.read(path)
    np.testing.assert_allclose(again.points, mesh.points, rtol=1e-15)
    for kind, cells in mesh.cells.items():
        np.testing.assert_array_equal(again.cells[kind], cells)
    assert capfd.readouterr() == ("", "")  # meshio likes to print


@pytest.mark.parametrize("suffix", ["vtk", "vtu", "msh", "inp", "xdmf", "stl", "unknown"])
@pytest.mark.parametrize("content", [b"rubbish\n", b"", b"\x00\xff\x01" * 40])
def test_rubbish_files_are_one_line(tmp_path, suffix, content):
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected") as caught:
        Mesh.read(path)
    assert "\n" not in str(caught.value)


def test_paths_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InputError, match="not there"):
        Mesh.read(tmp_path / "none.vtu")
    for path in (tmp_path / "none" / "mesh.vtu", tmp_path / "mesh.unknown"):
        with pytest.raises(InputError, match="expected"):
            cube().write(path)


TRIANGLE = {"triangle": [[0, 1, 2]]}


@pytest.mark.parametrize(
    "points, cells",
    [
        ([[0, 0], [1, 0], [2, 0]], TRIANGLE),
        ([[0, 0], [1, 0], [0, np.nan]], TRIANGLE),
        ([0, 1, 2], TRIANGLE),
        ([[0, 0], [1, 0]], TRIANGLE),
        ([[0, 0], [1, 0], [0, 1]], {"triangle6": [[0, 1, 2, 0, 1, 2]]}),
        ([[0, 0], [1, 0], [0, 1]], {"triangle": [[0, 1]]}),
        ([[0, 0], [1, 0], [0, 1]], {"triangle": [[0.0, 1.0, 2.0]]}),
        ([[0, 0], [1, 0], [0, 1]], {"triangle": [[0, 1, -1]]}),
        ([[0, 0], [1, 0], [0, 1]], {"vertex": [[0]]}),
        ([[0, 0], [1, 0], [0, 1]], {}),
    ],
)
def test_what_is_no_mesh_is_refused(points, cells):
    with pytest.raises(InputError, match="expected"):
        Mesh(points, cells)


@pytest.mark.parametrize(
    "points, weights",
    [([0.0, 1.0], None), ([[0.0], [np.inf]], None), ([[0.0]], [1, 2]), ([[0.0]], [-1.0])],
)
def test_what_is_no_cloud_is_refused(points, weights):
    with pytest.raises(InputError, match="expected"):
        PointCloud(points, weights)


def test_norms_on_a_cloud_use_its_weights():
    cloud = PointCloud([[0.0], [1.0]], [0.25, 4.0])
    assert norm([2.0, -1.0], cloud, "L1") == 4.5
    assert norm([2.0, -1.0], cloud, "L2") == pytest.approx(np.sqrt(5))
    assert norm([2.0, -1.0], PointCloud([[0.0], [1.0]]), "L1") == 1.5
