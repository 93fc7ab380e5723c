"""A combustor without extent: a perfectly stirred reactor that ignites, burns or goes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..ordinary import OrdinaryProblem
from ..problem import Arrays, Card, Draw, Fidelity, TruthCheck, Variable, check_range
from ..random_fields import log_uniform

if TYPE_CHECKING:
    from ...solvers.ordinary.system import System


@dataclass(frozen=True)
class Combustor(OrdinaryProblem):
    """Fuel and temperature of an adiabatic stirred reactor with one Arrhenius reaction.

    damkoehler, residence time by burning time at the temperature 1 + heat: log-uniform between
    its bounds; inlet, temperature of what flows in: uniform between its bounds; heat: temperature
    rise of complete burning; activation: activation temperature. Temperatures are over one
    reference, time is in residence times. The initial fuel is uniform in [0, 1], the initial
    temperature uniform from the inlet's to that of complete burning.
    """

    horizon: float = 10.0
    frames: int = 101
    damkoehler_min: float = 1.0
    damkoehler_max: float = 100.0
    inlet_min: float = 1.0
    inlet_max: float = 2.0
    heat: float = 4.0
    activation: float = 20.0

    name: ClassVar[str] = "combustor"
    summary: ClassVar[str] = "perfectly stirred reactor: ignition, burning and extinction"
    scheme_order: ClassVar[int] = 4
    inputs: ClassVar = (
        Variable("y0", kind="scalar", description="initial unburnt share of the fuel"),
        Variable("theta0", kind="scalar", description="initial temperature over the reference"),
        Variable("damkoehler", kind="scalar", description="residence time by burning time"),
        Variable("inlet", kind="scalar", description="temperature of the inflow"),
    )
    outputs: ClassVar = (
        Variable("y", description="unburnt share of the fuel"),
        Variable("theta", description="temperature over the reference"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least, most in (
            ("damkoehler_min", 1e-12, 1e12), ("damkoehler_max", 1e-12, 1e12),
            ("inlet_min", 0.1, 10), ("inlet_max", 0.1, 10), ("heat", 1e-6, 100),
            ("activation", 0, 1000),
        ):  # fmt: skip
            check_range(name, getattr(self, name), least, most)
        for name in ("damkoehler", "inlet"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise InputError(f"expected {name}_min <= {name}_max, got {low} and {high}")

    @property
    def system(self) -> System:
        from ...solvers.ordinary.systems import STIRRED_REACTOR

        return STIRRED_REACTOR

    def constants(self) -> dict[str, float]:
        return {"heat": self.heat, "activation": self.activation}

    def draw(self, generator: np.random.Generator) -> Draw:
        inlet = generator.uniform(self.inlet_min, self.inlet_max)
        return {
            "y0": generator.uniform(),
            "theta0": inlet + self.heat * generator.uniform(),
            "damkoehler": log_uniform(generator, self.damkoehler_min, self.damkoehler_max),
            "inlet": inlet,
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {name: np.asarray(value) for name, value in draw.items()}

    @property
    def card(self) -> Card:
        return Card(
            domain=f"t in [0, {self.horizon:g}] residence times",
            conditions=f"state given at t = 0; heat {self.heat:g}, activation {self.activation:g}",
            inputs=(
                f"Da log-uniform in [{self.damkoehler_min:g}, {self.damkoehler_max:g}], inlet "
                f"uniform in [{self.inlet_min:g}, {self.inlet_max:g}], y0 in [0, 1], theta0 in "
                f"inlet + [0, {self.heat:g}]"
            ),
            solver="RODAS, a Rosenbrock method of order 4(3), with error control",
            source="Law 2006, Combustion Physics, section 8.1 (the S-shaped curve)",
        )

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """Beside those of every trajectory: the enthalpy theta + heat y knows nothing of the
        reaction and tends to that of the inflow like exp(-t).
        """
        theta, y = (np.asarray(outputs[name], dtype=float) for name in ("theta", "y"))
        enthalpy, fed = theta + self.heat * y, np.asarray(inputs["inlet"])[:, None] + self.heat
        expected = fed + (enthalpy[:, :1] - fed) * np.exp(-self.times)
        figure = float(np.abs(enthalpy / expected - 1).max())
        eps = float(np.finfo(np.asarray(outputs["theta"]).dtype).eps)
        check = TruthCheck(
            "enthalpy tends to the inflow's", figure, 100 * fidelity.tolerance + 8 * eps
        )
        return [*super().truth_checks(inputs, outputs, grid, fidelity, generator), check]
