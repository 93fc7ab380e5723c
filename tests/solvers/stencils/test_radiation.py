"""Open ends: what comes back from them, against the reflection coefficients of theory."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils.integrate import integrate
from sobolev.solvers.stencils.radiation import (
    RADIATING_WAVE,
    RADIATING_WAVE_2D,
    edges,
    opening,
)

OPEN = {"x": (True, True)}


def energy(state, grid):
    """Of u and v in one dimension, with the midpoint differences that the scheme has."""
    u, v = state
    return (grid.weights * v**2).sum() + grid.spacing[0] * (
        (np.diff(u) / grid.spacing[0]) ** 2
    ).sum()


def test_in_one_dimension_reflected_energy_falls_with_the_fourth_power_of_the_spacing():
    sizes, left = (201, 301, 401, 601), []
    for n in sizes:
        grid = Grid(((-1.0, 1.0),), (n,))
        x = grid.axes[0]
        pulse = np.exp(-((x / 0.1) ** 2)) * np.cos(30 * x)
        solution = integrate(
            RADIATING_WAVE, np.stack([pulse, 0 * pulse])[None], np.array([0.0, 2.5]), grid,
            {"speed": 1.0}, {"opening": opening(grid)}, dt=0.4 * grid.spacing[0],
        )  # fmt: skip
        frames = solution.fields[0]
        left.append(energy(frames[1], grid) / energy(frames[0], grid))
    assert left[-1] < 2e-6
    assert abs(-np.polyfit(np.log(sizes), np.log(left), 1)[0] - 4) < 0.2


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("degrees", [30, 45, 60])
def test_oblique_waves_come_back_as_theory_says(order, degrees):
    """A long packet, one wave along y, meets the end x = 2."""
    angle, k, width = np.radians(degrees), 10.0, 1.2
    kx, ky, slow = k * np.cos(angle), k * np.sin(angle), np.cos(angle)
    grid = Grid(((-8.0, 2.0), (0.0, 2 * np.pi / ky)), (801, 16), periodic=(False, True))
    x, y = grid.coordinates()
    packet, phase = np.exp(-(((x + 3) / width) ** 2)), kx * x + ky * y
    u = packet * np.cos(phase)
    v = packet * (k * np.sin(phase) + 2 * (x + 3) / width**2 * slow * np.cos(phase))
    state = [u, v] if order == 1 else [u, v, 0 * u]
    solution = integrate(
        RADIATING_WAVE if order == 1 else RADIATING_WAVE_2D, np.stack(state)[None],
        np.array([0.0, 10 / slow]), grid, {"speed": 1.0},
        {"opening": opening(grid, OPEN)} if order == 1 else edges(grid, OPEN),
    )  # fmt: skip
    before, after = (np.sqrt((frame[:2] ** 2).sum()) for frame in solution.fields[0])
    theory = ((1 - np.cos(angle)) / (1 + np.cos(angle))) ** order
    assert abs(after / before - theory) < (0.005 if order == 1 else 0.015)


@pytest.mark.parametrize("order", [1, 2])
def test_a_square_of_open_ends_is_empty_in_the_end(order):
    grid = Grid(((-1.0, 1.0), (-1.0, 1.0)), (61, 61))
    x, y = grid.coordinates()
    u = np.exp(-((x - 0.2) ** 2 + (y + 0.1) ** 2) / 0.02)
    state = [u, 0 * u] if order == 1 else [u, 0 * u, 0 * u]
    solution = integrate(
        RADIATING_WAVE if order == 1 else RADIATING_WAVE_2D, np.stack(state)[None],
        np.array([0.0, 3.0, 30.0]), grid, {"speed": 1.0},
        {"opening": opening(grid)} if order == 1 else edges(grid), order=4,
    )  # fmt: skip
    peaks = np.abs(solution.fields[0, :, 0]).max(axis=(1, 2))
    assert peaks[1] < (0.01 if order == 1 else 0.006)
    assert peaks[2] < 1e-6


def test_ends_between_cells_are_refused():
    with pytest.raises(InputError, match="vertex"):
        opening(Grid(((0.0, 1.0),), (8,), centering="cell"))
