"""Two-layer flow: the equation itself, Phillips's growth rates, Rossby waves, energy."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.quasi_geostrophic import QuasiGeostrophic
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.solvers.spectral import FourierBasis


def streams(q1, q2, grid, ratio):
    """psi_1 and psi_2 by a 2 x 2 system for each wave."""
    basis = FourierBasis(grid)
    s1 = 1 / (1 + ratio)
    s2 = ratio * s1
    square = -basis.laplacian
    matrix = np.empty((*square.shape, 2, 2))
    matrix[..., 0, 0], matrix[..., 0, 1] = -square - s1, s1
    matrix[..., 1, 0], matrix[..., 1, 1] = s2, -square - s2
    matrix[0, 0] = np.eye(2)
    q = np.stack([basis.forward(q1), basis.forward(q2)], axis=-1)[..., None]
    psi = np.linalg.solve(np.broadcast_to(matrix, (*q.shape[:-2], 2, 2)), q)[..., 0]
    return tuple(basis.inverse(psi[..., i]) for i in (0, 1))


def test_frames_satisfy_the_residual_as_it_is_written():
    step = 5e-4
    problem = QuasiGeostrophic(horizon=3 * step, frames=4)
    grid = problem.grid(64)
    inputs = problem.evaluate_batch([problem.draw_sample(0, i) for i in range(2)], grid)
    fields = problem.solve(inputs, Fidelity(64, 1e-12)).fields
    # The first frame still has the waves that products do not take.
    _, before, now, after = np.moveaxis(fields, 1, 0)
    rate = (after - before) / (2 * step)
    d = GridCalculus(grid)

    class AtOneTime:
        """`d` with the time derivatives by central differences."""

        def __getattr__(self, name):
            return getattr(d, name)

        def __call__(self, u, spelling):
            if spelling == "t":
                return rate[:, 0] if u is q1 else rate[:, 1]
            return d(u, spelling)

    q1, q2 = now[:, 0], now[:, 1]
    unknowns = (q1, q2, *streams(q1, q2, grid, problem.depth_ratio))
    found = problem.residual(unknowns, AtOneTime(), {}, problem.parameters(inputs, 2))
    basis = FourierBasis(grid)
    for equation, size in zip(found, (rate, rate, now, now), strict=True):
        resolved = basis.inverse(basis.forward(equation) * basis.resolved)
        assert np.abs(resolved).max() < 2e-5 * np.abs(size).max()


def test_a_small_wave_grows_as_phillips_says():
    """Linear waves exp(i (k x - k c t)): the growth k Im c of Vallis 2017, equation 9.103.

    Layers of equal depth, no beta, no friction: with K = k L_d / ..., the growth is
    k U sqrt((k_d^2 - k^2) / (k_d^2 + k^2)) / 2, k_d^2 = 2 F.
    """
    problem = QuasiGeostrophic(
        beta_min=0.0, beta_max=0.0, depth_ratio=1.0, bottom_drag=0.0, hyperviscosity=0.0,
        horizon=10.0, frames=11,
    )  # fmt: skip
    grid = problem.grid(16)
    k = 2 * np.pi * 4 / (problem.right - problem.left)
    x, _ = grid.coordinates()
    wave = 1e-8 * np.cos(k * x)
    inputs = {"q1_0": wave[None], "q2_0": 0.5 * wave[None], "beta": np.zeros(1)}
    fields = problem.solve(inputs, Fidelity(16, 1e-9)).fields[0]
    # u' = M u of the wave's two complex amplitudes has the growth as its largest real part.
    amplitudes = np.fft.fft(fields[:, :, :, 0], axis=2)[:, :, 4]
    turn = np.linalg.lstsq(amplitudes[:-1], amplitudes[1:], rcond=None)[0]
    growth = np.log(np.abs(np.linalg.eigvals(turn))).max()
    expected = k * np.sqrt((1 - k**2) / (1 + k**2)) / 2
    assert growth == pytest.approx(expected, rel=1e-5)


def test_a_barotropic_rossby_wave_keeps_its_shape_and_speed():
    problem = QuasiGeostrophic(
        beta_min=0.5, beta_max=0.5, bottom_drag=0.0, hyperviscosity=0.0, horizon=5.0, frames=2
    )

    class AtRest(QuasiGeostrophic):
        def constants(self):
            return super().constants() | {"shear": 0.0}

    problem = AtRest(**problem.config())
    grid = problem.grid(32)
    x, y = grid.coordinates()
    k, m = (2 * np.pi * n / (problem.right - problem.left) for n in (3, 2))
    speed = -0.5 / (k**2 + m**2)

    def wave(t):
        return np.cos(k * (x - speed * t) + m * y)

    inputs = {"q1_0": wave(0)[None], "q2_0": wave(0)[None], "beta": np.array([0.5])}
    end = problem.solve(inputs, Fidelity(32, 1e-9)).fields[0, 1]
    assert np.abs(end - wave(5.0)).max() < 1e-8


def test_energy_and_enstrophies_stay_without_forces():
    class AtRest(QuasiGeostrophic):
        def constants(self):
            return super().constants() | {"shear": 0.0}

    problem = AtRest(bottom_drag=0.0, hyperviscosity=0.0, horizon=2.0, frames=3, strength=1.0)
    grid = problem.grid(32)
    inputs = problem.evaluate_batch([problem.draw_sample(1, 0)], grid)
    basis = FourierBasis(grid)
    for name in ("q1_0", "q2_0"):  # what products take, so that nothing is cut off at the start
        inputs[name] = basis.inverse(basis.forward(inputs[name]) * basis.resolved)
    q1, q2 = np.moveaxis(problem.solve(inputs, Fidelity(32, 1e-9)).fields, 2, 0)
    psi1, psi2 = streams(q1, q2, grid, problem.depth_ratio)
    # Layers weigh as their depths, H_1 : H_2 = depth_ratio : 1.
    energy = -(problem.depth_ratio * psi1 * q1 + psi2 * q2).mean(axis=(2, 3))[0]
    assert np.ptp(energy) < 1e-7 * energy[0]
    assert not np.allclose(q1[:, 2], q1[:, 0], rtol=0.1)
    # With beta the enstrophy exchanges with the planet's vorticity; both layers' sum of
    # (q + beta y)^2 has no meaning on a torus, so that only beta = 0 keeps each layer's own.
    inputs["beta"] = np.zeros(1)
    still = problem.solve(inputs, Fidelity(32, 1e-9)).fields[0]
    enstrophy = (still**2).mean(axis=(2, 3))
    assert (np.ptp(enstrophy, axis=0) < 1e-7 * enstrophy[0]).all()


@pytest.mark.parametrize(
    "wrong", [{"beta_max": -1.0}, {"depth_ratio": 0.0}, {"bottom_drag": -1.0}, {"strength": np.nan}]
)
def test_illegal_parameters_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        QuasiGeostrophic(**wrong)
