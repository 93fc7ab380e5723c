"""Published failures of PINNs and their cures, side by side with what an honest control does.

`python scripts/bench/pinn_remedies.py r3` (or `multi_adam`, `ntk`) trains what the figure needs,
prints a table and writes `FIGURE.png`. Beside the failure and its cure, both as published in single
precision with Adam, stand the plain network in double precision with a second-order method, and
random features with least squares. Every run has a folder of its own, from which a stopped one
goes on; finished ones are kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sobolev.datasets.files import write_whole
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.shapes import Box
from sobolev.pinns.cases import CASES
from sobolev.pinns.conditions import Condition, Dirichlet, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.objective import Objective, add_conditions
from sobolev.pinns.pinn import train
from sobolev.pinns.random_features import RandomFeatureConfig, solve
from sobolev.pinns.random_features.recipes import RECIPES
from sobolev.pinns.result import CHECKPOINT, CONFIG, PINNResult, load_result
from sobolev.pinns.samplers import Sobol
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import Fixed
from sobolev.pinns.windows import solve_windows
from sobolev.scripts import figures

DONE = "done.json"
LEAST = 1e-14  # of an error on a logarithmic axis


@dataclass(frozen=True)
class Case:
    """What is solved, and how random features solve it. windows: in time, 0 if steady."""

    statement: Statement
    reference: Function
    windows: int
    features: RandomFeatureConfig


@dataclass(frozen=True)
class Row:
    """What a run came to. x: where it stands on the figure's axis, if that is not its steps."""

    label: str
    error: float
    seconds: float
    steps: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    x: float = math.nan


def published(**changes: Any) -> PINNConfig:
    """Adam in single precision with fixed points and weights: what the papers improve upon."""
    options: dict[str, Any] = {
        "sampler": "uniform", "weighting": "fixed", "refresh_every": 0, "rate": 1e-3,
        "decay": 1.0, "second_steps": 0, "precision": "float32", "threads": 1,
        "derivatives": "nested", "log_every": 100, "checkpoint_every": 500, **changes,
    }  # fmt: skip
    return PINNConfig(**options)


def control(config: PINNConfig, steps: int) -> PINNConfig:
    """The same network, points and weights in double precision, by Gauss-Newton."""
    plain = {
        **config.to_dict(), "sampler": "uniform", "weighting": "fixed", "precision": "float64",
        "first": "adam", "first_steps": 0, "second": "gauss_newton", "second_steps": steps,
        "refresh_every": 0, "derivatives": "taylor", "log_every": max(1, steps // 50),
        "checkpoint_every": 50,
    }  # fmt: skip
    return PINNConfig(**plain)


class Runs:
    """The runs of one figure in their folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pinn(
        self, label: str, case: Case, config: PINNConfig, x: float = math.nan
    ) -> tuple[Row, PINNResult]:
        """Train, go on, or read what is there."""
        place = self.folder / label.replace(" ", "-").replace(",", "")

        def progress(step: int, total: int, text: str) -> None:
            print(f"{label}: {step}/{total} {text}", file=sys.stderr, flush=True)

        if (place / CONFIG).exists():
            result = load_result(place, case.statement)
        else:
            result = train(
                case.statement, config=config, output=place, progress=progress,
                resume=(place / CHECKPOINT).exists(), reference=case.reference,
            )  # fmt: skip
        if result.config != config:
            raise InputError(f"expected a run of these options in {place}; give another --folder")
        errors = result.column("error")
        steps = result.column("step")
        return Row(
            label, result.error(case.reference), result.seconds, steps.tolist(), errors.tolist(), x
        ), result

    def features(self, case: Case, label: str = "random features", x: float = math.nan) -> Row:
        """The baseline, or what it came to before."""
        path = self.folder / label.replace(" ", "-") / DONE
        if path.exists():
            return Row(**json.loads(path.read_text()))
        if case.windows:
            result: Any = solve_windows(case.statement, case.windows, case.features)
        else:
            result = solve(case.statement, case.features)
        row = Row(label, result.error(case.reference), result.seconds, x=x)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(row)))
        return row


# --- R3 on convection -------------------------------------------------------------------------


def r3(runs: Runs, quick: bool, picture: Path) -> list[Row]:
    """u_t + 30 u_x = 0: with fixed points the solution stays wrong for most times.

    Daw et al. 2023, figure 5, by their options: 4 hidden layers of 50 units, 1000 points, all
    conditions in the loss, with weights of 100, and R3 at every step. Here the network is fed
    coordinates of size 1, and stops after a sixth of the steps. The run with as many new uniform
    points tells how much of the cure is that points are new.
    """
    made, recipe = CASES["convection_30"], RECIPES["convection_30"]
    weights = {"initial": 100.0, "periodic x": 100.0}
    case = Case(soft(made.statement()), made.reference(), recipe.windows, recipe.config)
    random = dataclasses.replace(case, statement=made.statement())
    width, depth, points = (8, 2, 64) if quick else (50, 4, 1000)
    steps = 20 if quick else 50_000
    config = published(
        width=width, depth=depth, points=points, initial_points=256, boundary_points=100,
        first_steps=steps, decay=0.9 ** (steps / 5000), derivatives="fused", log_every=500,
        term_weights=weights,
    )  # fmt: skip
    anew = dataclasses.replace(config, refresh_every=1)
    named = {
        "fixed points, float32 Adam": config,
        "new points, float32 Adam": anew,
        "R3, float32 Adam": dataclasses.replace(anew, sampler="r3"),
        # Smaller, so that J^T J can be factored.
        "fixed points, float64 Gauss-Newton": control(
            dataclasses.replace(config, width=min(width, 30), depth=min(depth, 3)),
            3 if quick else 200,
        ),
    }
    found = {label: runs.pinn(label, case, chosen) for label, chosen in named.items()}
    rows = [*(row for row, _ in found.values()), runs.features(random)]
    figure, (left, right) = plots()
    draw_errors(left, rows)
    last = Grid(((0.0, 1.0), (0.0, 2.0 * math.pi)), (2, 256), (False, True), names=("t", "x"))
    x = last.axes[1]
    right.plot(x, np.sin(x - 30.0), color="0.75", linewidth=5, label="exact")
    for label, (_, result) in found.items():
        right.plot(x, result.predict(last)[-1], label=label)
    right.set(xlabel="x", ylabel="u", title="the last time")
    legend_below(right)
    finish(figure, picture)
    return rows


def soft(statement: Statement) -> Statement:
    """The statement with all its conditions in the loss, as the papers have them."""

    def softened(condition: Condition) -> Condition:
        if isinstance(condition, Periodic):
            return dataclasses.replace(condition, hard=False, derivatives=0)
        return dataclasses.replace(condition, hard=False)

    return dataclasses.replace(statement, conditions=[softened(c) for c in statement.conditions])


# --- MultiAdam on domains of all sizes --------------------------------------------------------


def multi_adam(runs: Runs, quick: bool, picture: Path) -> list[Row]:
    """lap u = f on [0, 2 pi / a]^2: a^4 is in the equation's part of the loss alone.

    Yao et al. 2023: Adam follows whichever part is larger, MultiAdam the two alike. All networks
    are fed coordinates of size 1, so that a decides on nothing else.
    """
    scales = (1, 16) if quick else (1, 2, 4, 8, 16)
    size = {"width": 30, "depth": 3, "points": 256, "boundary_points": 128}
    config = published(
        **size, first_steps=10 if quick else 5000, sampler="sobol", derivatives="fused"
    )
    named = {
        "Adam, float32": config,
        "MultiAdam, float32": dataclasses.replace(config, first="multi_adam"),
        "Gauss-Newton, float64": control(config, 3 if quick else 50),
    }
    features = RandomFeatureConfig(patches=2, refinements=0)
    rows = []
    for scale in scales:
        case = Case(poisson(float(scale)), poisson_reference(float(scale)), 0, features)
        for label, chosen in named.items():
            row, _ = runs.pinn(f"{label}, a = {scale}", case, chosen, float(scale))
            rows.append(row)
        rows.append(runs.features(case, f"random features, a = {scale}", float(scale)))
    figure, (left, right) = plots()
    for label in (*named, "random features"):
        own = [row for row in rows if row.label.startswith(label)]
        left.loglog([r.x for r in own], [max(r.error, LEAST) for r in own], "o-", label=label)
    left.set(xlabel="a, of a domain of side 2 pi / a", ylabel="relative L2 error", xticks=scales)
    left.set_xticklabels([str(scale) for scale in scales])
    left.minorticks_off()
    legend_below(left)
    for row in rows:
        if row.label.startswith("Adam"):
            right.semilogy(row.steps, row.errors, label=row.label)
        elif row.label.startswith("MultiAdam"):
            name = "MultiAdam, float32, each a" if row.x == scales[0] else None
            right.semilogy(row.steps, row.errors, "--", color="black", label=name)
    right.set(xlabel="step", ylabel="relative L2 error")
    legend_below(right)
    finish(figure, picture)
    return rows


def poisson(scale: float) -> Statement:
    """lap u = f on [0, 2 pi / a]^2 with u = sin(a x) sin(a y), 0 on the boundary."""

    def residual(u: Any, d: Any, x: Any, p: Any) -> Any:
        return d.laplacian(u) + 2.0 * scale**2 * torch.sin(scale * x["x"]) * torch.sin(
            scale * x["y"]
        )

    side = 2.0 * math.pi / scale
    return Statement(("x", "y"), Box((0.0, 0.0), (side, side)), residual, (Dirichlet("all", 0.0),))


def poisson_reference(scale: float) -> Function:
    grid = Grid(((0.0, 2.0 * math.pi / scale),) * 2, (65, 65), names=("x", "y"))
    x, y = (scale * c for c in grid.coordinates())
    return Function(np.sin(x) * np.sin(y), grid)


# --- tangent kernels --------------------------------------------------------------------------


def ntk(runs: Runs, quick: bool, picture: Path) -> list[Row]:
    """u'' = f with u = sin(4 pi x): the boundary is learned last, its kernel being the smaller.

    Wang, Yu & Perdikaris 2022, figures 1, 6 and 7: one hidden layer of 100 units. Weights can
    change when points do, every 100 steps, so the run beside has new points then, too; the one with
    fixed points tells how much of the failure is theirs.
    """
    made, recipe = CASES["waves"], RECIPES["waves"]
    case = Case(made.statement(), made.reference(), recipe.windows, recipe.config)
    size = {"width": 100, "depth": 1, "points": 100, "boundary_points": 100}
    every = 10 if quick else 100
    config = published(**size, first_steps=20 if quick else 5000, refresh_every=every)
    cure = dataclasses.replace(config, weighting="ntk")
    cured = "NTK weights, float32 Adam"
    named = {
        "fixed weights, float32 Adam": config,
        "fixed weights and points, float32 Adam": dataclasses.replace(config, refresh_every=0),
        cured: cure,
        "fixed weights, float64 Gauss-Newton": control(config, 3 if quick else 100),
    }
    found = {label: runs.pinn(label, case, chosen) for label, chosen in named.items()}
    rows = [*(row for row, _ in found.values()), runs.features(case)]
    figure, (left, right) = plots()
    draw_errors(left, rows)
    for label, (_, result) in found.items():
        if "Adam" in label:
            for (term, values), style in zip(spectra(result).items(), ("-", "o--"), strict=True):
                right.loglog(np.arange(1, len(values) + 1), values, style, label=f"{term}, {label}")
    right.set(xlabel="index", ylabel="eigenvalue of the tangent kernel", title="trained networks")
    right.set_ylim(bottom=1e-6)
    legend_below(right)
    finish(figure, picture)
    return rows


def spectra(result: PINNResult, points: int = 100) -> dict[str, np.ndarray]:
    """Eigenvalues of the kernels J_i J_i^T of the equation's and the boundary's misfits.

    The Jacobian is taken in double precision; its rows are those of the misfits themselves, without
    weights and without a division by their number.
    """
    field = result.field.double()
    objective = Objective(result.statement, field, Fixed(), points)
    unit = Sobol(1)
    dimension = len(result.statement.coordinates)
    objective.put_equation(result.statement.interior(unit.draw(points, dimension)))
    add_conditions(objective, lambda count: unit.draw(count, dimension), points, points)
    found = {}
    names = [name for name, term in objective.terms.items() for _ in term.parts]
    for name, rows in zip(names, objective.jacobian(objective.vector()).blocks(), strict=True):
        values = torch.linalg.eigvalsh(rows @ rows.T) * len(rows)
        found[name] = values.flip(0).clamp(min=0.0).numpy()
    return found


# --- pictures and the table -------------------------------------------------------------------


def plots() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, 2, figsize=(11, 5), layout="constrained")


def draw_errors(axes: Any, rows: Sequence[Row]) -> None:
    """Errors against steps; a line across for what has no steps."""
    for row in rows:
        if row.steps:
            axes.semilogy(row.steps, row.errors, label=f"{row.label}: {row.seconds:.0f} s")
        else:
            label = f"{row.label}: {row.seconds:.1f} s"
            axes.axhline(max(row.error, LEAST), color="0.3", linestyle=":", label=label)
    axes.set(xlabel="step", ylabel="relative L2 error", xscale="log")
    legend_below(axes)


def legend_below(axes: Any) -> None:
    """Where it hides no curve."""
    count = len(axes.get_legend_handles_labels()[1])
    axes.legend(
        fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.13),
        ncols=2 if count > 3 else 1,
    )  # fmt: skip


def finish(figure: Any, picture: Path) -> None:
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_whole(picture, figures.to_png(figure))


def print_table(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="random features: the baseline that every PINN has to face")
    for column in ("run", "relative L2 error", "seconds"):
        table.add_column(column, justify="left" if column == "run" else "right")
    for row in rows:
        table.add_row(row.label, f"{row.error:.2e}", f"{row.seconds:.1f}")
    Console(width=None if sys.stdout.isatty() else 110).print(table)


FIGURES: dict[str, Callable[[Runs, bool, Path], list[Row]]] = {
    "r3": r3, "multi_adam": multi_adam, "ntk": ntk,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figure", choices=[*sorted(FIGURES), "all"], nargs="?", default="all")
    parser.add_argument("--quick", action="store_true", help="a few steps of small networks")
    parser.add_argument("--folder", type=Path, default=Path("runs/pinn-remedies"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in sorted(FIGURES) if given.figure == "all" else [given.figure]:
        picture = given.folder / f"{name}.png"
        try:
            rows = FIGURES[name](Runs(given.folder / name), given.quick, picture)
        except InputError as problem:
            raise SystemExit(f"pinn_remedies: {problem}") from None
        print_table(rows)
        print(f"picture: {picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
