"""The cases: that their references solve their statements, and that they can be trained."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.pinns.cases import CASES
from sobolev.pinns.cases.evolution import VISCOSITY, cole_hopf, smoothing_kink
from sobolev.pinns.conditions import Initial
from sobolev.pinns.pinn import train


@pytest.mark.parametrize(
    "name",
    ["burgers", "convection_30", pytest.param("kdv", marks=pytest.mark.slow),
     pytest.param("allen_cahn", marks=pytest.mark.slow)],
)  # fmt: skip
def test_references_in_time_solve_their_statements(name):
    """u_t by differences of the first frames, derivatives in x by the reference's own modes."""
    case = CASES[name]
    statement, values = case.statement(), case.reference().numpy()[:21]
    t, x = case.on.axes
    initial = next(c for c in statement.conditions if isinstance(c, Initial))
    start = initial.value({"t": torch.zeros(len(x)), "x": torch.from_numpy(x.copy())})
    assert np.abs(values[0] - start.numpy()).max() < 1e-5

    waves = 2j * np.pi * np.fft.rfftfreq(len(x), (x[1] - x[0]))
    slope_t = (values[2:] - values[:-2]) / (t[2] - t[0])

    def d(u, spelling):
        if spelling == "t":
            return slope_t
        return np.fft.irfft(waves ** len(spelling) * np.fft.rfft(u), len(x))

    r = statement.residual(values[1:-1], d, {}, None)
    # Differences in time are wrong by the third derivative, a few per cent of the slope here.
    inner = np.abs(np.abs(x - x.mean()) - (x[-1] - x[0]) / 2) > 0.05 * (x[-1] - x[0])
    assert np.abs(r[5:, inner]).max() < 0.04 * np.abs(slope_t).max()


def test_cole_hopf_agrees_with_the_spectral_solver():
    from sobolev.solvers.spectral.equations import BURGERS
    from sobolev.solvers.spectral.integrate import integrate

    fine = Grid(((-1.0, 1.0),), (256,), periodic=True)
    times = np.array([0.0, 0.1, 0.2])
    found = integrate(
        BURGERS, -np.sin(np.pi * fine.axes[0])[None], times, fine, {"viscosity": VISCOSITY},
        dt=0.005,
    )  # fmt: skip
    assert np.abs(found.fields[0] - cole_hopf(times, fine.axes[0])).max() < 1e-7


@pytest.mark.parametrize("name", ["helmholtz", "convection", "poisson_10d", "regression", "decay"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-8])
def test_classical_solvers_meet_their_tolerance(name, tolerance):
    case = CASES[name]
    truth = case.solution(case.on)
    error = np.abs(case.classical(case.on, tolerance) - truth).max()
    steps = 10 if name == "decay" else 1  # an integrator's tolerance is that of a step
    assert error < steps * tolerance


def test_chebyshev_refuses_what_no_number_of_points_reaches():
    case = CASES["helmholtz"]
    with pytest.raises(InputError, match="128 points an axis"):
        case.classical(case.on, 0.0)


@pytest.mark.parametrize("name", ["helmholtz", "waves"])
def test_references_on_grids_vanish_in_the_residual(name):
    statement = CASES[name].statement()
    exact = {
        "helmholtz": lambda x: torch.sin(math.pi * x[:, 0]) * torch.sin(4.0 * math.pi * x[:, 1]),
        "waves": lambda x: torch.sin(4.0 * math.pi * x[:, 0]),
    }[name]
    check_exact(statement, CASES[name].reference(), exact)


def test_poisson_in_ten_dimensions_vanishes_in_the_residual():
    case = CASES["poisson_10d"]
    reference = case.reference()

    def exact(x):
        return torch.sin(0.5 * math.pi * x).sum(dim=1)

    values = exact(torch.from_numpy(reference.on.points)).numpy()
    assert np.abs(values - reference.numpy()).max() < 1e-13
    check_exact(case.statement(), None, exact)


def check_exact(statement, reference, exact):
    from sobolev.pinns.derivatives.readings import make_derivatives

    if isinstance(reference, Function):
        points = torch.from_numpy(reference.on.coordinates().reshape(reference.on.ndim, -1).T)
        assert np.abs(exact(points).numpy() - reference.numpy().reshape(-1)).max() < 1e-13
    unit = torch.rand(20, len(statement.coordinates), dtype=torch.float64)
    derivatives = make_derivatives(
        "nested", lambda p: exact(p)[:, None], statement.coordinates, statement.unknowns
    )
    r = derivatives(statement.interior(unit), statement.equation)
    assert r.abs().max() < 1e-9


def test_the_kink_of_allen_cahn_is_there_at_first_and_smooth_later():
    def field(t, x):
        return smoothing_kink({"t": torch.full_like(x, t), "x": x})

    x = torch.linspace(-1.0, 1.0, 401, dtype=torch.float64)
    start = x**2 * torch.cos(math.pi * x)
    assert (field(0.0, x) - start).abs().max() < 1e-5
    assert (field(0.0, x) - start)[20:-20].abs().max() < 1e-14
    # Near x = 1, v = u + 1 solves v_t = D v_xx - 10 v where v is small: check it by differences.
    t, h, k = 0.02, 1e-4, 1e-5
    near = torch.linspace(0.9985, 1.0, 7, dtype=torch.float64)
    v = field(t, near) + 1.0
    v_t = (field(t + k, near) - field(t - k, near)) / (2 * k)
    # The field is even about x = 1, as it is even and periodic.
    right = 1.0 - (near + h - 1.0).abs()
    v_xx = (field(t, right) - 2.0 * field(t, near) + field(t, near - h)) / h**2
    residual = v_t - 1e-4 * v_xx + 10.0 * v
    assert residual.abs().max() < 0.05 * (10.0 * v).abs().max()


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_case_trains(name):
    case = CASES[name]
    config = dataclasses.replace(
        case.recipe, width=8, depth=2, points=100, initial_points=40, boundary_points=40,
        second_steps=4, log_every=1,
    )  # fmt: skip
    result = train(case.statement(), config=config)
    loss = result.column("loss")
    assert loss[-1] < loss[0]
    if name in ("poisson_10d", "convection_30", "waves"):  # quick references
        assert 0.0 < result.error(case.reference()) < 2.0
