"""Statements: conditions soft and hard, several unknowns, the registry's problems, refusals."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sobolev.datasets.registry import make_problem, problems
from sobolev.geometry.errors import InputError
from sobolev.geometry.interpolation import interpolate
from sobolev.geometry.shapes import Ball, Box, Disk, Interval, Polygon
from sobolev.pinns.conditions import Data, Dirichlet, Initial, Neumann, Periodic, Robin
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.inverse import CoefficientField, Parameter
from sobolev.pinns.samplers import Sobol
from sobolev.pinns.statement import Statement, state_problem

RING = Disk((0, 0), 1.0, "rim") - Disk((0.2, 0), 0.3, "hole")


def laplace(u, d, x, p):
    return d.laplacian(u)


def stated(*conditions, domain=RING, **options):
    names = ("x", "y", "z")[: domain.ndim]
    coordinates = ("t", *names) if options.get("times") else names
    return Statement(coordinates, domain, laplace, conditions, **options)


def unit(count, statement):
    return Sobol(3).draw(count, len(statement.coordinates))


def misfit(statement, condition, field, count=64):
    """The misfits of a field, a function of the coordinates, on rows of a condition."""
    rows = condition.rows(statement, unit(count, statement))

    def at(points):
        x = statement.named(points)
        found = field(x)
        return torch.stack(found if isinstance(found, tuple) else (found,), dim=1)

    derivatives = make_derivatives("nested", at, statement.coordinates, statement.unknowns)
    points = rows[:, : len(statement.coordinates)]
    return derivatives(points, lambda u, d, x: condition.misfit(u, d, x, rows)), points


# --- soft conditions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        Dirichlet("rim", lambda x: x["x"] ** 2 * x["y"]),
        Neumann("rim", lambda x: 3 * x["x"] ** 2 * x["y"]),  # of degree 3: r du/dr = 3 u
        Robin("rim", lambda x: x["y"], 2.0, lambda x: x["x"] ** 2 * x["y"] * (x["y"] + 6.0)),
        Data([[0.5, 0.5], [-0.5, 0.1]], [0.125, 0.025]),
    ],
)  # fmt: skip
def test_vanish_for_what_obeys_them_and_for_nothing_else(condition):
    statement = stated(condition)
    (condition,) = statement.conditions
    good, points = misfit(statement, condition, lambda x: x["x"] ** 2 * x["y"])
    bad, _ = misfit(statement, condition, lambda x: 1.0 + x["x"] ** 2 * x["y"] + x["x"] + x["y"])
    assert len(good) == len(points) > 1
    assert good.abs().max() < 1e-13
    assert bad.abs().max() > 0.1


def test_initial_values_and_rates():
    condition = Initial(lambda x: x["x"], lambda x: x["y"] ** 2)
    statement = stated(condition, times=(1.0, 3.0))
    (condition,) = statement.conditions
    good, points = misfit(
        statement, condition, lambda x: x["x"] + torch.sin(x["t"] - 1) * x["y"] ** 2
    )
    assert (points[:, 0] == 1.0).all()
    assert all(part.abs().max() < 1e-15 for part in good)
    bad, _ = misfit(statement, condition, lambda x: x["x"] + 0.0 * x["t"])
    assert bad[0].abs().max() < 1e-15
    assert bad[1].abs().max() > 0.1


def test_soft_periodic_compares_the_ends():
    statement = stated(Periodic("x", derivatives=2), domain=Box((-1, 0), (1, 2)))
    (condition,) = statement.conditions
    good, points = misfit(statement, condition, lambda x: torch.sin(math.pi * x["x"]) * x["y"])
    assert set(points[:, 0].tolist()) == {-1.0, 1.0}
    assert torch.equal(points[::2, 1], points[1::2, 1])
    assert all(part.abs().max() < 1e-12 for part in good)
    # x^3 - x repeats its value and slope, and not its second derivative 6 x.
    bad, _ = misfit(statement, condition, lambda x: x["x"] ** 3 - x["x"] + 0.0 * x["y"])
    assert [round(part.abs().max().item(), 12) for part in bad] == [0.0, 0.0, 12.0]


def test_conditions_of_several_unknowns_have_their_names():
    conditions = (Dirichlet("rim", 1.0, of="v"), Initial(2.0, of="u"), Initial(3.0, of="v"))
    statement = stated(*conditions, unknowns=("u", "v"), times=(0.0, 1.0))
    assert [c.name for c in statement.conditions] == ["rim v", "initial u", "initial v"]
    fields = (lambda x: 2.0 + 0.0 * x["x"], lambda x: 1.0 + 2.0 * (x["t"] == 0) + 0.0 * x["x"])
    for condition in statement.conditions:
        found, _ = misfit(statement, condition, lambda x: tuple(f(x) for f in fields))
        assert found.abs().max() < 1e-15


# --- hard conditions ------------------------------------------------------------------------


class Wild(nn.Module):
    """A smooth network that knows of no condition."""

    def __init__(self, inputs, outputs=1):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weights = nn.Parameter(
            torch.randn(inputs, outputs, generator=generator, dtype=torch.float64)
        )

    def forward(self, points):
        return 2.0 + torch.sin(points @ self.weights.to(points.dtype))


def first(field):
    """The first unknown, as a function of the coordinates by name."""
    return lambda x: field(torch.stack(list(x.values()), dim=1))[:, 0]


HARD = {
    "one value on all": (Dirichlet("all", 0.5, hard=True),),
    "a field": (Dirichlet("all", lambda x: x["x"] * x["y"], hard=True),),
    "two values": (Dirichlet("rim", 0.0, hard=True), Dirichlet("hole", 1.0, hard=True)),
    "one piece": (Dirichlet("hole", lambda x: torch.exp(x["x"]), hard=True),),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_values_hold_to_rounding(name):
    statement = stated(*HARD[name])
    field = statement.wrap(Wild(2))
    for condition in statement.conditions:
        found, _ = misfit(
            statement, condition, lambda x: field(torch.stack(list(x.values()), 1))[:, 0]
        )
        assert found.abs().max() < 1e-12
    inside = statement.interior(unit(64, statement))
    free = Wild(2)(inside)
    assert (field(inside) - free).abs().max() > 0.1


SIDES = [Dirichlet("left", 0.0, hard=True), Dirichlet("top", lambda x: x["x"], hard=True)]


@pytest.mark.parametrize(
    "domain, conditions",
    [
        (Box((0, 0), (2, 1)), SIDES),
        (Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), [
            Dirichlet("side 4", lambda x: x["y"], hard=True), Dirichlet("side 1", 0.0, hard=True),
        ]),
        (Disk((0, 0), 1.0, "a") | Disk((1, 0), 1.0, "b"), [Dirichlet("all", 2.0, hard=True)]),
        (Box((0, 0), (1, 1)).cut("in", "left", lambda x, y: y - 0.5), [
            Dirichlet("in", 1.0, hard=True), Dirichlet("right", 0.0, hard=True),
        ]),
        (Ball((0, 0, 0), 1.0), [Dirichlet("all", lambda x: x["z"], hard=True)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("times", [None, (0.0, 2.0)])
def test_hard_values_on_every_kind_of_piece(domain, conditions, times):
    statement = stated(*conditions, domain=domain, times=times)
    field = statement.wrap(Wild(len(statement.coordinates)))
    for condition in statement.conditions:
        found, _ = misfit(
            statement, condition, lambda x: field(torch.stack(list(x.values()), 1))[:, 0]
        )
        assert found.abs().max() < 1e-9
    assert field(statement.interior(unit(64, statement))).isfinite().all()


def test_hard_initial_values_rates_and_walls_together():
    # u0 = sin(pi x) agrees with the walls, as does its rate.
    statement = stated(
        Initial(lambda x: torch.sin(math.pi * x["x"]), 0.0, hard=True),
        Dirichlet("all", 0.0, hard=True),
        domain=Interval(0.0, 1.0),
        times=(0.5, 1.0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        field = statement.wrap(Wild(2))
    initial, walls = statement.conditions
    values, rates = misfit(statement, initial, first(field))[0]
    assert max(values.abs().max(), rates.abs().max()) < 1e-12
    assert misfit(statement, walls, first(field))[0].abs().max() < 1e-12
    corners = torch.tensor([[0.5, 0.0], [0.5, 1.0]], dtype=torch.float64)
    assert field(corners).abs().max() < 1e-12


def test_hard_conditions_in_single_precision_and_by_every_reading():
    conditions = (Dirichlet("rim", 0.0, hard=True), Dirichlet("hole", lambda x: x["x"], hard=True))
    statement = stated(*conditions)
    field = statement.wrap(Wild(2))
    points = statement.interior(unit(32, statement))
    single = field.float()(points.float())
    assert single.dtype == torch.float32
    field.double()
    assert (single.double() - field(points)).abs().max() < 1e-5
    corners = torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    assert field.float()(corners).isfinite().all()
    field.double()

    def operator(u, d, x):
        return d.laplacian(u) + u * d(u, "xy")

    first, second = (
        make_derivatives(name, field, ("x", "y"))(points, operator) for name in ("nested", "taylor")
    )
    assert (first - second).abs().max() < 1e-9 * first.abs().max()


def test_only_the_unknown_of_a_condition_is_built_in():
    conditions = (Dirichlet("rim", 1.0, of="v", hard=True), Dirichlet("rim", 3.0, of="u"))
    statement = stated(*conditions, unknowns=("u", "v"))
    network = Wild(2, 2)
    field = statement.wrap(network)
    (rows,) = [c.rows(statement, unit(16, statement)) for c in statement.conditions if c.hard]
    assert torch.equal(field(rows[:, :2])[:, 0], network(rows[:, :2])[:, 0])
    assert (field(rows[:, :2])[:, 1] - 1.0).abs().max() < 1e-12


@pytest.mark.parametrize(
    "conditions, domain, times, where",
    [
        ((Dirichlet("left", 0.0, hard=True), Dirichlet("top", 1.0, hard=True)),
         Box((0, 0), (2, 1)), None, "x = 0, y = 1"),
        ((Dirichlet("all", 1.0, hard=True), Initial(lambda x: x["x"], hard=True)),
         Interval(0.0, 1.0), (0.0, 1.0), "t = 0, x = 0"),
        ((Dirichlet("a", 1.0, hard=True), Dirichlet("b", 2.0, hard=True)),
         Disk((0, 0), 1.0, "a") | Disk((1, 0), 1.0, "b"), None, "x = 0.5, y = "),
    ],
)  # fmt: skip
def test_warns_where_hard_values_contradict_each_other(conditions, domain, times, where):
    statement = stated(*conditions, domain=domain, times=times)
    with pytest.warns(UserWarning, match=f"meet at {where}") as caught:
        statement.wrap(Wild(len(statement.coordinates)))
    assert "\n" not in str(caught[0].message)


def test_does_not_warn_where_they_agree_or_do_not_meet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stated(*HARD["two values"]).wrap(Wild(2))
        stated(*SIDES, domain=Box((0, 0), (2, 1))).wrap(Wild(2))
        stated(Dirichlet("left", 0.0, hard=True), Dirichlet("right", 1.0, hard=True),
               domain=Box((0, 0), (2, 1))).wrap(Wild(2))  # fmt: skip


# --- points ---------------------------------------------------------------------------------


def test_points_of_space_and_time_lie_inside_of_both():
    statement = stated(times=(2.0, 5.0))
    cube = unit(500, statement)
    points = statement.interior(cube)
    assert len(points) == int(statement.inside(cube).sum()) < 500
    assert ((points[:, 0] > 2.0) & (points[:, 0] < 5.0)).all()
    assert RING.contains(points[:, 1:]).all()
    assert statement.holds(points).all()
    assert not statement.holds(points + torch.tensor([3.0, 0.0, 0.0])).any()
    assert not statement.holds(points + torch.tensor([0.0, 2.0, 0.0])).any()
    assert torch.equal(
        Sobol(3).draw(200, 3, None, statement.inside), cube[statement.inside(cube)][:200]
    )


def test_a_wall_that_goes_on_is_no_end():
    statement = stated(Periodic("x", hard=True), Dirichlet("all", 0.0), domain=Box((0, 0), (1, 1)))
    assert statement.periodic == (True, False)
    points = statement.conditions[1].rows(statement, unit(64, statement))
    assert set(points[:, 1].tolist()) == {0.0, 1.0}
    with pytest.raises(InputError, match="got 'left', where the solution goes on"):
        stated(Periodic("x"), Dirichlet("left"), domain=Box((0, 0), (1, 1)))


# --- problems -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", problems.names())
def test_every_problem_states_itself(name):
    problem = make_problem(name)
    grid = problem.grid(64 if len(problem.grid(8).shape) < 2 else 24)
    draw = problem.draw_sample(0, 0)
    inputs = {
        k: float(v) if np.ndim(v) == 0 else v for k, v in problem.evaluate(draw, grid).items()
    }
    if name == "black_scholes":
        with pytest.raises(InputError, match="what holds at the ends of its axes"):
            state_problem(problem, inputs)
        return
    statement = state_problem(problem, inputs)
    assert statement.unknowns == problem.unknowns
    assert statement.periodic[-grid.ndim :] == grid.wraps or not grid.ndim
    with_time = problem.times is not None
    starts = [c for c in statement.conditions if isinstance(c, Initial)]
    assert len(starts) == (len(problem.outputs) if with_time else 0)
    ended = {c.of for c in statement.conditions if isinstance(c, Dirichlet | Robin)}
    assert ended == (set() if all(grid.wraps) else {v.name for v in problem.outputs})
    if starts:  # initial rows are the inputs
        rows = starts[0].rows(statement, torch.full((1, len(statement.coordinates)), 0.37).double())
        value = inputs[problem.inputs[0].name]
        if grid.ndim:
            value = float(interpolate(value, grid, rows[:, 1:-1].numpy())[0])
        assert float(rows[0, -1]) == pytest.approx(value, abs=1e-9 * (1 + abs(value)))


def test_ends_of_problems_are_those_of_their_cards():
    plate = make_problem("thermal")
    inputs = {"kappa": lambda x: 1.0 + x["x"], "left": -3.0, "right": 5.0}
    found = {c.name: c for c in state_problem(plate, inputs).conditions}
    assert set(found) == {"left", "right", "bottom+top"}
    assert (found["left"].value, found["right"].value) == (-3.0, 5.0)
    assert isinstance(found["bottom+top"], Robin)
    mirror = make_problem("heat", {"ends": "neumann"})
    given = {"u0": lambda x: x["x"], "diffusivity": 1.0}
    _, wall = state_problem(mirror, given).conditions
    assert (wall.a, wall.b, wall.value) == (0.0, 1.0, 0.0)
    wave = make_problem("bounded_wave", {"family": "WE3"})
    ends = {"u0": lambda x: x["x"], "v0": lambda x: x["x"], "left_end": 0.0, "right_end": 1.0}
    kinds = {c.name: type(c) for c in state_problem(wave, ends).conditions if c.kind == "boundary"}
    assert kinds == {"left u": Dirichlet, "left v": Dirichlet, "right u": Robin, "right v": Robin}


# --- refusals -------------------------------------------------------------------------------

CUT_AWAY = Box((0, 0), (2, 2)) - Box((1, -1), (3, 3))
X = ("x",)


def two_unknowns(u, d, x, p):
    first, second = u
    return d(first, "x") - second


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: stated(Dirichlet("wall")), "got 'wall'; its pieces are rim, hole"),
        (lambda: stated(Dirichlet("boundary")), "got 'boundary'; its pieces are rim, hole"),
        (lambda: stated(Dirichlet("first right"), domain=CUT_AWAY), "left nothing"),
        (lambda: stated(Dirichlet("rim", math.nan)), "finite number or a function"),
        (lambda: stated(Dirichlet("rim", "0")), "finite number or a function"),
        (lambda: stated(Neumann("rim", hard=True)), "state it softly"),
        (lambda: stated(Dirichlet("rim", of="w")), "expected an unknown of u, got 'w'"),
        (lambda: stated(Dirichlet("rim"), unknowns=("u", "v")), "give it as of="),
        (lambda: stated(Dirichlet("rim"), Dirichlet("rim")), "different names of conditions"),
        (lambda: stated(Dirichlet("rim", name="equation")), "none of them 'equation'"),
        (lambda: stated(Initial(0.0)), "steady"),
        (lambda: stated(Periodic("x")), "two opposite faces"),
        (lambda: stated(Periodic("q"), domain=Interval(0, 1)), "got 'q'"),
        (lambda: stated(Data([[0.9, 0.9], [0.0, 0.9]], [1, 2])), "got 1 of 2 outside"),
        (lambda: stated(Data([[0.2, 0.0]], [1])), "got 1 of 1 outside"),  # in the hole
        (lambda: stated(Data([[0.5]], [1])), r"shape \(n, 2\), got \(1, 1\)"),
        (lambda: stated(Data(np.zeros((0, 2)), [])), "empty set"),
        (lambda: stated(Data([[0.5, 0.5]], [1, 2])), "a measured value for each of 1"),
        (lambda: stated(Data([[0.5, 0.5]], [math.nan])), "finite measured"),
        (lambda: stated(Data({"x": [0.5]}, [1])), "got x"),
        (lambda: Statement(X, RING, laplace), "domain of 1 dimensions .* got one of 2"),
        (lambda: Statement(("x", "y"), None, laplace), "got none"),
        (lambda: Statement(("t", "x"), Interval(0, 1), laplace), "`times`"),
        (lambda: Statement(("x", "t"), Interval(0, 1), laplace, times=(0, 1)), "a first coord"),
        (lambda: Statement(("t",), None, laplace, times=(1, 0)), "before the last"),
        (lambda: Statement(("t",), None, laplace, [Dirichlet("left")], times=(0, 1)), "time alone"),
        (lambda: Statement(X, Interval(0, 1), laplace, unknowns=("u", "u")), "different names"),
        (lambda: stated(unknowns=("u", "v")).wrap(Wild(2))(torch.ones(3, 2)), "2 outputs"),
        (
            lambda: Statement(X, Interval(0, 1), two_unknowns).equation(torch.ones(5), None, {}),
            "residual of 1 unknown",
        ),
        (
            lambda: misfit(stated(c := Dirichlet("rim", lambda x: x["x"] / 0.0)), c, laplace),
            "finite values of the values on 'rim'",
        ),
    ],
)  # fmt: skip
def test_refuses(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_parameters_of_the_equation_are_those_of_the_statement():
    statement = Statement(
        X, Interval(0, 1), lambda u, d, x, p: p.a * u,
        parameters=lambda x: SimpleNamespace(a=3.0),
    )  # fmt: skip
    assert float(statement.equation(torch.tensor([2.0]), None, {"x": torch.zeros(1)})) == 6.0


SHAPES = {
    "ring": RING,
    "square less a corner": Box((0, 0), (2, 2)) - Box((1, 1), (2, 2)),
    "two disks": Disk((0, 0), 1.0) | Disk((1, 0), 1.0),
    "stairs": Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]),
    "inlet": Box((0, 0), (1, 1)).cut("in", "left", lambda x, y: y - 0.5),
}


@pytest.mark.parametrize("name", SHAPES)
def test_readings_agree_on_hard_conditions_and_unknown_fields(name):
    """On every kind of distance function, with a coefficient that is a network of its own."""
    shape = SHAPES[name]
    extent = dict(zip("xy", shape.bounds, strict=True))
    statement = Statement(
        ("x", "y"), shape, lambda u, d, x, p: d(p.a * d(u, "x"), "x") + p.k * d(u, "yy"),
        [Dirichlet("all", lambda x: x["x"], hard=True)],
        trainable={"a": CoefficientField(extent, positive=True), "k": Parameter(2.0)},
    )  # fmt: skip
    field = statement.wrap(Wild(2))
    with torch.no_grad():
        field.trainable["a"].network.last.weight.fill_(0.2)
    points = statement.interior(unit(200, statement))
    nested, taylor = (
        make_derivatives(reading, field, ("x", "y"))(points, field.equation)
        for reading in ("nested", "taylor")
    )
    assert nested.isfinite().all()
    assert (nested - taylor).abs().max() < 1e-12 * nested.abs().max()
