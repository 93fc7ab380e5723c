"""The tracing reading: what it finds, what it refuses, and that it agrees with the grid reading."""

from types import SimpleNamespace

import numpy as np
import pytest

from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.algebra import Expression, Symbol, evaluate, expression, pointwise
from sobolev.geometry.calculus.forms import spectral_form, stencil_form
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.calculus.tracing import trace
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

LENGTH = 2 * np.pi


class Equation:
    """A residual with the names that it reads."""

    def __init__(self, residual, space=("x",), unknowns=("u",), fields=(), scalars=()):
        self.coordinates = ("t", *space)
        self.given = residual
        self.unknowns, self.fields, self.scalars = unknowns, fields, scalars

    def residual(self, u, d, x, p):
        return self.given(u, d, x, p)

    def trace(self):
        return trace(self, self.unknowns, self.fields, self.scalars)


def burgers(u, d, x, p):
    return d(u, "t") + u * d(u, "x") - p.viscosity * d(u, "xx")


def sivashinsky(u, d, x, p):
    return d(u, "t") + d.sum(lambda i: d(u, i) ** 2) / 2 + d.laplacian(u + d.laplacian(u))


def gardner(u, d, x, p):
    return 2 * d(u, "t") + (6 * u - p.c * u**2) * d(u, "x") + d(u, "xxx")


def cahn_hilliard(u, d, x, p):
    return d(u, "t") - d.laplacian(u**3 - u - p.width**2 * d.laplacian(u))


def gray_scott(w, d, x, p):
    u, v = w
    reaction = u * v**2
    return (
        d(u, "t") - 0.2 * d.laplacian(u) + reaction - p.feed * (1 - u),
        d(v, "t") - 0.1 * d.laplacian(v) - reaction + (p.feed + p.kill) * v,
    )


def schroedinger(w, d, x, p):
    u, v = w
    return (
        d(v, "t") - d(u, "xx") / 2 - (u * u + v * v) * u,
        d(u, "t") + d(v, "xx") / 2 + (u * u + v * v) * v,
    )


def burgers_2d(w, d, x, p):
    u, v = w
    return tuple(
        d(c, "t") + u * d(c, "x") + v * d(c, "y") - p.viscosity * d.laplacian(c) for c in w
    )


def shallow_water(w, d, x, p):
    h, m = w
    return d(h, "t") + d(m, "x"), d(m, "t") + d(m**2 / h + h**2 / 2, "x")


def variable(u, d, x, p):
    k = fn.exp(-u) * p.c + fn.sqrt(1 + u**2)
    return (
        p.c * d(u, "t")
        - d.diffusion(p.a, u)
        - d.divergence([k * slope for slope in d.gradient(u)])
        + p.a * d(p.f, "xy") * fn.tanh(p.f * u)
        - fn.cos(x["x"]) * p.f
        - u / (1 + u**2)
        - u * d(u * d(u, "x"), "y")
    )


EQUATIONS = {
    "burgers": Equation(burgers, scalars=("viscosity",)),
    "kuramoto_sivashinsky_3d": Equation(sivashinsky, ("x", "y", "z")),
    "gardner": Equation(gardner, scalars=("c",)),
    "cahn_hilliard_2d": Equation(cahn_hilliard, ("x", "y"), scalars=("width",)),
    "gray_scott": Equation(gray_scott, ("x", "y"), ("u", "v"), scalars=("feed", "kill")),
    "schroedinger": Equation(schroedinger, unknowns=("u", "v")),
    "burgers_2d": Equation(burgers_2d, ("x", "y"), ("u", "v"), scalars=("viscosity",)),
    "shallow_water": Equation(shallow_water, unknowns=("h", "m")),
    "variable": Equation(variable, ("x", "y"), fields=("a", "f"), scalars=("c",)),
}


def smooth(rng, grid):
    """A random field of two waves an axis, about one and positive."""
    result = np.ones(grid.shape)
    for values in grid.coordinates():
        for k in (1, 2):
            result = result + 0.15 / k * np.sin(k * values + rng.uniform(0, LENGTH))
    return result


def sample(equation, n):
    """Grid, and random values of all names; unknown names first."""
    rng = np.random.default_rng(1)
    space = equation.coordinates[1:]
    grid = Grid(((0.0, LENGTH),) * len(space), (n,) * len(space), periodic=True)
    values = {name: smooth(rng, grid) for name in (*equation.unknowns, *equation.fields)}
    return grid, values | {name: rng.uniform(0.5, 1.5) for name in equation.scalars}


class Rates(GridCalculus):
    """The grid reading in which the rate of every unknown is zero: residual = -F there."""

    def derivative(self, expression, along):
        return 0.0 * expression if "t" in along else super().derivative(expression, along)


def by_grid(equation, grid, values):
    """-residual without rates, one array an equation of the system, from the grid reading."""
    u = tuple(values[name] for name in equation.unknowns)
    x = dict(zip(grid.names, grid.coordinates(), strict=True))
    residual = equation.residual(
        u[0] if len(u) == 1 else u,
        Rates(grid, time_derivative=(None, None)),
        x,
        SimpleNamespace(**values),
    )
    rows = residual if isinstance(residual, tuple) else (residual,)
    return [-np.asarray(row) for row in rows]


def compiled(text, name):
    scope = {"np": np}
    exec(text, scope)
    return scope[name]


def coefficients(form, grid, values):
    d, x = GridCalculus(grid), dict(zip(grid.names, grid.coordinates(), strict=True))

    def value(symbol):
        found = x if symbol.kind == "coordinate" else values
        return d.derivative(found[symbol.name], symbol.along)

    return {given.name: evaluate(given.value, value) for given in form.coefficients}


def by_spectral_form(form, grid, values):
    d = GridCalculus(grid)
    numbers = [values[name] for name in form.parameters]
    inputs = [d.derivative(values[name], word) for name, word in form.inputs]
    products = ()
    if form.text:
        added = {name for _, name in form.sources}
        given = [v for name, v in coefficients(form, grid, values).items() if name not in added]
        products = compiled(form.text, form.name)(*inputs, *given, *numbers)
        products = products if isinstance(products, tuple) else (products,)
    rates = []
    for linear, outer in zip(form.linear, form.outer, strict=True):
        total = np.zeros(grid.shape)
        for (name, word), factor in linear.items():
            number = evaluate(factor, lambda symbol: values[symbol.name])
            total += number * d.derivative(values[name], word)
        for index, word, number in outer:
            total += number * d.derivative(products[index] + np.zeros(grid.shape), word)
        rates.append(total)
    known = coefficients(form, grid, values)
    for name, coefficient in form.sources:
        rates[form.unknowns.index(name)] += known[coefficient]
    return rates


def by_stencil_form(form, grid, values):
    d = GridCalculus(grid)

    def term(name, word):
        if word == "laplacian":
            return d.laplacian(values[name])
        if word == "bilaplacian":
            return d.laplacian(d.laplacian(values[name]))
        return d(values[name], word)

    rates = compiled(form.text, form.name)(
        *(values[name] for name in form.unknowns),
        *(term(name, word) for name, word in form.terms),
        *coefficients(form, grid, values).values(),
        *(values[name] for name in form.parameters),
    )
    return rates if isinstance(rates, tuple) else (rates,)


@pytest.mark.parametrize("name", EQUATIONS)
def test_both_forms_are_the_grid_reading_to_rounding(name):
    equation = EQUATIONS[name]
    n = {1: 96, 2: 96, 3: 24}[len(equation.coordinates) - 1]
    grid, values = sample(equation, n)
    wanted = by_grid(equation, grid, values)
    if name == "gardner":
        wanted = [rate / 2 for rate in wanted]
    if name == "schroedinger":  # its rows have the rates of v and u, in this order
        wanted = wanted[::-1]
    if name == "variable":
        wanted = [rate / values["c"] for rate in wanted]
    evolution = equation.trace()
    for rates in (
        by_spectral_form(spectral_form(evolution), grid, values),
        by_stencil_form(stencil_form(evolution), grid, values),
    ):
        assert len(rates) == len(wanted)
        for rate, exact in zip(rates, wanted, strict=True):
            assert np.abs(rate - exact).max() < 1e-10 * np.abs(exact).max()


def test_products_take_the_fewest_transforms():
    form = spectral_form(EQUATIONS["gardner"].trace())
    assert form.inputs == (("u", ()),)
    assert form.outer == (((0, ("x",), 1.0),),)
    assert form.degree == 3
    products = compiled(form.text, form.name)
    assert products(0.5, 0.7) == pytest.approx(-1.5 * 0.25 + 0.7 / 6 * 0.125)
    # Here both ways take eight transforms, and the residual is left as it was written.
    assert len(spectral_form(EQUATIONS["burgers_2d"].trace()).inputs) == 6


def test_a_flux_stays_a_flux():
    def kept(u, d, x, p):
        return d(u, "t") + d(u**2 / 2, "x") - d.laplacian(u**3 - u)

    form = spectral_form(Equation(kept, ("x", "y")).trace())
    assert form.inputs == (("u", ()),)
    assert form.outer == (((0, ("x",), 1.0), (1, ("x", "x"), 1.0), (1, ("y", "y"), 1.0)),)


def test_products_of_two_unknowns_are_integrated_where_all_of_the_derivative_is_there():
    def transport(w, d, x, p):
        u, v = w
        return d(u, "t") + p.c * (u * d(v, "x") + v * d(u, "x")), d(v, "t") + d(v, "x")

    form = spectral_form(Equation(transport, unknowns=("u", "v"), scalars=("c",)).trace())
    assert form.inputs == (("u", ()), ("v", ()))
    assert form.outer == (((0, ("x",), 1.0),), ())
    assert form.linear[1] == {("v", ("x",)): expression(-1)}


def test_equations_share_what_they_have_in_common():
    def reaction(w, d, x, p):
        u, v = w
        return d(u, "t") + u * v**2, d(v, "t") - 2 * u * v**2

    form = spectral_form(Equation(reaction, unknowns=("u", "v")).trace())
    assert form.outer == (((0, (), 1.0),), ((0, (), -2.0),))


def test_stencils_get_laplacians():
    assert stencil_form(EQUATIONS["cahn_hilliard_2d"].trace()).terms == (
        ("u", "bilaplacian"), ("u", "laplacian"), ("u", "x"), ("u", "y"),
    )  # fmt: skip
    one_way = Equation(lambda u, d, x, p: d(u, "t") - 2 * d(u, "xx") - d(u, "yy"), ("x", "y"))
    assert stencil_form(one_way.trace()).terms == (("u", "xx"), ("u", "yy"))


def test_coefficients_are_worked_out_once():
    form = spectral_form(EQUATIONS["variable"].trace())
    names = [given.name for given in form.coefficients]
    assert names[0] == "a"
    assert len(set(names)) == len(names)
    assert form.degree is None
    assert not form.timed

    def forced(u, d, x, p):
        return d(u, "t") - d(u, "xx") - p.f - 2 * fn.sin(x["x"]) - p.c * fn.cos(x["t"])

    form = spectral_form(Equation(forced, fields=("f",), scalars=("c",)).trace())
    assert form.sources == (("u", "source"),)
    assert form.timed
    assert form.degree == 0
    assert compiled(form.text, form.name)(3.0, np.pi) == pytest.approx(-3)


def test_names_that_python_keeps_for_itself_are_written_otherwise():
    equation = Equation(
        lambda u, d, x, p: d(u, "t") - getattr(p, "lambda") * u**2 * p.u_x * d(u, "x"),
        scalars=("lambda", "u_x"),
    )
    form = stencil_form(equation.trace())
    assert compiled(form.text, form.name)(2.0, 3.0, 5.0, 7.0) == 2.0**2 * 3 * 5 * 7


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda u, d, x, p: d(u, "tt") - d(u, "xx"), "system of first order"),
        (lambda u, d, x, p: d(u, "t") + d(u, "tt"), "one derivative in time"),
        (lambda u, d, x, p: d(u, "xx"), "got none"),
        (lambda u, d, x, p: u * d(u, "t") - 1, "alone or times parameters"),
        (lambda u, d, x, p: fn.sin(d(u, "t")) - 1, "alone or times parameters"),
        (lambda u, d, x, p: d(u - d(u, "xx"), "t") + u, "one derivative in time"),
        (lambda u, d, x, p: d(d(u, "xx"), "t") + u, "system of first order"),
        (lambda u, d, x, p: (d(u, "t"), u), "expected 1 residuals"),
        (lambda u, d, x, p: d(u, "t") - (u if u > 0 else 0), "branches"),
        (lambda u, d, x, p: d(u, "t") - (u if p.c == 1 else 0), "branches"),
        (lambda u, d, x, p: d(u, "t") - np.ones(3) * u, "finite numbers"),
        (lambda u, d, x, p: d(u, "t") - u**u, "a number as exponent"),
        (lambda u, d, x, p: d(u, "t") - u / 0.0, "finite"),
        (lambda u, d, x, p: d(u, "t") - d.integral(u), "integrals"),
        (lambda u, d, x, p: d(u, "t") - d(u, "y"), "expected a derivative along"),
    ],
)
def test_what_is_no_right_hand_side_is_refused(residual, message):
    with pytest.raises(InputError, match=message):
        Equation(residual, scalars=("c",)).trace()


def test_two_equations_for_one_unknown_are_refused():
    equation = Equation(lambda w, d, x, p: (d(w[0], "t"), d(w[0], "t")), unknowns=("u", "v"))
    with pytest.raises(InputError, match="rate of v"):
        equation.trace()


def test_an_equation_without_time_is_refused():
    equation = Equation(lambda u, d, x, p: d(u, "x"))
    equation.coordinates = ("x",)
    with pytest.raises(InputError, match="in time"):
        equation.trace()


def test_numbers_are_written_as_they_are():
    class Porous:
        coordinates = ("t", "x")

        def residual(self, u, d, x, p):
            return d(u, "t") - d(u**p.m, "xx")

    form = spectral_form(trace(Porous(), numbers={"m": 4}))
    assert form.degree == 4
    assert form.parameters == ()


def test_algebra_keeps_its_rules():
    u = expression(Symbol("unknown", "u"))
    f = expression(Symbol("field", "f"))
    assert (u + f) * (u - f) == u**2 - f**2
    assert u / u == expression(1)
    assert 1 / (1 + u) * (1 + u) != expression(1)  # kept, as 1 + u may vanish
    assert (u - u).terms == {}
    assert np.float64(2) * u == u + u
    assert (2 * u) ** -2 == 0.25 * u**-2
    assert fn.exp(expression(0)) == expression(1)
    with pytest.raises(InputError, match="finite"):
        Expression({}) ** -1
    with pytest.raises(InputError, match="finite"):
        expression(float("nan"))


def test_every_elementary_function_has_its_slope():
    x = np.linspace(0.2, 0.9, 5)
    h = 1e-5
    u = expression(Symbol("coordinate", "x"))
    for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh"):
        function = getattr(fn, name)
        d = trace(
            Equation(lambda w, d, y, p, f=function: d(w, "t") - d(f(y["x"] ** 1.5), "x"))
        ).rates[0]
        got = evaluate(pointwise(d), lambda _: x)
        wanted = (function((x + h) ** 1.5) - function((x - h) ** 1.5)) / (2 * h)
        np.testing.assert_allclose(got, wanted, rtol=1e-8)
    assert u == u
