"""The wave equation on intervals and boxes, exactly in time: every mode is an oscillator."""

from __future__ import annotations

import time

import numpy as np

from ...geometry.errors import InputError
from ..solution import CONVERGED, Solution
from .basis import ChebyshevBasis
from .boundary import INSULATED, Boundary
from .box import Box


def propagate_wave(
    speed: float | np.ndarray,
    u0: np.ndarray,
    v0: np.ndarray,
    times: np.ndarray,
    basis: ChebyshevBasis,
    boundary: Boundary = INSULATED,
) -> Solution:
    """Solve u_tt = c^2 lap u from u = u0, u_t = v0 at times[0]; there is no step in time.

    With modes of square norm m and energy s, omega^2 = c^2 s / m, and p what the data at the ends
    adds,

        u_k(t) = p / s + (u_k(0) - p / s) cos(omega t) + u_k'(0) sin(omega t) / omega

    so that the energy |u_t|^2 + c^2 |grad u|^2 of homogeneous ends stays to rounding.

    speed: c, a number or (batch,); u0, v0: (batch, *basis.shape) at the Chebyshev points; times:
    increasing, (frames,); boundary: with data that does not change in time.

    Fields of the result: (batch, frames, 2, *basis.shape), u and u_t; frame 0 is what was given;
    iterations are 0. Raises `InputError` on shapes that do not fit, data that changes in time,
    and ends that feed energy until modes grow.

    >>> basis = ChebyshevBasis(((0.0, np.pi),), (24,))
    >>> u0 = np.cos(basis.axes[0])[None]
    >>> standing = propagate_wave(2.0, u0, 0 * u0, np.array([0.0, 1000.0]), basis)
    >>> bool(np.allclose(standing.fields[0, 1, 0], np.cos(2000.0) * u0[0], rtol=0, atol=1e-11))
    True
    """
    started = time.perf_counter()
    u0, v0 = np.asarray(u0, dtype=np.float64), np.asarray(v0, dtype=np.float64)
    if u0.shape != v0.shape or u0.shape[1:] != basis.shape or not len(u0):
        raise InputError(
            f"expected u0 and v0 of shape (batch, {str(basis.shape)[1:-1]}), got {u0.shape} and "
            f"{v0.shape}"
        )
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) > 0):
        raise InputError("expected at least two increasing times, the first that of u0")
    c = np.asarray(speed, dtype=np.float64)
    if c.shape not in ((), (len(u0),)) or not np.all(np.isfinite(c)):
        raise InputError(f"expected finite speeds, one or ({len(u0)},), got shape {c.shape}")
    box = Box(basis, boundary)
    if box.moves:
        raise InputError("expected data at the ends that does not change, got a function of time")
    c = c.reshape(-1, *[1] * basis.ndim)
    frames = _frames(box, c, u0, v0, times)
    finite = np.isfinite(frames.reshape(len(u0), -1).sum(axis=1))
    reason = tuple(
        CONVERGED if good else "breakdown: initial state is not finite" for good in finite
    )
    share = (time.perf_counter() - started) / len(u0)
    return Solution(
        frames, finite, np.zeros(len(u0), dtype=int), np.full(len(u0), np.nan),
        np.full(len(u0), share), reason,
    )  # fmt: skip


def _frames(
    box: Box, c: np.ndarray, u0: np.ndarray, v0: np.ndarray, times: np.ndarray
) -> np.ndarray:
    lift = box.lift()
    square = c**2 * box.stiffness / box.mass
    slowest = 1e-12 * (c**2 / max(box.basis.lengths) ** 2)
    if np.any(square < -slowest):
        raise InputError("expected ends that let energy out, got ends that make modes grow")
    omega = np.sqrt(np.maximum(square, 0.0))
    pull = c**2 * box.pull(lift) / box.mass
    position, velocity = box.project(u0 - lift), box.project(v0)
    frames = np.empty((len(u0), len(times), 2, *box.basis.shape))
    frames[:, 0, 0], frames[:, 0, 1] = u0, v0
    for i, t in enumerate(times[1:] - times[0], 1):
        # sin(omega t) / omega and (1 - cos(omega t)) / omega^2, also for omega = 0.
        late, half = t * np.sinc(omega * t / np.pi), t * np.sinc(omega * t / 2 / np.pi)
        cosine = np.cos(omega * t)
        u = cosine * position + late * velocity + pull * half**2 / 2
        v = cosine * velocity - omega**2 * late * position + pull * late
        frames[:, i, 0], frames[:, i, 1] = lift + box.values(u), box.values(v)
    return frames
