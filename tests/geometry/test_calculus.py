"""One residual, read three ways: the readings agree with each other and with closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

from sobolev.datasets.problems.burgers import Burgers
from sobolev.datasets.problems.darcy import Darcy
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.autograd import AutogradCalculus
from sobolev.geometry.calculus.base import spell
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.calculus.symbols import SymbolicCalculus, latex, manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid


class Nonlinear:
    """div(k(u) grad u) + x u_t: a function of u, an expression under d, a coordinate."""

    coordinates = ("t", "x", "y")

    def residual(self, u, d, x, p):
        k = fn.exp(-u) * p.scale + fn.sqrt(1 + u**2)
        return d.diffusion(k, u) + x["x"] * d(u, "t") - d(fn.sin(u), "xy")


def exact(t, x, y):
    return fn.sin(x + 0.3) * fn.cos(2 * y) * fn.exp(-t)


def points(n=40):
    rng = np.random.default_rng(0)
    return [torch.tensor(rng.uniform(0, 1, n), requires_grad=True) for _ in range(3)]


def test_autograd_reads_what_sympy_reads():
    equation, (t, x, y) = Nonlinear(), points()
    made = manufactured_source(equation, exact, {"scale": sp.Rational(7, 10)})
    wanted = made.source_at(t=t.detach(), x=x.detach(), y=y.detach())
    d = AutogradCalculus({"t": t, "x": x, "y": y})
    got = equation.residual(exact(t, x, y), d, d.points, SimpleNamespace(scale=0.7))
    np.testing.assert_allclose(got.detach(), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("scheme", "order"), [("fd2", 2), ("fd4", 4)])
def test_grid_reading_converges_to_the_symbolic_one(scheme, order):
    problem = Burgers()
    made = manufactured_source(problem, lambda t, x: fn.sin(x + 2 * t), {"viscosity": 0.1})
    errors, sizes = [], (24, 48, 96, 192)
    for n in sizes:
        grid = Grid(((0.0, 1.0), (0.0, 2.0)), (n, n), names=("t", "x"))
        t, x = grid.coordinates()
        d = GridCalculus(grid, scheme=scheme)
        p = problem.parameters({"u0": None, "viscosity": np.array([0.1])}, 2)
        residual = problem.residual(np.sin(x + 2 * t)[None], d, {"t": t, "x": x}, p)
        errors.append(np.abs(residual[0] - made.source_at(t=t, x=x)).max())
    fitted = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(fitted - order) < 0.2


def test_spectral_reading_reaches_rounding():
    problem = Darcy()
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), periodic=True)
    x, y = grid.coordinates()
    w = 2 * np.pi

    def u_of(x, y):
        return fn.sin(w * x) * fn.cos(w * y)

    def a_of(x, y):
        return 2 + fn.cos(w * x)

    made = manufactured_source(problem, u_of, {"a": a_of, "f": 0})
    residual = problem.residual(
        u_of(x, y), GridCalculus(grid), {}, SimpleNamespace(a=a_of(x, y), f=0.0)
    )
    scale = np.abs(made.source_at(x=x, y=y)).max()
    assert np.abs(residual - made.source_at(x=x, y=y)).max() / scale < 1e-12


def test_manufactured_source_of_a_named_right_hand_side():
    made = manufactured_source(
        Darcy(), lambda x, y: x * (1 - x) * y * (1 - y), {"a": lambda x, y: 1 + x}, source="f"
    )
    x, y = sp.symbols("x y", real=True)
    u = x * (1 - x) * y * (1 - y)
    wanted = -sp.diff((1 + x) * sp.diff(u, x), x) - (1 + x) * sp.diff(u, y, 2)
    assert sp.expand(made.source - wanted) == 0
    assert made.exact_at(x=np.zeros(3), y=0.5).shape == (3,)


def test_source_that_is_not_affine_is_refused():
    class Squared:
        coordinates = ("x",)

        def residual(self, u, d, x, p):
            return d(u, "x") - p.f**2

    with pytest.raises(InputError, match="affinely"):
        manufactured_source(Squared(), lambda x: x, source="f")


def test_latex_of_the_problems():
    assert latex(Burgers(), scalars=["viscosity"]) == r"u_{t} + u u_{x} - \nu u_{xx} = 0"
    darcy = latex(Darcy(), fields=["a"], scalars=["f"])
    wanted = r"- \partial_{x} \left(a u_{x}\right) - \partial_{y} \left(a u_{y}\right) - f = 0"
    assert darcy == wanted


def test_high_dimension_is_one_line():
    names = tuple(f"x{i}" for i in range(6))
    d = SymbolicCalculus(names)
    u = sum(s**2 for s in d.symbols.values())
    assert d.laplacian(u) == 12
    assert d.divergence(d.gradient(u)) == 12
    with pytest.raises(InputError, match="expected 6 components, got 2"):
        d.divergence((u, u))
    assert d(u, "x3") == 2 * d.symbols["x3"]
    assert d(u, "x3", "x3") == 2


def test_spelling():
    assert spell("xx", ("t", "x")) == ("x", "x")
    with pytest.raises(InputError, match="expected a derivative along"):
        spell("xz", ("t", "x"))
    with pytest.raises(InputError, match="can be read as"):
        SymbolicCalculus(("x", "y", "xy"))


def test_functions_dispatch_and_offer_a_door_to_other_types():
    class Jet:
        def calculus_function(self, name):
            return f"jet of {name}"

    assert fn.tanh(Jet()) == "jet of tanh"
    assert isinstance(fn.tanh(torch.ones(2)), torch.Tensor)
    assert fn.exp(sp.Symbol("x")) == sp.exp(sp.Symbol("x"))
    assert fn.log(1.0) == 0.0


def test_autograd_traps():
    t = torch.linspace(0, 1, 5, dtype=torch.float64).requires_grad_()
    d = AutogradCalculus({"t": t})
    with pytest.raises(InputError, match="without a graph"):
        d(torch.ones(5), "t")
    with pytest.raises(InputError, match="complex"):
        d(t * 1j, "t")
    with pytest.raises(InputError, match="requires_grad"):
        AutogradCalculus({"t": torch.ones(3)})
    assert torch.equal(d(2 * t, "tt"), torch.zeros(5, dtype=torch.float64))
    assert d(3.0, "t") == 0.0


def test_autograd_remembers_shared_steps():
    t = torch.linspace(0, 1, 5, dtype=torch.float64).requires_grad_()
    d = AutogradCalculus({"t": t})
    u = torch.sin(t)
    assert d(u, "t") is d(u, "t")
    torch.testing.assert_close(d(u, "tttt"), u)


def test_grid_traps():
    grid = Grid(((0.0, 1.0),), (16,), periodic=True)
    u = np.sin(2 * np.pi * grid.axes[0])
    d = GridCalculus(grid, time_derivative=(u, -u))
    assert d(u, "t") is d.time_derivative[1]
    np.testing.assert_allclose(d(u, "tx"), -d(u, "x"), atol=1e-12)
    with pytest.raises(InputError, match="no derivative in t"):
        d(u**2, "t")
    with pytest.raises(InputError, match="first derivative"):
        d(u, "tt")
    with pytest.raises(InputError, match="trailing shape"):
        d(np.ones((3, 1)), "x")


def test_scalars_are_declared_and_never_read_off_a_shape():
    n = 16
    p = Burgers().parameters({"u0": np.ones((n, n)), "viscosity": np.arange(n)}, 1)
    assert p.viscosity.shape == (n, 1)
    with pytest.raises(InputError, match="viscosity"):
        Burgers().parameters({"u0": np.ones((n, n))}, 1)


def test_flux_form_sees_the_checkerboard_where_the_wide_stencil_is_blind():
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (16, 16))
    i, j = np.indices(grid.shape)
    board = np.where((i + j) % 2, 1.0, -1.0)
    d = GridCalculus(grid, scheme="fd2")
    inside = (slice(3, -3), slice(3, -3))
    wide = d(d(board, "x"), "x") + d(d(board, "y"), "y")
    assert np.abs(wide[inside]).max() < 1e-9
    assert np.abs(d.diffusion(np.ones(grid.shape), board)[inside]).min() > 1.0


def test_minimum_of_arrays_tensors_symbols_and_numbers():
    from sobolev.geometry.calculus.functions import minimum

    assert minimum(2, 1) == 1
    np.testing.assert_array_equal(minimum(np.array([1.0, 3.0]), 2), [1.0, 2.0])
    a = torch.tensor([1.0, 3.0], requires_grad=True)
    for least in (minimum(a, 2), minimum(2, a)):
        assert least.tolist() == [1.0, 2.0]
    (slope,) = torch.autograd.grad(minimum(a, 2).sum(), a)
    assert slope.tolist() == [1.0, 0.0]
    x = sp.Symbol("x")
    assert minimum(x, 1) == sp.Min(1, x)


def test_equations_are_printed_for_readers():
    class Layered:
        coordinates = ("t", "x", "y")

        def residual(self, u, d, x, p):
            psi1, T = u
            first = d(psi1, "t") + p.speed * d(psi1, "x") - d.laplacian(T**2 - d.laplacian(T))
            return first, T - fn.sin(2 * np.pi * x["x"]) - 200.0

    assert latex(Layered(), ("psi1", "T"), (), ("speed",)) == (
        r"\psi_{1,t} + speed \psi_{1,x} - \Delta \left(- T_{xx} - T_{yy} + T^{2}\right) = 0"
        r" \\ -200 - \sin{\left(2 \pi x \right)} + T = 0"
    )
