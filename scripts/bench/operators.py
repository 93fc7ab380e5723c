"""The FNO against `neuraloperator`, like for like: training step, inference, memory.

Same modes, widths and channel networks, the same weights (copied over), the same allocator,
interleaved calls. The column `error` holds outputs and gradients of both sides against our network
in double precision: both compute the same function, to the rounding of single precision.

neuraloperator 2.0.0 without a channel network applies its GELU twice between layers. Here it is
applied once, on both sides, which makes theirs faster than it is as it comes.

    python scripts/bench/operators.py --quick --json operators.json
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import math
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from common import (
    Row,
    interleaved,
    measured_memory,
    measured_rows,
    parser,
    peak_memory,
    report,
    rows_to_json,
    start_peak,
    with_allocator,
)
from torch import Tensor, nn

from sobolev.operators.fno import FNO, FNOConfig

PEER = "neuraloperator 2.0.0"


@dataclass(frozen=True)
class Case:
    """One network and size; `samples` a batch."""

    name: str
    shape: tuple[int, ...]
    modes: int
    width: int
    channel_mlp: bool
    samples: int = 16


BARE = (
    Case("fno2d-64", (64, 64), 12, 32, False),
    Case("fno1d-1024", (1024,), 16, 64, False),
    Case("fno2d-128", (128, 128), 12, 32, False),
)
CASES = (*BARE, *(Case(f"{c.name}-mlp", c.shape, c.modes, c.width, True) for c in BARE))


def our_network(case: Case) -> FNO:
    config = FNOConfig(width=case.width, modes=case.modes, channel_mlp=case.channel_mlp)
    return FNO(1, 1, len(case.shape), config)


def peer_network(case: Case) -> nn.Module:
    """Theirs, with |k| < modes on every axis, which they call 2 modes - 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from neuralop.models import FNO as Peer

        model = Peer(
            (2 * case.modes - 1,) * len(case.shape), in_channels=1, out_channels=1,
            hidden_channels=case.width, use_channel_mlp=case.channel_mlp,
        )  # fmt: skip
    if not case.channel_mlp:
        blocks = model.fno_blocks
        blocks.forward = types.MethodType(_one_activation, blocks)
    return model


def _one_activation(self: Any, x: Tensor, index: int = 0, output_shape: Any = None) -> Tensor:
    """Their layer without a channel network, as they compute it up to the second activation."""
    skip = self.fno_skips[index](x)
    x = self.convs[index](x, output_shape=output_shape) + skip
    return self.non_linearity(x) if index < self.n_layers - 1 else x


def pairs(case: Case, ours: FNO, peer: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Our parameters beside theirs, as ours are laid out; both share no memory.

    Ours keeps half of the modes on the first axis and theirs on the last, so their network is
    applied to transposed functions: its axes, modes and coordinate channels are reversed.
    """
    ndim = len(case.shape)
    lift = peer.lifting.fcs[0].weight[..., 0]
    order = [0, *range(ndim, 0, -1)]
    yield ours.lift.first.weight, lift[:, order]
    yield ours.lift.first.bias, peer.lifting.fcs[0].bias
    yield ours.lift.second.weight, peer.lifting.fcs[1].weight[..., 0]
    yield ours.lift.second.bias, peer.lifting.fcs[1].bias
    for i, block in enumerate(ours.blocks):
        assert isinstance(block, nn.Module)
        convolution: Any = block.convolution
        weight = peer.fno_blocks.convs[i].weight.to_tensor()
        weight = weight.permute(*range(ndim + 1, 1, -1), 0, 1)
        yield convolution.weight, torch.cat([weight.real, weight.imag], dim=-2)
        yield convolution.bias, peer.fno_blocks.convs[i].bias.flatten()
        skip: Any = block.skip
        yield skip.weight, peer.fno_blocks.fno_skips[i].conv.weight[..., 0]
        if case.channel_mlp:
            network: Any = block.network
            theirs = peer.fno_blocks.channel_mlp[i].fcs
            yield network.first.weight, theirs[0].weight[..., 0]
            yield network.first.bias, theirs[0].bias
            yield network.second.weight, theirs[1].weight[..., 0]
            yield network.second.bias, theirs[1].bias
            yield network.gate, peer.fno_blocks.channel_mlp_skips[i].weight.flatten()
    yield ours.projection.first.weight, peer.projection.fcs[0].weight[..., 0]
    yield ours.projection.first.bias, peer.projection.fcs[0].bias
    yield ours.projection.second.weight, peer.projection.fcs[1].weight[..., 0]
    yield ours.projection.second.bias, peer.projection.fcs[1].bias


def transposed(x: Tensor) -> Tensor:
    return x.permute(0, 1, *range(x.ndim - 1, 1, -1))


def errors(case: Case, ours: FNO, peer: Any) -> tuple[float, float]:
    """Ours and theirs against the same network in double precision.

    The largest difference of outputs and of each parameter's gradient, relative to its largest
    value. Their weights are copied into ours first; all parameters must be in a pair.
    """
    both = list(pairs(case, ours, peer))
    assert len(both) == len(list(ours.parameters())) == len(list(peer.parameters()))
    with torch.no_grad():
        for mine, theirs in both:
            mine.copy_(theirs)
    x = torch.randn(case.samples, 1, *case.shape)
    exact = _answer(copy.deepcopy(ours).double(), x.double(), [m for m, _ in both], ours)
    own = _answer(ours, x, [m for m, _ in both], ours)
    other = transposed(peer(transposed(x)))
    # Their gradients in our layout: put where their weights were, and paired again.
    shadow = peer_network(case)
    found = torch.autograd.grad(other.square().mean(), list(peer.parameters()))
    with torch.no_grad():
        for place, gradient in zip(shadow.parameters(), found, strict=True):
            place.copy_(gradient)
        answer = [other, *(theirs for _, theirs in pairs(case, ours, shadow))]
    return tuple(  # type: ignore[return-value]
        max(_relative(a, b) for a, b in zip(side, exact, strict=True)) for side in (own, answer)
    )


def _answer(model: FNO, x: Tensor, order: list[Tensor], like: FNO) -> list[Tensor]:
    """Output, and gradients in the order of `order`, which are parameters of `like`."""
    places = {id(p): name for name, p in like.named_parameters()}
    own = dict(model.named_parameters())
    y = model(x)
    leaves = [own[places[id(p)]] for p in order]
    return [y, *torch.autograd.grad(y.square().mean(), leaves)]


def _relative(a: Tensor, b: Tensor) -> float:
    return float(((a - b).abs().max() / b.abs().max()).detach())


class Trainer:
    """One network with its optimiser: `step` and `infer` are what is timed."""

    def __init__(self, case: Case, model: nn.Module, fused: bool) -> None:
        self.model = model
        # Fused Adam refuses complex parameters, which theirs has; they get torch's default.
        self.optimizer = torch.optim.Adam(model.parameters(), 1e-4, fused=fused or None)
        generator = torch.Generator().manual_seed(1)
        shape = (case.samples, 1, *case.shape)
        self.x, self.y = torch.randn(2, *shape, generator=generator).unbind(0)

    def step(self) -> None:
        self.optimizer.zero_grad()
        (self.model(self.x) - self.y).square().mean().backward()
        self.optimizer.step()

    def infer(self) -> None:
        with torch.no_grad():
            self.model(self.x)


def measure(case: Case, with_peer: bool, seconds: float) -> list[Row]:
    """Rows of the training step and of inference. Errors last: they disturb the allocator."""
    torch.manual_seed(0)
    ours = our_network(case)
    sides, off = {"sobolev": Trainer(case, ours, True)}, {"sobolev": math.nan}
    if with_peer:
        peer = peer_network(case)
        sides[PEER] = Trainer(case, peer, False)
    times = {
        kind: interleaved({name: getattr(t, kind) for name, t in sides.items()}, seconds)
        for kind in ("step", "infer")
    }
    if with_peer:
        off = dict(zip((*sides,), errors(case, ours, peer), strict=True))
    return [
        Row(f"{case.name}-{kind}", name, name == "sobolev", taken, off[name],
            measured_memory("--memory", case.name, name, kind))
        for kind, found in times.items()
        for name, taken in found.items()
    ]  # fmt: skip


def memory_of(case: Case, method: str, kind: str) -> float:
    """Peak MB of three calls over what the process held after a call of a tiny network.

    The tiny one loads what a first call loads: libraries, threads, compiled kernels.
    """
    ours = method == "sobolev"
    tiny = Case("", (8,) * len(case.shape), 2, 4, case.channel_mlp, 2)
    before = 0.0
    for size in (tiny, case):
        start_peak()
        before = peak_memory()
        trainer = Trainer(size, our_network(size) if ours else peer_network(size), ours)
        for _ in range(3):
            getattr(trainer, kind)()
    return peak_memory() - before


def main() -> int:
    options = parser(__doc__ or "")
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    options.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    with_allocator(given.allocator)
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.memory:
        name, method, kind = given.memory
        print(memory_of(next(c for c in CASES if c.name == name), method, kind))
        return 0
    with_peer = importlib.util.find_spec("neuralop") is not None
    if not with_peer:
        missing = f"{PEER} is not installed: only our own rows; pip install 'sobolev[bench]'"
        print(missing, file=sys.stderr)
    if given.case:
        case, seconds = next(c for c in CASES if c.name == given.case[0]), float(given.case[1])
        print(rows_to_json(measure(case, with_peer, seconds)))
        return 0
    rows: list[Row] = []
    for case in BARE[:2] if given.quick else CASES:
        print(f"measuring {case.name}", file=sys.stderr, flush=True)
        # Each case in a process of its own: what glibc does depends on what was freed before.
        rows += measured_rows(given, "--case", case.name, "2.5" if given.quick else "12")
    report(rows, given, threads=torch.get_num_threads())
    return 0


if __name__ == "__main__":
    sys.exit(main())
