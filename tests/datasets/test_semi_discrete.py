"""Equations for the engines, read from residuals: they do what the hand-written ones do."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from sobolev.datasets.periodic import PeriodicProblem
from sobolev.datasets.problem import Variable
from sobolev.datasets.registry import make_problem, problems
from sobolev.datasets.semi_discrete import spectral_equation, stencil_equation, traced
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.spectral.equation import resolve
from sobolev.solvers.spectral.modes import Modes
from sobolev.solvers.stencils import equations
from sobolev.solvers.stencils.integrate import integrate


@dataclass(frozen=True)
class Stated:
    """What the reading needs of a problem: names and the residual."""

    name: str
    unknowns: tuple
    scalars: tuple
    coordinates: ClassVar = ("t", "x", "y")
    fields: ClassVar = ()

    @property
    def inputs(self):
        return (
            *(Variable(f"{name}0") for name in self.unknowns),
            *(Variable(name) for name in self.fields),
            *(Variable(name, kind="scalar") for name in self.scalars),
        )

    @property
    def outputs(self):
        return tuple(map(Variable, self.unknowns))

    def constants(self):
        return {}


class Heat(Stated):
    def residual(self, u, d, x, p):
        return d(u, "t") - p.diffusivity * d.laplacian(u)


class Wave(Stated):
    def residual(self, w, d, x, p):
        return d(w[0], "t") - w[1], d(w[1], "t") - p.speed**2 * d.laplacian(w[0])


class GrayScott(Stated):
    def residual(self, w, d, x, p):
        u, v = w
        reaction = u * v * v
        return (
            d(u, "t") - p.diffusivity_u * d.laplacian(u) + reaction - p.feed * (1 - u),
            d(v, "t") - p.diffusivity_v * d.laplacian(v) - reaction + (p.feed + p.kill) * v,
        )


class FitzHughNagumo(Stated):
    def residual(self, w, d, x, p):
        u, v = w
        return (
            d(u, "t") - p.diffusivity_u * d.laplacian(u) - u + u**3 + p.k + v,
            d(v, "t") - p.diffusivity_v * d.laplacian(v) - u + v,
        )


class Burgers(Stated):
    coordinates = ("t", "x")

    def residual(self, u, d, x, p):
        return d(u, "t") + u * d(u, "x") - p.viscosity * d(u, "xx")


PAIRS = [
    (Heat("heat", ("u",), ("diffusivity",)), equations.HEAT),
    (Wave("wave", ("u", "v"), ("speed",)), equations.WAVE),
    (GrayScott("gray_scott", ("u", "v"), equations.GRAY_SCOTT.parameters), equations.GRAY_SCOTT),
    (
        FitzHughNagumo("fitzhugh_nagumo", ("u", "v"), equations.FITZHUGH_NAGUMO.parameters),
        equations.FITZHUGH_NAGUMO,
    ),
    (Burgers("burgers", ("u",), ("viscosity",)), equations.BURGERS),
]


@pytest.mark.parametrize(("problem", "written"), PAIRS, ids=lambda item: item.name)
def test_traced_equations_are_the_written_ones(problem, written):
    found = stencil_equation(problem).equation
    assert (found.fields, found.terms) == (written.fields, written.terms)
    assert found.parameters == written.parameters
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((20, found.rates.__code__.co_argcount))
    for row in numbers:
        np.testing.assert_allclose(found.rates(*row), written.rates(*row), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_engine_runs_them(dtype):
    problem, written = PAIRS[4]
    grid = Grid(((0.0, 1.0),), (64,), periodic=True)
    u0 = np.sin(2 * np.pi * grid.axes[0])[None]
    times, numbers = np.linspace(0, 0.1, 3), {"viscosity": 0.05}
    same = [
        integrate(equation, u0, times, grid, numbers, dt=1e-3, dtype=dtype).fields
        for equation in (stencil_equation(problem).equation, written)
    ]
    np.testing.assert_allclose(*same, atol=20 * np.finfo(dtype).eps)
    assert np.abs(same[0][0, -1] - u0[0]).max() > 0.1


class Transport(Stated):
    """Given fields under derivatives, and coordinates."""

    fields = ("a",)

    def residual(self, u, d, x, p):
        return d(u, "t") - d.diffusion(p.a, u) + fn.sin(x["x"]) * p.c * u


def test_coefficients_are_made_from_the_fields_of_the_problem():
    problem = Transport("transport", ("u",), ("c",))
    grid = Grid(((0.0, 2 * np.pi), (0.0, 2 * np.pi)), (16, 24), periodic=True)
    x, y = grid.coordinates()
    a = np.stack([2 + np.sin(x) * np.cos(y), 3 + np.cos(x + y)])
    found = stencil_equation(problem)
    assert set(found.equation.coefficients) == {"a", "a_x", "a_y", "given"}
    values = found.coefficients({"a": a}, grid)
    np.testing.assert_array_equal(values["a"], a)
    np.testing.assert_allclose(values["a_x"][0], np.cos(x) * np.cos(y), atol=1e-12)
    np.testing.assert_allclose(values["a_y"][1], -np.sin(x + y), atol=1e-12)
    np.testing.assert_allclose(values["given"], np.sin(x), atol=1e-15)
    assert found.equation.parameters == ("c",)


def test_constants_are_parameters_but_whole_numbers_are_written_in():
    class Porous(Stated):
        def residual(self, u, d, x, p):
            return d(u, "t") - p.k * d.laplacian(u**p.m)

        def constants(self):
            return {"m": 3, "k": 0.5}

    found = traced(Porous("porous", ("u",), ()))
    assert found.parameters == ("k",)
    assert stencil_equation(Porous("porous", ("u",), ())).equation.rates(
        2.0, *(1.0,) * 3, 0.5
    ) == pytest.approx(0.5 * (3 * 4 * 1 + 6 * 2 * (1 + 1)))


def test_stencils_know_no_time():
    class Forced(Stated):
        def residual(self, u, d, x, p):
            return d(u, "t") - fn.cos(x["t"])

    with pytest.raises(InputError, match="without the time"):
        stencil_equation(Forced("forced", ("u",), ()))


class Schroedinger(Stated):
    """i z_t + z_xx / 2 + |z|^2 z = i z_x, z = u + iv, the second row with the rate of u."""

    coordinates = ("t", "x")

    def residual(self, w, d, x, p):
        u, v = w
        size = u * u + v * v
        return (
            d(u, "t") + d(v, "xx") / 2 + size * v - d(u, "x"),
            d(v, "t") - d(u, "xx") / 2 - size * u - d(v, "x"),
        )


class CahnHilliard(Stated):
    def residual(self, u, d, x, p):
        return d(u, "t") - d.laplacian(u**3 - u - p.width**2 * d.laplacian(u))


class Forced(Stated):
    """A source, a coefficient, and the same field in both."""

    fields = ("f",)

    def residual(self, w, d, x, p):
        u, v = w
        return (
            d(u, "t") + u * d(u, "y") - d(v, "xx") - 2 * p.f,
            d(v, "t") + p.f * u * v - p.c * fn.cos(x["y"]) - p.f,
        )


class Grown(GridCalculus):
    """The grid reading in which all rates are zero, so that a residual is -F."""

    def derivative(self, expression, along):
        return 0.0 * expression if "t" in along else super().derivative(expression, along)


def by_engine(found, grid, u, fields, numbers):
    """F(u), (fields, *grid.shape), from what the spectral engine is given, step by step."""
    equation, given = found.equation, found.coefficients(fields, grid)
    pairs = equation.complex_valued
    z = u[:1] + 1j * u[1:] if pairs else u
    modes = Modes(grid, equation.degree, False, pairs)
    parts = resolve(equation, modes, {name: np.asarray(v) for name, v in numbers.items()}, 1)
    u_hat = modes.forward(z).reshape(len(z), -1)
    slopes = parts.linear[0] * u_hat
    w = np.zeros((parts.count_in, modes.size), dtype=complex)
    for target, source, symbol in parts.inputs:
        w[target] += symbol[0] * u_hat[source]
    for target, source, symbol in parts.coupling:
        slopes[target] += symbol[0] * u_hat[source]
    if equation.rates:
        at = modes.inverse(w.reshape(-1, *modes.shape))
        at = [part for row in at for part in ((row.real, row.imag) if pairs else (row,))]
        names = [given[n] for n in equation.given] + [numbers[n] for n in equation.parameters]
        g = equation.rates(*at, *names)
        g = np.stack(g if isinstance(g, tuple) else (g,)) + np.zeros(grid.shape)
        g_hat = modes.forward(g[::2] + 1j * g[1::2] if pairs else g).reshape(-1, modes.size)
        for target, source, symbol in parts.outputs:
            slopes[target] += symbol[0] * g_hat[source]
    result = modes.inverse(slopes.reshape(-1, *modes.shape))
    result = np.concatenate([result.real, result.imag]) if pairs else result
    for field, name in equation.sources:
        result[equation.fields.index(field)] += given[name]
    return result


@pytest.mark.parametrize(
    "problem",
    [
        PAIRS[0][0], PAIRS[1][0], PAIRS[2][0], PAIRS[4][0],
        Schroedinger("schroedinger", ("u", "v"), ()),
        CahnHilliard("cahn_hilliard", ("u",), ("width",)),
        Forced("forced", ("u", "v"), ("c",)),
    ],
    ids=lambda problem: problem.name,
)  # fmt: skip
def test_what_the_spectral_engine_gets_is_the_grid_reading_to_rounding(problem):
    found = spectral_equation(problem)
    assert found.equation.complex_valued == (problem.name == "schroedinger")
    grid = Grid(
        ((0.0, 3.0),) * (len(problem.coordinates) - 1), (33,) * (len(problem.coordinates) - 1), True
    )
    scalars = {name: 0.5 + 0.1 * i for i, name in enumerate(problem.scalars)}
    agrees(problem, found, grid, scalars)


def agrees(problem, found, grid, numbers):
    """The engine's F is that of the grid reading, on fields of two waves an axis."""
    rng = np.random.default_rng(0)
    length = grid.lengths[0]

    def smooth():
        axes = [2 * np.pi / length * values for values in grid.coordinates()]
        return 0.4 + sum(np.sin(k * a + rng.uniform(0, 6)) / k for a in axes for k in (1, 2))

    rest = problem.inputs[len(problem.outputs) :]
    u = np.stack([smooth() for _ in problem.outputs])
    fields = {variable.name: smooth() for variable in rest if variable.kind == "field"}
    x = dict(zip(grid.names, grid.coordinates(), strict=True))
    d = Grown(grid, time_derivative=(None, None))
    p = SimpleNamespace(**fields, **numbers)
    residual = problem.residual(tuple(u) if len(u) > 1 else u[0], d, x, p)
    wanted = -np.stack(np.broadcast_arrays(*(residual if len(u) > 1 else [residual])))
    got = by_engine(found, grid, u, fields, numbers)
    assert np.abs(got - wanted).max() < 1e-10 * np.abs(wanted).max()


def registered():
    """Periodic problems whose equation is read from their residual."""
    names = [name for name in problems.names() if issubclass(problems.get(name), PeriodicProblem)]
    own = [n for n in names if "right_hand_side" not in vars(problems.get(n))]
    return [name for name in own if not spectral_equation(make_problem(name)).equation.timed]


@pytest.mark.parametrize("name", registered())
def test_the_equation_of_a_registered_problem_is_its_residual(name):
    problem = make_problem(name)
    found = problem.right_hand_side
    numbers = problem.constants() | {
        v.name: 0.3 + 0.1 * i for i, v in enumerate(problem.inputs) if v.kind == "scalar"
    }
    points = {1: 65, 2: 33, 3: 17}[len(problem.coordinates) - 1]
    agrees(problem, found, problem.grid(points), numbers)
