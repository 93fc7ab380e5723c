"""Random initial fields of periodic problems."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from .random_fields import GaussianField


@dataclass(frozen=True)
class SineWaves:
    """sum_j A_j sin(2 pi l_j x / L + phi_j), j = 1 .. count.

    A_j uniform in [-amplitude, amplitude], l_j one of 1 .. highest, phi_j uniform in [0, 2 pi);
    length: the period L.
    """

    length: float
    count: int = 10
    amplitude: float = 0.5
    highest: int = 3

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Amplitudes, wave numbers and phases, (3, count)."""
        return np.stack(
            [
                generator.uniform(-self.amplitude, self.amplitude, self.count),
                generator.integers(1, self.highest + 1, self.count),
                generator.uniform(0, 2 * np.pi, self.count),
            ]
        )

    def evaluate(self, drawn: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The sum at points x of any shape."""
        amplitude, number, phase = drawn
        angles = 2 * np.pi / self.length * np.multiply.outer(x, number) + phase
        return np.sin(angles) @ amplitude


def smooth_field(
    extent: tuple[tuple[float, float], ...],
    wave_length: float,
    size: float = 1.0,
    modes: int = 32,
    constant_mode: bool = False,
) -> GaussianField:
    """A periodic Gaussian law N(0, scale^2 (-Lap + (2 pi / wave_length)^2)^-4).

    size: root of the mean square of a field, over all fields and points, by choice of the scale;
    modes: wave numbers along each axis.
    """
    tau = 2 * math.pi / wave_length
    law = GaussianField(extent, 4.0, tau, 1.0, "periodic", modes, constant_mode)
    axes = [
        (2 * math.pi / (right - left) * np.arange(1 - modes, modes)) ** 2 for left, right in extent
    ]
    squares = functools.reduce(np.add.outer, axes)
    mean_square = np.sum((squares + tau**2) ** -law.alpha)
    mean_square -= 0.0 if constant_mode else tau ** (-2 * law.alpha)
    volume = math.prod(right - left for left, right in extent)
    return replace(law, scale=size * math.sqrt(volume / mean_square))
