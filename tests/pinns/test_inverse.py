"""Unknown parameters: their ranges, their place in the vector, and what data say of them."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from sobolev.datasets.problems.burgers import Burgers
from sobolev.datasets.registry import make_problem
from sobolev.geometry.errors import InputError
from sobolev.geometry.shapes import Interval
from sobolev.pinns.conditions import Data, Dirichlet, Initial
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.inverse import CoefficientField, Parameter, measured, numbers_to_find
from sobolev.pinns.pinn import train
from sobolev.pinns.result import load_result
from sobolev.pinns.statement import Statement, state_problem

QUICK = PINNConfig(
    width=8, depth=2, points=32, first_steps=20, rate=1e-2, second="ssbroyden", second_steps=120,
    refresh_every=0, weighting="fixed", threads=1,
)  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"positive": True}, {"bounds": (0.0, 5.0)}])
def test_parameters_start_where_they_are_told_and_keep_to_their_range(options):
    parameter = Parameter(2.0, **options)
    assert parameter.value == pytest.approx(2.0, abs=1e-14)
    (slope,) = torch.autograd.grad(parameter({}), parameter.raw)
    assert slope > 0
    seen = []
    for raw in (-50.0, 50.0):
        with torch.no_grad():
            parameter.raw.fill_(raw)
        seen.append(parameter.value)
    low, high = {"positive": (0, math.exp(51)), "bounds": (-1e-9, 5.0)}.get(
        next(iter(options), ""), (-51, 51)
    )
    assert low < seen[0] < seen[1] <= high


def test_coefficient_fields_start_flat_and_depend_on_their_coordinates_alone():
    field = CoefficientField({"x": (0.0, 2.0)}, start=3.0, positive=True)
    x = {n: torch.rand(9, dtype=torch.float64) for n in ("t", "x")}
    assert (field(x) - 3.0).abs().max() == 0.0
    with torch.no_grad():
        field.network.last.weight.fill_(0.3)
    values = field(x)
    assert values.std() > 1e-3
    assert values.min() > 0
    assert torch.equal(values, field({**x, "t": x["t"] + 1.0}))


def decay(rate, times=40, noise=0.01):
    """u' = -k u, u(0) = 1, seen with noise at some times; k is to be found."""
    generator = np.random.default_rng(0)
    t = generator.uniform(0.0, 2.0, times)
    u = np.exp(-0.7 * t) + noise * generator.standard_normal(times)
    return Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + p.rate * u,
        [Initial(1.0, hard=True), Data(t[:, None], u)], times=(0.0, 2.0),
        trainable={"rate": rate},
    )  # fmt: skip


def test_finds_a_rate_as_least_squares_would(tmp_path):
    start = Parameter(2.0, positive=True)
    statement = decay(start)
    result = train(statement, config=QUICK, output=tmp_path / "run")
    found = result.field.trainable["rate"].value
    (data,) = [c for c in statement.conditions if isinstance(c, Data)]
    t, u = data.points[:, 0].numpy(), data.values.numpy()
    rates = np.linspace(0.5, 1.0, 2001)
    best = rates[np.argmin([np.sum((np.exp(-k * t) - u) ** 2) for k in rates])]
    assert found == pytest.approx(best, rel=2e-3)
    assert start.value == pytest.approx(2.0)  # the statement is as it was
    assert result.found == {"rate": found}
    assert json.loads((tmp_path / "run/config.json").read_text())["found"] == {"rate": found}
    seen = result.column("rate")
    assert seen[-1] == found
    assert abs(seen[0] - 2.0) < 0.5
    again = load_result(tmp_path / "run", decay(Parameter(2.0, positive=True)))
    assert again.found == {"rate": found}


def test_every_line_tells_what_is_found():
    lines = []
    config = dataclasses.replace(QUICK, first_steps=3, second_steps=0, log_every=1)
    result = train(decay(Parameter(2.0)), config=config, progress=lambda *w: lines.append(w[2]))
    for line, value in zip(lines, result.column("rate"), strict=True):
        assert line.endswith(f", rate {value:.6g}")


def test_refuses_what_the_equation_does_not_read():
    statement = dataclasses.replace(decay(Parameter(2.0)), trainable={
        "rate": Parameter(2.0), "ratio": Parameter(1.0)
    })  # fmt: skip
    with pytest.raises(InputError, match="got 'ratio', which is not in it"):
        train(statement, config=QUICK)


def test_numbers_start_where_the_problem_draws_them():
    problem = Burgers(viscosity_min=0.01, viscosity_max=0.09)
    start = numbers_to_find(problem, ["viscosity"])["viscosity"]
    assert start.positive
    assert start.value == pytest.approx(0.03, rel=0.3)  # the median of a log-uniform law
    assert numbers_to_find(problem, ["viscosity"])["viscosity"].value == start.value
    signed = numbers_to_find(make_problem("thermal"), ["left"])["left"]
    assert not signed.positive
    assert -75.0 < signed.value < -25.0


@pytest.mark.parametrize("name", ["u0", "viscosty"])
def test_refuses_what_is_no_number_of_the_problem(name):
    with pytest.raises(InputError, match=rf"numbers of 'burgers' .* .viscosity., got {name}; "):
        numbers_to_find(Burgers(), [name])


def test_refuses_numbers_that_the_ends_are_made_of():
    problem = make_problem("bounded_wave")
    values = problem.evaluate(problem.draw_sample(0, 0), problem.grid(16))
    inputs = {**values, **numbers_to_find(problem, ["left_end"])}
    with pytest.raises(InputError, match=r"ends of 'bounded_wave' .* got a module as 'left_end'"):
        state_problem(problem, inputs)


def test_reads_measurements_of_several_unknowns():
    text = "v, t, u\n3, 0.5, 1\n\n4, 0.25, 2e-3\n"
    first, second = measured(text, ("t",), ("u", "v", "w"))
    assert (first.of, second.of) == ("u", "v")
    assert first.points["t"].tolist() == [0.5, 0.25]
    assert (first.values.tolist(), second.values.tolist()) == ([1.0, 2e-3], [3.0, 4.0])
    (only,) = measured("u,t\n1,2\n", ("t",), ("u",))
    assert only.of is None


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "columns t, x and u in the file, got none"),
        ("t,u\n1,2", "columns t, x and u in the file, got t, u"),
        ("t,x,v\n1,2,3", "and u in the file, got t, x, v"),
        ("t,x,u,u\n1,2,3,4", "got t, x, u, u"),
        ("t,x,u,sigma\n1,2,3,4", "got t, x, u, sigma"),
        ("t,x,u", "lines of numbers in the file, got names of columns alone"),
        ("t,x,u\n1,2,3\n1,2", "3 numbers in line 3 of the file, got 2"),
        ("t,x,u\n1,2,nan", "finite number as u in line 2 of the file, got 'nan'"),
        ("t,x,u\n1,,3", "finite number as x in line 2 of the file, got ''"),
        ("t,x,u\nnow,2,3", "finite number as t in line 2 of the file, got 'now'"),
    ],
)
def test_refuses_measurements(text, words):
    with pytest.raises(InputError, match=words):
        measured(text, ("t", "x"), ("u",), "the file")


def test_unknown_parameters_join_the_vector():
    field = decay(Parameter(2.0)).wrap(torch.nn.Linear(1, 1, dtype=torch.float64))
    assert [p.numel() for p in field.parameters()] == [1, 1, 1]
    assert "trainable.rate.raw" in field.state_dict()


def test_a_problem_takes_a_module_in_the_place_of_an_input():
    inputs = {"u0": lambda x: torch.sin(2 * math.pi * x["x"]), "viscosity": Parameter(0.3)}
    data = Data({"t": [0.5], "x": [0.25]}, [0.1])
    statement = state_problem(Burgers(), inputs, conditions=[data])
    assert [c.name for c in statement.conditions] == ["periodic x", "initial", "data"]
    points = {n: torch.rand(4, dtype=torch.float64) for n in ("t", "x")}

    class Calculus:  # all derivatives are one
        def __call__(self, u, along):
            return torch.ones_like(u)

    u = torch.full((4,), 2.0, dtype=torch.float64)
    assert (statement.equation(u, Calculus(), points) - (1.0 + 2.0 - 0.3)).abs().max() < 1e-15
    with pytest.raises(InputError, match="initial values that are known"):
        state_problem(Burgers(), {**inputs, "u0": CoefficientField({"x": (0, 1)})})


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: Parameter(math.nan), "finite number as start"),
        (lambda: Parameter(-1.0, positive=True), "positive number as start"),
        (lambda: Parameter(3.0, bounds=(0.0, 2.0)), "low < start < high"),
        (lambda: Parameter(1.0, True, (0.0, 2.0)), "no positive beside them"),
        (lambda: CoefficientField({}), "expected coordinates"),
        (lambda: CoefficientField({"x": (0, 1)}, 0.0, positive=True), "positive where"),
    ],
)
def test_refuses(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.slow
def test_finds_a_coefficient_field_from_less_noise_more_exactly():
    # -(a u')' = f with u = sin(pi x), a = 1 + sin(2 pi x) / 2, which u' = 0 at 1/2 decides.
    def residual(u, d, x, p):
        y, pi = x["x"], math.pi
        a, slope = 1 + 0.5 * torch.sin(2 * pi * y), pi * torch.cos(2 * pi * y)
        f = pi**2 * a * torch.sin(pi * y) - pi * slope * torch.cos(pi * y)
        return d(p.a * d(u, "x"), "x") + f

    errors = []
    for noise in (0.02, 0.0):
        generator = np.random.default_rng(1)
        x = generator.uniform(0.0, 1.0, 200)
        u = np.sin(np.pi * x) + noise * generator.standard_normal(200)
        statement = Statement(
            ("x",), Interval(0.0, 1.0), residual,
            [Dirichlet("all", 0.0, hard=True), Data(x[:, None], u)],
            trainable={"a": CoefficientField({"x": (0.0, 1.0)}, positive=True)},
        )  # fmt: skip
        config = PINNConfig(
            width=12, depth=2, points=128, first_steps=100, second="ssbroyden", second_steps=1500,
            refresh_every=0, weighting="fixed", threads=1,
        )  # fmt: skip
        field = train(statement, config=config).field.trainable["a"]
        y = np.linspace(0.0, 1.0, 101)
        a, found = 1 + 0.5 * np.sin(2 * np.pi * y), field({"x": torch.from_numpy(y)})
        gap = found.detach().numpy() - a
        errors.append(np.linalg.norm(gap) / np.linalg.norm(a))
    print(f"coefficient field: {errors[0]:.1e} with 2% noise, {errors[1]:.1e} without")
    assert errors[0] < 0.1
    assert errors[1] < 2e-3
