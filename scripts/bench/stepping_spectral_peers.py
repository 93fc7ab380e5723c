"""What `stepping_spectral.py` compares with: Exponax, the Crank-Nicolson generator, transforms."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import scipy.fft

from sobolev.solvers.spectral.block import Block
from sobolev.solvers.spectral.integrate import prepared
from sobolev.solvers.spectral.source import compiled_transform
from sobolev.solvers.spectral.transforms import transform_columns, transform_slice

if TYPE_CHECKING:
    from stepping_spectral import Run, SpectralCase


# --- Exponax --------------------------------------------------------------------------------------


def exponax_runs(case: SpectralCase, orders: Sequence[int]) -> dict[str, Run]:
    """By order; nothing where Exponax is missing."""
    if importlib.util.find_spec("exponax") is None:
        return {}
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("XLA_FLAGS", flags)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", case.dtype is np.float64)
    return {f"exponax {order}": _exponax_run(case, order) for order in orders}


def _exponax_run(case: SpectralCase, order: int) -> Run:
    import exponax
    import jax

    u0 = jax.numpy.asarray(case.u0[:, None].astype(case.dtype))
    ndim, n = case.grid.ndim, case.grid.shape[-1]
    kept: dict[int, Callable[[Any], Any]] = {}

    def compiled(steps: int) -> Callable[[Any], Any]:
        stepper = _stepper(case, case.horizon / steps, order)

        def trajectory(u: Any) -> Any:
            u_hat = exponax.fft(u, num_spatial_dims=ndim)
            u_hat = jax.lax.fori_loop(0, steps, lambda _, v: stepper.step_fourier(v), u_hat)
            return exponax.ifft(u_hat, num_spatial_dims=ndim, num_points=n)

        if len(u0) > 1:
            return jax.jit(jax.vmap(trajectory))
        one = jax.jit(trajectory)
        return lambda u: one(u[0])[None]

    def run(steps: int) -> np.ndarray:
        if steps not in kept:
            kept.clear()
            kept[steps] = compiled(steps)
        return np.asarray(kept[steps](u0).block_until_ready())[:, 0]

    return run


def _stepper(case: SpectralCase, dt: float, order: int) -> Any:
    """That of the case's equation, which keeps the waves that we keep."""
    import equinox
    import exponax

    n, length = case.grid.shape[-1], case.grid.lengths[-1]
    # Its nonlinear terms keep |m| <= fraction n / 2 - 1.
    kept = {"dealiasing_fraction": (case.modes.highest[-1] + 1.5) / (n / 2), "order": order}
    name, steppers = case.equation.name, exponax.stepper
    if name == "kuramoto_sivashinsky":
        return steppers.KuramotoSivashinskyConservative(1, length, n, dt, **kept)
    viscosity = case.numbers["viscosity"]
    if name == "burgers":
        return steppers.Burgers(
            1, length, n, dt, diffusivity=viscosity, conservative=True, **kept
        )  # fmt: skip
    # Its stream function has the other sign, which the scale takes back; its forcing is ours.
    stepper = steppers.KolmogorovFlowVorticity(
        2, length, n, dt, diffusivity=viscosity, convection_scale=-1.0, drag=0.0, **kept
    )  # fmt: skip
    forcing = exponax.fft(case.functions["forcing"][None].astype(case.dtype), num_spatial_dims=2)
    return equinox.tree_at(lambda s: s._integrator._nonlinear_fun.injection, stepper, forcing)


# --- the Crank-Nicolson generator of the operator papers ------------------------------------------


AS_PUBLISHED = "crank-nicolson, dt 1e-4"  # the step of the published generator (section A.3.3)


def crank_nicolson(case: SpectralCase) -> dict[str, Callable[..., np.ndarray]]:
    """Vorticity, products in physical space by five real transforms, diffusion by Crank-Nicolson,
    everything else by an explicit Euler step (Li et al. 2021, section A.3.3). Its run takes the
    steps of the horizon, and how many of them to take."""
    n, length = case.grid.shape[0], case.grid.lengths[0]
    real = np.dtype(case.dtype)
    imaginary = np.complex128 if real == np.float64 else np.complex64
    m = np.fft.fftfreq(n, 1 / n)
    mx, my = np.meshgrid(m, np.arange(n // 2 + 1), indexing="ij")
    kx, ky = 2 * np.pi / length * mx, 2 * np.pi / length * my
    square = kx**2 + ky**2
    inverse = np.where(square > 0, 1 / np.where(square > 0, square, 1), 0)
    highest = case.modes.highest[0]
    keep = ((np.abs(mx) <= highest) & (my <= highest)).astype(real)
    factors = (1j * ky * inverse, -1j * kx * inverse, 1j * kx, 1j * ky)
    symbols = [factor.astype(imaginary) for factor in factors]
    forcing = scipy.fft.rfft2(case.functions["forcing"]).astype(imaginary)
    diffusion, w0 = case.numbers["viscosity"] * square, case.u0[0].astype(real)

    def run(steps: int, taken: int | None = None) -> np.ndarray:
        h = case.horizon / steps
        old = (1 - 0.5 * h * diffusion).astype(real)
        new = (1 / (1 + 0.5 * h * diffusion)).astype(real)
        masked, added = (h * keep).astype(real), (h * forcing).astype(imaginary)
        w_hat = scipy.fft.rfft2(w0)
        for _ in range(steps if taken is None else taken):
            u, v, w_x, w_y = (scipy.fft.irfft2(s * w_hat) for s in symbols)
            carried = scipy.fft.rfft2(u * w_x + v * w_y)
            w_hat = (old * w_hat - masked * carried + added) * new
        return scipy.fft.irfft2(w_hat)[None]

    return {"crank-nicolson": run, AS_PUBLISHED: run}


# --- transforms alone -----------------------------------------------------------------------------


@numba.njit
def _there_and_back(count, pairs, space, work, transform, there, back):
    axes = len(space.sizes)
    for _ in range(count):
        for axis in range(axes - 1):
            transform_columns(there, axis, pairs, space, work, transform)
        for at in range(space.slices):
            transform_slice(there, at, pairs, space, work, transform)
            transform_slice(back, at, pairs, space, work, transform)
        for axis in range(axes - 2, -1, -1):
            transform_columns(back, axis, pairs, space, work, transform)


def transforms(case: SpectralCase, evaluations: int) -> dict[str, Callable[[], object]]:
    """One complex transform there and one back an evaluation, which is two real functions each:
    two velocities and two stresses, or the squares of two samples."""
    points, dtype = case.modes.points, np.dtype(case.dtype)
    ndim, lanes = case.grid.ndim, max(1, len(case.u0) // 2)
    job, _ = prepared(
        case.equation, case.u0, np.array([0.0, 1.0]), case.grid, case.numbers, case.functions,
        "ETDRK4", True, dtype,
    )  # fmt: skip
    # Zeros are as fast as any numbers, and do not grow.
    block = Block(job, np.arange(len(case.u0)))
    arguments = (evaluations, 1, block.space, block.work, compiled_transform(dtype), True, False)
    values = np.zeros((lanes, *points), np.result_type(dtype, np.complex64))
    axes = tuple(range(1, ndim + 1))

    def by_scipy() -> None:
        for _ in range(evaluations):
            scipy.fft.ifftn(values, axes=axes, norm="forward")
            scipy.fft.fftn(values, axes=axes)

    return {"own": lambda: _there_and_back(*arguments), "scipy": by_scipy}
