"""Every optimiser on losses with known minima, and what each of them promises."""

import math

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.optimisers import OPTIMISERS, base
from sobolev.pinns.optimisers.adam import Adam
from sobolev.pinns.optimisers.base import minimise
from sobolev.pinns.optimisers.broyden import RULES, SelfScaled
from sobolev.pinns.optimisers.gauss_newton import GaussNewton
from sobolev.pinns.optimisers.multi_adam import MultiAdam
from sobolev.pinns.optimisers.soap import SOAP
from sobolev.pinns.optimisers.symmetric import multiply, update_and_multiply

FLOAT = {"dtype": torch.float64}


class Squares:
    """|r(x)|^2 of a function r that torch differentiates; `cuts` part the rows into terms."""

    def __init__(self, rows, cuts=(), shapes=()):
        self.function, self.cuts, self.shapes = rows, cuts, list(shapes)

    def rows(self, x):
        return self.function(x)

    def split(self, x):
        x = x.detach().requires_grad_(True)
        parts = torch.tensor_split(self.function(x), list(self.cuts))
        losses = [part.square().sum() for part in parts]
        return {
            str(i): (loss.item(), torch.autograd.grad(loss, x, retain_graph=True)[0])
            for i, loss in enumerate(losses)
        }

    def __call__(self, x):
        losses, gradients = zip(*self.split(x).values(), strict=True)
        return sum(losses), sum(gradients)

    def jacobian(self, x):
        return Matrix(torch.autograd.functional.jacobian(self.function, x))


class Matrix:
    def __init__(self, matrix):
        self.matrix, self.shape = matrix, tuple(matrix.shape)

    def matvec(self, v):
        return self.matrix @ v

    def rmatvec(self, w):
        return self.matrix.T @ w

    def fill(self, matrix):
        matrix.copy_(self.matrix)


def rosenbrock(x):
    return torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def rosenbrock_start(size):
    start = torch.full((size,), -1.2, dtype=torch.float64)
    start[1::2] = 1.0
    return start


def matrices(x):
    """A small regression with two weight matrices and a bias, as a network has."""
    first, bias, second = x[:6].view(3, 2), x[6:9], x[9:].view(1, 3)
    points = torch.linspace(-1.0, 1.0, 14, **FLOAT).view(7, 2)
    hidden = torch.tanh(points @ first.T + bias)
    return (hidden @ second.T)[:, 0] - torch.sin(2.0 * points[:, 0])


NETWORK = Squares(matrices, cuts=(3,), shapes=[(3, 2), (3,), (1, 3)])
NETWORK_START = 0.7 * torch.cos(torch.arange(12, **FLOAT))
OPTIONS = {"adam": {"rate": 0.1}, "multi_adam": {"rate": 0.1}, "soap": {"rate": 0.03}}


def make(name, steps):
    return OPTIMISERS[name](steps, **OPTIONS.get(name, {}))


# --- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_goes_down_and_says_that_its_steps_are_used_up(name):
    steps = 3 if name == "gauss_newton" else 40  # which would end at a loss of zero
    optimiser = make(name, steps)
    x = minimise(NETWORK, NETWORK_START, optimiser)
    assert NETWORK(x)[0] < 0.05 * NETWORK(NETWORK_START)[0]
    assert optimiser.stop_reason == base.ITERATIONS
    assert optimiser.iterations == steps


@pytest.mark.parametrize("stop", [1, 2, 13])
@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_a_loaded_state_goes_on_with_the_same_bits(name, stop):
    whole = make(name, 30)
    expected = minimise(NETWORK, NETWORK_START, whole)
    first, second, x = make(name, 30), make(name, 30), NETWORK_START
    for _ in range(stop):
        x = first.step(x, NETWORK)
    second.load_state(first.state())
    minimise(NETWORK, x, first)  # what the first does now must not reach the second
    assert torch.equal(minimise(NETWORK, x, second), expected)
    assert second.state().keys() == whole.state().keys()
    assert second.loss == whole.loss


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_a_loss_that_is_not_finite_ends_it(name):
    optimiser = make(name, 5)
    broken = Squares(lambda x: matrices(x) * math.nan, shapes=NETWORK.shapes)
    assert torch.equal(minimise(broken, NETWORK_START, optimiser), NETWORK_START)
    assert optimiser.stop_reason == base.NOT_FINITE


@pytest.mark.parametrize("name", ["ssbfgs", "ssbroyden", "gauss_newton", "lbfgs"])
@pytest.mark.parametrize("size", [2, 10])
def test_rosenbrock_is_solved_to_rounding(name, size):
    optimiser = make(name, 300)
    x = minimise(Squares(rosenbrock), rosenbrock_start(size), optimiser)
    assert (x - 1.0).abs().max() < 1e-9
    assert optimiser.stop_reason in (base.GRADIENT, base.REDUCTION, base.DAMPING)
    assert optimiser.iterations < 40 * size**0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_steps_keep_the_precision_of_the_vector(name, dtype):
    x = make(name, 3).step(NETWORK_START, NETWORK)
    single = Squares(lambda x: matrices(x.double()).to(dtype), shapes=NETWORK.shapes)
    optimiser = make(name, 3)
    y = minimise(single, NETWORK_START.to(dtype), optimiser)
    assert y.dtype == dtype
    assert x.dtype == torch.float64


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: Adam(rate=0.0), "rate > 0"),
        (lambda: Adam(betas=(0.9, 1.0)), "beta < 1"),
        (lambda: SOAP(refresh=0), "refresh >= 1"),
        (lambda: SelfScaled(rule="dfp"), "rule of"),
        (lambda: GaussNewton(damping=0.0), "damping > 0"),
        (lambda: OPTIMISERS["ssbfgs"](-1), "max_iterations >= 0"),
    ],
)
def test_refuses_options_that_mean_nothing(call, words):
    with pytest.raises(InputError, match=words):
        call()


# --- first order ------------------------------------------------------------------------------


def test_adam_is_that_of_torch():
    theirs = NETWORK_START.clone()
    reference = torch.optim.Adam([theirs], lr=0.02)
    ours = minimise(NETWORK, NETWORK_START, Adam(50, 0.02, decay=1.0))
    for _ in range(50):
        theirs.grad = NETWORK(theirs)[1]
        reference.step()
    assert (ours - theirs).abs().max() < 1e-12


def test_multi_adam_does_not_hear_how_a_term_is_scaled_and_adam_does():
    def scaled(x):
        r = matrices(x)
        return torch.cat([1e3 * r[:3], r[3:]])

    loud = Squares(scaled, cuts=(3,), shapes=NETWORK.shapes)
    for cls, tolerance in ((MultiAdam, 1e-9), (Adam, None)):
        plain, other = (minimise(o, NETWORK_START, cls(60, 0.01)) for o in (NETWORK, loud))
        if tolerance is None:
            assert (plain - other).abs().max() > 0.05
        else:
            assert (plain - other).abs().max() < tolerance


def test_multi_adam_of_one_term_is_adam():
    whole = Squares(matrices)
    options = {"max_iterations": 30, "rate": 0.01, "betas": (0.9, 0.99)}
    ours, adam = (minimise(whole, NETWORK_START, cls(**options)) for cls in (MultiAdam, Adam))
    assert (ours - adam).abs().max() < 1e-6  # they keep from dividing by zero in other ways


def test_soap_steps_turn_with_the_weights_and_adam_does_not():
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(4, 3, generator=generator, **FLOAT)
    scales = 1e-3 * torch.arange(1, 13, **FLOAT).view(4, 3) ** 2
    left, right = (
        torch.linalg.qr(torch.randn(n, n, generator=generator, **FLOAT))[0] for n in (4, 3)
    )

    def misfit(weights):
        return (scales * (torch.sin(weights) - target / 3)).reshape(-1)

    plain = Squares(lambda x: misfit(x.view(4, 3)), shapes=[(4, 3)])
    turned = Squares(lambda x: misfit(left.T @ x.view(4, 3) @ right), shapes=[(4, 3)])
    start = torch.randn(4, 3, generator=generator, **FLOAT) / 3
    for cls, same in ((SOAP, True), (Adam, False)):
        x = minimise(plain, start.reshape(-1), cls(45, 0.01)).view(4, 3)
        y = minimise(turned, (left @ start @ right.T).reshape(-1), cls(45, 0.01)).view(4, 3)
        assert ((left @ x @ right.T - y).abs().max() < 1e-6) == same


# --- self-scaled Broyden ----------------------------------------------------------------------


def test_half_a_matrix_is_updated_and_multiplied_as_a_whole_one():
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(37, 37, generator=generator, **FLOAT)
    a = a + a.T
    p, s, v = torch.randn(3, 37, generator=generator, **FLOAT)
    k, pp, ps, ss = 0.7, -0.3, 0.2, 1.1
    cross = torch.outer(p, s)
    expected = k * a + pp * torch.outer(p, p) + ps * (cross + cross.T) + ss * torch.outer(s, s)
    half = a.tril() + torch.full_like(a, math.nan).triu(1)  # the upper half is never read
    assert torch.allclose(multiply(half, v), a @ v, rtol=1e-13, atol=1e-13)
    product = update_and_multiply(half, p, s, [k, pp, ps, ss], v)
    assert torch.allclose(product, expected @ v, rtol=1e-13, atol=1e-13)
    assert torch.allclose(half.tril(), expected.tril(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_update_meets_the_secant_and_is_the_inverse_of_the_direct_form(rule):
    """B+ = tau (B - Bs (Bs)^T / s.Bs + theta w w^T) + y y^T / y.s, theta = (1-phi) / (1+a phi)."""
    generator = torch.Generator().manual_seed(2)
    n = 6
    root = torch.randn(n, n, generator=generator, **FLOAT)
    h = root @ root.T + torch.eye(n, **FLOAT)
    gradient, noise = torch.randn(2, n, generator=generator, **FLOAT)
    for step, mix in ((0.3, 0.2), (1.0, 0.05), (3.0, 0.5)):
        optimiser = SelfScaled(rule=rule)
        optimiser._half = h.clone()
        s = -step * (h @ gradient)
        y = torch.linalg.solve(h, s) + mix * noise
        y = y if float(y @ s) > 0 else y - 1.5 * s * (y @ s) / (s @ s)
        optimiser._learn(s, y, step, gradient)
        columns = [optimiser._product(e) for e in torch.eye(n, **FLOAT)]
        new = torch.stack(columns)
        assert torch.allclose(new @ y, s, rtol=1e-9, atol=1e-9)
        assert torch.linalg.eigvalsh(new).min() > 0.0

        b = torch.linalg.inv(h)
        sbs, ys, yhy = s @ b @ s, y @ s, y @ h @ y
        phi, tau = RULES[rule](float(sbs / ys), float(yhy / ys), n)
        a = float(yhy * sbs / ys**2) - 1.0
        theta = (1.0 - phi) / (1.0 + a * phi)
        w = sbs.sqrt() * (y / ys - (b @ s) / sbs)
        bs = b @ s
        direct = tau * (b - torch.outer(bs, bs) / sbs + theta * torch.outer(w, w))
        direct = direct + torch.outer(y, y) / ys
        assert torch.allclose(new @ direct, torch.eye(n, **FLOAT), atol=1e-8)


def test_dense_curvature_solves_an_ill_conditioned_quadratic_in_few_steps():
    roots = torch.logspace(0, 3, 40, **FLOAT)
    centre = torch.linspace(-1.0, 2.0, 40, **FLOAT)
    quadratic = Squares(lambda x: roots * (x - centre))
    for name in ("ssbfgs", "ssbroyden"):
        optimiser = make(name, 400)
        x = minimise(quadratic, torch.zeros(40, **FLOAT), optimiser)
        assert (x - centre).abs().max() < 1e-8
        assert optimiser.iterations < 200


# --- Gauss-Newton -----------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [0, 3000])
def test_linear_least_squares_end_at_the_normal_equations(dense):
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(30, 8, generator=generator, **FLOAT)
    b = torch.randn(30, generator=generator, **FLOAT)
    optimiser = GaussNewton(60, damping=1e-6, dense=dense)
    x = minimise(Squares(lambda x: a @ x - b), torch.zeros(8, **FLOAT), optimiser)
    assert (x - torch.linalg.lstsq(a, b[:, None]).solution[:, 0]).abs().max() < 1e-6
    assert optimiser.iterations <= 12


def test_dense_and_matrix_free_steps_are_the_same():
    free, dense = (
        minimise(NETWORK, NETWORK_START, GaussNewton(1, damping=0.1, dense=n)) for n in (0, 12)
    )
    assert (free - NETWORK_START).norm() > 0.05
    # LSMR has its own first damping, and ends early.
    losses = [NETWORK(x)[0] for x in (free, dense)]
    assert max(losses) < 0.5 * NETWORK(NETWORK_START)[0]


def test_zero_residual_is_reached_quadratically():
    # A sum of two decays through its own samples: the residual at the minimum is zero.
    t = torch.linspace(0.0, 3.0, 20, **FLOAT)

    def model(x):
        return x[0] * torch.exp(-x[1] * t) + x[2] * torch.exp(-x[3] * t)

    truth = torch.tensor([2.0, 0.5, 1.0, 3.0], **FLOAT)
    optimiser = GaussNewton(100)
    x = minimise(
        Squares(lambda x: model(x) - model(truth)),
        torch.tensor([1.0, 0.1, 1.0, 5.0], **FLOAT),
        optimiser,
    )
    assert (x - truth).abs().max() < 1e-10
    assert optimiser.iterations < 40


def test_a_direction_that_never_goes_down_has_a_reason():
    class Wrong(Squares):
        def jacobian(self, x):
            return Matrix(-super().jacobian(x).matrix)

    optimiser = GaussNewton(10)
    minimise(Wrong(rosenbrock), rosenbrock_start(4), optimiser)
    assert optimiser.stop_reason == base.DAMPING
    optimiser.objective_changed()
    assert optimiser.stop_reason is None
