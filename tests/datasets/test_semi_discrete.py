"""Equations for the engines, read from residuals: they do what the hand-written ones do."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from sobolev.datasets.problem import Variable
from sobolev.datasets.semi_discrete import stencil_equation, traced
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
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
    assert found.values({"c": 2.0, "other": 3.0}) == {"c": 2.0}


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
