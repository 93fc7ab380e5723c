"""The rows of the loss, their derivatives, and the pieces it falls into."""

import dataclasses
import math

import pytest
import torch

from sobolev.geometry.shapes import Box
from sobolev.pinns.conditions import Dirichlet, Initial, Neumann, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.objective import Objective, add_conditions
from sobolev.pinns.optimisers import SECOND_ORDER
from sobolev.pinns.pinn import train
from sobolev.pinns.result import build_field
from sobolev.pinns.samplers import Sobol
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import Fixed, TangentKernel

BOX = Box((-1.0,), (1.0,))


def burgers(*conditions, **options):
    return Statement(
        ("t", "x"), BOX, lambda u, d, x, p: d(u, "t") + u * d(u, "x") - 0.05 * d(u, "xx"),
        (Initial(lambda x: -torch.sin(math.pi * x["x"])), *conditions), times=(0.0, 1.0), **options,
    )  # fmt: skip


def wave():  # two unknowns, two equations
    return Statement(
        ("t", "x"), BOX,
        lambda u, d, x, p: (d(u[0], "t") - d(u[1], "x"), d(u[1], "t") - u[0] * d(u[0], "x")),
        (
            Initial(lambda x: torch.sin(x["x"]), of="u"), Initial(0.0, of="v"),
            Dirichlet("all", 0.0, of="v"),
        ),
        ("u", "v"), (0.0, 1.0),
    )  # fmt: skip


CASES = {
    "soft": lambda: burgers(Dirichlet("left", 0.0), Neumann("right", 0.5)),
    "hard": lambda: burgers(Periodic("x", hard=True)).with_hard_initial(),
    "pairs": lambda: burgers(Periodic("x")),
    "several": wave,
}


class Scaled(torch.nn.Module):  # a parameter outside of the linear layers
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.factor = torch.nn.Parameter(torch.tensor(0.7, dtype=torch.float64))

    def forward(self, points):
        return self.factor * self.network(points)


def objective(
    statement, chunk=10, precision="float64", reading="taylor", scaled=False, network="mlp"
):
    config = PINNConfig(network=network, width=6, depth=2, precision=precision)
    field = build_field(statement, config)
    field = statement.wrap(Scaled(field.network)) if scaled else field
    made = Objective(statement, field, Fixed({"initial": 3.0}), chunk, 2, reading)
    add_conditions(made, lambda n: Sobol(1).draw(n, 2), 12, 14)
    made.put_equation(statement.interior(Sobol(2).draw(24, 2)))
    return made


class ByTime(Fixed):
    def pointwise(self, name, points, squares):
        return None if name == "initial" else 0.1 + points[:, 0] ** 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("reading", ["taylor", "fused"])
def test_rows_their_jacobian_and_the_gradient_say_the_same(reading, case, scaled, weighted):
    made = objective(CASES[case](), scaled=scaled, reading=reading)
    x = made.vector()
    if weighted:
        made.weighting = ByTime()
        made.weigh_points()
        assert set(made.point_weights()) == set(made.terms) - {"initial"}
    loss, gradient = made(x)
    rows, jacobian = made.rows(x), made.jacobian(x)
    assert float(rows @ rows) == pytest.approx(loss, rel=1e-13)
    dense = torch.cat(list(jacobian.blocks()))
    assert sum(made.row_counts().values()) == len(rows)
    assert dense.shape == jacobian.shape == (len(rows), len(x))
    assert torch.allclose(2.0 * dense.T @ rows, gradient, rtol=1e-10, atol=1e-13)
    assert torch.allclose(2.0 * jacobian.rmatvec(rows), gradient, rtol=1e-10, atol=1e-13)

    along = torch.cos(torch.arange(len(x), dtype=torch.float64))
    ahead = jacobian.matvec(along)
    assert torch.allclose(dense @ along, ahead, rtol=1e-9, atol=1e-12)
    h = 1e-6
    difference = (made.rows(x + h * along) - made.rows(x - h * along)) / (2 * h)
    assert torch.allclose(dense @ along, difference, rtol=1e-6, atol=1e-7)
    assert torch.equal(jacobian.matvec(along), ahead)  # whatever was loaded since


@pytest.mark.parametrize("case", sorted(CASES))
def test_parts_add_up_and_chunks_do_not_matter(case):
    whole, small = objective(CASES[case](), chunk=1000), objective(CASES[case](), chunk=4)
    x = whole.vector()
    loss, gradient = whole(x)
    parts = whole.split(x)
    assert set(parts) == set(whole.terms)
    assert sum(part for part, _ in parts.values()) == loss
    assert torch.allclose(small(x)[1], gradient, rtol=1e-11, atol=1e-14)
    assert torch.allclose(small.rows(x), whole.rows(x), rtol=1e-12, atol=1e-14)
    pieces = [torch.cat(list(one.jacobian(x).blocks())) for one in (whole, small)]
    assert torch.allclose(*pieces, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("network", ["mlp", "modified_mlp"])
def test_every_reading_gives_the_same_gradient(case, network):
    found = {}
    for reading in ("nested", "taylor", "fused"):
        made = objective(CASES[case](), reading=reading, network=network)
        x = made.vector()
        for step in range(3):  # what a reading remembers of the first ones is no other
            x = x + 0.1 * torch.cos(torch.arange(len(x), dtype=x.dtype))
            made.put_equation(made.statement.interior(Sobol(step).draw(20 + step, 2)))
            found[reading] = made(x)
        (loss, gradient), (truth, exact) = found[reading], found["nested"]
        assert loss == pytest.approx(truth, rel=1e-12)
        assert torch.allclose(gradient, exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk", [4, 1000])
def test_traces_of_tangent_kernels_are_those_of_the_rows(chunk):
    made = objective(CASES["soft"](), chunk=chunk)
    made.weighting = kernel = TangentKernel(weights={"left": 3.0})
    sizes, start = kernel.sizes(made), 0
    rows = torch.cat(list(made.jacobian(made.vector()).blocks()))
    for name, count in made.row_counts().items():
        weight = made.weighting.current(name)
        expected = rows[start : start + count].square().sum().item() / weight
        assert sizes[name] == pytest.approx(expected, rel=1e-12)
        start += count
    assert list(sizes) == list(made.terms)


def test_weights_scale_their_term():
    made = objective(CASES["soft"]())
    x = made.vector()
    weighted = made.split(x)["initial"][0]
    assert weighted == pytest.approx(3.0 * made.losses["initial"], rel=1e-15)
    assert weighted == pytest.approx(3.0 * made.term("initial")[0], rel=1e-15)


def test_points_count_as_they_are_weighed_until_they_are_others():
    made = objective(CASES["hard"]())
    x, points = made.vector(), made.statement.interior(Sobol(2).draw(24, 2))
    squares = made.magnitude(points).square()
    plain = made(x)[0]
    assert plain == pytest.approx(float(squares.mean()), rel=1e-13)
    made.weighting = ByTime()
    made.weigh_points()
    expected = float(((0.1 + points[:, 0] ** 2) * squares).mean())
    assert made(x)[0] == pytest.approx(expected, rel=1e-13)
    made.put_equation(points)
    assert made(x)[0] == plain


def test_single_precision_is_single_throughout():
    made = objective(CASES["hard"](), precision="float32")
    x = made.vector()
    loss, gradient = made(x)
    blocks = torch.cat(list(made.jacobian(x).blocks()))
    assert {t.dtype for t in (x, gradient, made.rows(x), blocks)} == {torch.float32}
    double = objective(CASES["hard"]())
    assert loss == pytest.approx(double(double.vector())[0], rel=1e-4)


@pytest.mark.parametrize("reading", ["nested", "taylor"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("second", sorted(SECOND_ORDER))
def test_every_optimiser_trains_in_either_precision(second, precision, reading):
    config = PINNConfig(
        width=8, depth=2, points=64, first="soap", first_steps=5, second=second, second_steps=12,
        derivatives=reading, precision=precision, refresh_every=6, weighting="fixed", chunk=32,
    )  # fmt: skip
    result = train(CASES["hard"](), config=dataclasses.replace(config, log_every=1))
    loss = result.column("loss")
    assert result.steps == 17
    assert loss[-1] < 0.3 * loss[0]
