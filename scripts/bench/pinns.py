"""Derivatives of a PINN against DeepXDE (PyTorch): loss and gradient, like for like.

The same network (4 hidden layers of 64 tanh units), weights, points and residual on both sides, in
single precision; calls in turns. `burgers` has derivatives to the second order and `ks`
(Kuramoto-Sivashinsky) to the fourth, at 10,000 points. `stde` is the Sine-Gordon equation in 1000
dimensions at 100 points, 3 layers of 128: randomised sums against the whole Laplacian by nested
differentiation, as DeepXDE does it too; with fourth and sixth derivatives in place of the Laplacian
(`-4`, `-6`) randomised alone, where nested differentiation takes hours, to show how memory grows.
The column `error` is that of the gradient against nested differentiation in double precision,
relative; of a randomised one it is sampling noise. `compiled`, Taylor mode through torch's
compiler, needs a C++ compiler and a minute to compile: where there is none, and with `--quick`, it
is left out.

    pip install deepxde==1.15.0
    python scripts/bench/pinns.py --only burgers --json pinns.json
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from common import (
    RETURNED,
    Row,
    interleaved,
    measured_memory,
    parser,
    peak_memory,
    report,
    start_peak,
)
from torch import Tensor, nn

from sobolev.pinns.derivatives.randomised import Randomised
from sobolev.pinns.derivatives.readings import make_derivatives

PEER = "deepxde"
VISCOSITY = 0.01 / math.pi


@dataclass(frozen=True)
class Case:
    """A residual, and what it is compared on. methods: ours first."""

    name: str
    coordinates: tuple[str, ...]
    width: int
    depth: int
    points: int
    methods: tuple[str, ...]
    order: int = 2

    def residual(self, u: Any, d: Any, x: Any) -> Any:
        if self.name == "burgers":
            return d(u, "t") + u * d(u, "x") - VISCOSITY * d(u, "xx")
        if self.name == "ks":
            return d(u, "t") + u * d(u, "x") + d(u, "xx") + d(u, "xxxx")
        return d.sum(lambda i: d(u, *[i] * self.order)) + torch.sin(u)


PLANE = ("fused", "taylor", "compiled", "nested", PEER)
SPACE = tuple(f"x{i}" for i in range(1000))
CASES = (
    Case("burgers", ("t", "x"), 64, 4, 10_000, PLANE),
    Case("ks", ("t", "x"), 64, 4, 10_000, PLANE),
    Case("stde-1000", SPACE, 128, 3, 100, ("randomised", "nested")),
    Case("stde-1000-4", SPACE, 128, 3, 100, ("randomised",), order=4),
    Case("stde-1000-6", SPACE, 128, 3, 100, ("randomised",), order=6),
)


def network(case: Case, dtype: torch.dtype) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    inputs = len(case.coordinates)
    for _ in range(case.depth):
        layers += [nn.Linear(inputs, case.width), nn.Tanh()]
        inputs = case.width
    return nn.Sequential(*layers, nn.Linear(inputs, 1)).to(dtype)


def points(case: Case, dtype: torch.dtype) -> Tensor:
    """In the unit cube, or where its sides are 1 / sqrt(d)."""
    generator = torch.Generator().manual_seed(1)
    size = (case.points, len(case.coordinates))
    side = 1.0 if len(case.coordinates) < 100 else len(case.coordinates) ** -0.5
    return (side * torch.rand(size, generator=generator)).to(dtype)


Step = Callable[[], list[Tensor]]


def step(case: Case, method: str, dtype: torch.dtype = torch.float32) -> Step:
    """The gradient of the mean square of the residual."""
    model, x = network(case, dtype), points(case, dtype)
    if method == PEER:
        return peer_step(case, model, x)
    parameters = list(model.parameters())
    if method == "nested" and len(case.coordinates) > 100:
        return lambda: list(torch.autograd.grad(whole_laplacian(model, x), parameters))
    derivatives = make_derivatives(method, model, case.coordinates)

    def gradient() -> list[Tensor]:
        if isinstance(derivatives, Randomised):
            derivatives.refresh()
            first, second = derivatives.pair(x, case.residual)
            return list(torch.autograd.grad((first * second).mean(), parameters))
        # As a training asks for it.
        _, slopes = derivatives.slopes(x, case.residual, lambda r: r.square().mean(), parameters)
        return [slopes]

    return gradient


def whole_laplacian(model: nn.Module, x: Tensor) -> Tensor:
    """The loss by nested differentiation, coordinate by coordinate."""
    x = x.clone().requires_grad_(True)
    u = model(x)[:, 0]
    (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    curvature = torch.zeros_like(u)
    for i in range(x.shape[1]):
        (second,) = torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)
        curvature = curvature + second[:, i]
    return (curvature + torch.sin(u)).square().mean()


def peer_step(case: Case, model: nn.Sequential, x: Tensor) -> Step:
    """Theirs with our weights, at our points."""
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde

    def residual(x: Any, u: Any) -> Any:
        u_t = dde.grad.jacobian(u, x, i=0, j=0)
        u_x = dde.grad.jacobian(u, x, i=0, j=1)
        u_xx = dde.grad.hessian(u, x, i=1, j=1)
        if case.name == "burgers":
            return u_t + u * u_x - VISCOSITY * u_xx
        return u_t + u * u_x + u_xx + dde.grad.hessian(u_xx, x, i=1, j=1)

    box = dde.geometry.Rectangle([0, 0], [1, 1])
    data = dde.data.PDE(box, residual, [], num_domain=4)
    net = dde.nn.FNN([2, *[case.width] * case.depth, 1], "tanh", "Glorot normal")
    own = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for theirs, ours in zip(net.linears, own, strict=True):
            theirs.weight.copy_(ours.weight)
            theirs.bias.copy_(ours.bias)
    whole = dde.Model(data, net)
    whole.compile("adam", lr=1e-3, verbose=0)
    array, parameters = x.numpy(), list(net.parameters())

    def gradient() -> list[Tensor]:
        _, losses = whole.outputs_losses_train(array, None, None)
        return list(torch.autograd.grad(losses.sum(), parameters))

    return gradient


def difference(found: list[Tensor], truth: list[Tensor]) -> float:
    """Of two gradients, relative in the Euclidean norm."""
    a, b = (torch.cat([part.double().flatten() for part in parts]) for parts in (found, truth))
    return float((a - b).norm() / b.norm())


def rows(case: Case, methods: list[str], seconds: float, given: argparse.Namespace) -> list[Row]:
    steps = {method: step(case, method) for method in methods}
    errors = dict.fromkeys(methods, math.nan)
    if "nested" in case.methods:
        truth = step(case, "nested", torch.float64)()
        errors = {method: difference(gradient(), truth) for method, gradient in steps.items()}
    slow = len(case.coordinates) > 100
    taken = interleaved(steps, seconds, least=3 if slow else 7, warmups=0 if slow else 2)
    return [
        Row(
            case.name, method if method == PEER else f"sobolev, {method}", method == methods[0],
            taken[method], errors[method],
            measured_memory(
                "--memory", case.name, method, "--threads", str(given.threads), settings=RETURNED
            ),
        )
        for method in methods
    ]  # fmt: skip


def memory(case: Case, method: str) -> float:
    """Peak MB of a step, over what the process holds after one at a few points.

    Of what it holds, not of what the allocator keeps (`RETURNED`), which after many allocations
    of many sizes, as at a high order, is several times as much and another number every day.
    """
    step(replace(case, points=8), method)()
    gradient = step(case, method)
    start_peak()
    before = peak_memory()
    gradient()
    return peak_memory() - before


def missing() -> set[str]:
    """Methods that this machine cannot run; told on standard error."""
    found = set()
    if importlib.util.find_spec("deepxde") is None:
        print("deepxde is not installed: no peer in the table", file=sys.stderr)
        found.add(PEER)
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        print("there is no C++ compiler: no compiled reading in the table", file=sys.stderr)
        found.add("compiled")
    return found


def main() -> int:
    options = parser(__doc__ or "")
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--only", default="", help="cases whose name begins so")
    options.add_argument("--memory", nargs=2, metavar=("CASE", "METHOD"), help=argparse.SUPPRESS)
    given = options.parse_args()
    torch.set_num_threads(given.threads or 1)
    if given.memory:
        name, method = given.memory
        print(memory(next(case for case in CASES if case.name == name), method))
        return 0
    left_out = missing() | ({"compiled"} if given.quick else set())
    found: list[Row] = []
    for case in CASES:
        if case.name.startswith(given.only):
            methods = [m for m in case.methods if m not in left_out]
            found += rows(case, methods, 3.0 if given.quick else 15.0, given)
    report(found, given, threads=torch.get_num_threads())
    return 0


if __name__ == "__main__":
    sys.exit(main())
