"""Training in stages, to the precision of the machine: u = sum_n eps_n u_n.

One network stops far above rounding. A second one, scaled to what the first left over and quick
enough to follow it, starts where the first ended; and so on (Wang & Lai 2024). Fitting a function
is the equation u - f = 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.function import Function
from .config import PRECISIONS, PINNConfig
from .networks import MLP, Coordinates
from .objective import Objective, add_conditions
from .pinn import make_weighting, train
from .result import PINNResult
from .run import Progress
from .samplers import Sobol
from .statement import Statement
from .weights import Fixed

LINES, ALONG = 8, 512  # along each axis, to look for the frequency of a residual


class StageNetwork(nn.Module):
    """A sine layer of given frequencies, and tanh layers: points (n, coordinates) to (n, outputs).

    turns: of each coordinate over its extent, the highest that the sine layer starts with.
    """

    def __init__(
        self, coordinates: Coordinates, config: PINNConfig, turns: Sequence[float], outputs: int
    ) -> None:
        super().__init__()
        dtype = PRECISIONS[config.precision]
        body = MLP(
            coordinates, config.width, config.depth, config.activation, config.seed, outputs, dtype
        )
        first = body.layers[0]
        assert isinstance(first, nn.Linear)
        generator = torch.Generator().manual_seed(config.seed)
        with torch.no_grad():
            # A turn is 2 pi over the extent, and an open coordinate runs from -1 to 1 along it.
            scale = torch.tensor(
                [
                    math.pi * turn if not wraps else turn
                    for turn, wraps in zip(turns, coordinates.periodic, strict=True)
                    for _ in range(2 * coordinates.harmonics if wraps else 1)
                ]
            ).to(dtype)
            even = torch.rand(first.weight.shape, generator=generator, dtype=torch.float64)
            first.weight.copy_((2.0 * even - 1.0) * scale)
            phases = torch.rand(first.bias.shape, generator=generator, dtype=torch.float64)
            first.bias.copy_(2.0 * math.pi * phases)
        self.body = body

    def forward(self, points: Tensor) -> Tensor:
        layers, activations = self.body.layers, self.body.activations
        h = torch.sin(layers[0](self.body.coordinates(points)))
        for layer, activation in zip(layers[1:-1], activations[1:], strict=True):
            h = activation(layer(h))
        return layers[-1](h)


class Stages(nn.Module):
    """sum_n eps_n N_n of which only the last network is trained."""

    def __init__(self, networks: Sequence[nn.Module], scales: Sequence[float]) -> None:
        super().__init__()
        self.networks, self.scales = nn.ModuleList(networks), tuple(scales)
        for network in self.networks[:-1]:
            network.requires_grad_(False)

    def forward(self, points: Tensor) -> Tensor:
        total = self.scales[0] * self.networks[0](points)
        for scale, network in zip(self.scales[1:], self.networks[1:], strict=True):
            total = total + scale * network(points)
        return total


@dataclass(frozen=True)
class Stage:
    """One stage: its eps, the turns of its first layer, and root mean squares of the residual."""

    scale: float
    turns: tuple[float, ...]
    before: float
    after: float
    steps: int
    seconds: float
    stop_reason: str


@dataclass(frozen=True)
class StagedResult:
    """The stages and the last of their results, whose field is the whole sum."""

    stages: tuple[Stage, ...]
    result: PINNResult

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)


def train_in_stages(
    statement: Statement,
    config: PINNConfig,
    stages: int = 3,
    progress: Progress | None = None,
    reference: Function | None = None,
    enough: float = 0.5,
) -> StagedResult:
    """Train up to `stages` networks, each on what those before it left over.

    eps of a stage makes its untrained network change the residual as much as there is left of it,
    whatever the order of the equation; the loss is measured in units of what is left. The
    frequencies of its first layer are those in which the residual is strongest along each axis.
    A stage that leaves more than `enough` of the residual is the last, and one that leaves more
    than it found is dropped. Each has a seed of its own.
    `term_weights` of the config say what each term counts besides; its weighting is not asked.
    Raises InputError as `train` does.
    """
    if stages < 1 or not 0.0 < enough <= 1.0:
        raise InputError(f"expected stages >= 1 and 0 < enough <= 1, got {stages} and {enough}")
    statement = statement.with_hard_initial() if config.hard_initial else statement
    counts = make_weighting(dataclasses.replace(config, weighting="fixed"), statement)
    coordinates = Coordinates(statement.extent, statement.periodic, config.harmonics)
    outputs = len(statement.unknowns)
    networks: list[nn.Module] = []
    scales: list[float] = []
    done: list[Stage] = []
    result: PINNResult | None = None
    for number in range(stages):
        own = dataclasses.replace(config, seed=config.seed + number)
        turns = (1.0,) * len(statement.coordinates)
        if networks:
            turns = dominant_turns(_objective(statement, Stages(networks, scales), own))
        networks.append(StageNetwork(coordinates, own, turns, outputs))
        scale, before = _scale(statement, networks, scales, own)
        scales.append(scale)
        unit = max(before, 1e-300) ** 2
        weights = Fixed({name: counts.current(name) / unit for name in statement.terms})
        trained = train(
            statement, config=own, progress=progress, reference=reference, weighting=weights,
            network=Stages(networks, scales),
        )  # fmt: skip
        after = _size(_objective(statement, Stages(networks, scales), own))
        if result is not None and not after < before:
            break  # rounding is reached: the sum is better without it
        result = trained
        done.append(
            Stage(scale, turns, before, after, trained.steps, trained.seconds, trained.stop_reason)
        )
        if after > enough * before:
            break
    assert result is not None
    return StagedResult(tuple(done), result)


def dominant_turns(objective: Objective) -> tuple[float, ...]:
    """Turns over its extent in which the residual is strongest, for each coordinate."""
    return tuple(_turns_along(objective, axis) for axis in range(len(objective.statement.extent)))


def _turns_along(objective: Objective, axis: int) -> float:
    unit = Sobol(0).draw(LINES, len(objective.statement.extent)).repeat_interleave(ALONG, dim=0)
    places = (torch.arange(ALONG, dtype=torch.float64) + 0.5) / ALONG
    unit[:, axis] = places.repeat(LINES)
    # Shapes that do not fill their box give fewer points; there the lines keep what is inside.
    inside = objective.statement.inside(unit)
    values = torch.zeros(len(unit), dtype=torch.float64)
    values[inside] = objective.residuals(objective.statement.interior(unit))[:, 0].double()
    lines = values.view(LINES, ALONG)
    window = torch.hann_window(ALONG, periodic=False, dtype=torch.float64)
    power = torch.fft.rfft((lines - lines.mean(dim=1, keepdim=True)) * window).abs().square()
    power = power.sum(dim=0)
    turns = torch.arange(len(power), dtype=torch.float64)
    return max(1.0, float((power * turns.square()).sum() / power.sum()) ** 0.5)


def _objective(statement: Statement, network: nn.Module, config: PINNConfig) -> Objective:
    """The statement's loss on even points, without weights."""
    field = statement.wrap(network)
    objective = Objective(statement, field, Fixed(), config.chunk, 1, config.derivatives)
    even = Sobol(config.seed)
    size = len(statement.coordinates)
    add_conditions(
        objective, lambda n: even.draw(n, size), config.initial_points, config.boundary_points
    )
    objective.put_equation(statement.interior(even.draw(config.points, size)))
    return objective


def _size(objective: Objective) -> float:
    """Root of the loss."""
    return float(objective.rows(objective.vector()).double().norm())


def _scale(
    statement: Statement, networks: Sequence[nn.Module], scales: Sequence[float], config: PINNConfig
) -> tuple[float, float]:
    """eps of the last network, and the residual without it."""

    def rows(eps: float) -> Tensor:
        objective = _objective(statement, Stages(networks, (*scales, eps)), config)
        return objective.rows(objective.vector()).double()

    left, small = rows(0.0), 1e-3 * (scales[-1] if scales else 1.0)
    slope = float((rows(small) - left).norm()) / small
    before = float(left.norm())
    # The first one may have any size: the conditions and the equation ask for it.
    return (before / slope if scales and slope > 0.0 else 1.0), before
