"""The methods of the engines as tables: embedded pairs, fixed steps, one Rosenbrock method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...geometry.errors import InputError
from ..tableaux import RUNGE_KUTTA


@dataclass(frozen=True, eq=False)
class Explicit:
    """An explicit Runge-Kutta method, with what error control and dense output need, if it has it.

        k_i = f(t + c_i h, u + h sum_j a_ij k_j),   u <- u + h sum_i b_i k_i

    a (rows, rows), c (rows,): stages, then b, that is the new state, whose rates are the next
    step's first stage, then stages that only dense output needs; error (2, stages + 1):
    h sum_i error_i k_i estimates the error, twice (see `pair_norm` of the engine);
    dense (rows, degree): u(t + x h) = u + h sum_i k_i sum_d dense_id x^(d+1).
    """

    order: int
    stages: int
    a: np.ndarray
    c: np.ndarray
    error: np.ndarray | None = None
    dense: np.ndarray | None = None
    error_order: int = 0

    @property
    def adaptive(self) -> bool:
        return self.error is not None


@dataclass(frozen=True, eq=False)
class Rosenbrock:
    """A linearly implicit method, J the Jacobian of f (Hairer & Wanner, Solving ODEs II, (7.25)):

        (1 / (gamma h) - J) U_i = f(t + alpha_i h, u + sum_j a_ij U_j)
                                  + sum_j c_ij U_j / h + h d_i f_t

    The new state is u + sum_j a_sj U_j, s = stages, and its error is the last U.
    """

    order: int
    gamma: float
    a: np.ndarray
    c: np.ndarray
    alpha: np.ndarray
    d: np.ndarray
    error_order: int


EMBEDDED = ("dopri5", "dop853")
STIFF = "rodas4"


def names() -> tuple[str, ...]:
    """All methods; those of `EMBEDDED` and `STIFF` control their error."""
    return (*EMBEDDED, STIFF, *RUNGE_KUTTA)


@lru_cache(maxsize=32)
def explicit(name: str) -> Explicit:
    """An explicit method by name. Raises `InputError` where there is none."""
    if name == "dopri5":
        return _dopri5()
    if name == "dop853":
        return _dop853()
    if name not in RUNGE_KUTTA:
        raise InputError(f"expected a method of {', '.join(names())}, got {name!r}")
    table = RUNGE_KUTTA[name]
    stages = len(table.b)
    a = np.zeros((stages + 1, stages + 1))
    for i, row in enumerate((*table.a, table.b)):
        a[i, : len(row)] = [float(entry) for entry in row]
    return Explicit(table.order, stages, a, a.sum(axis=1))


def _dopri5() -> Explicit:
    """Dormand & Prince (1980), with Shampine's interpolant (1986), from SciPy's tables."""
    from scipy.integrate import RK45

    a = np.zeros((7, 7))
    a[:6, :5], a[6, :6] = RK45.A, RK45.B
    return Explicit(
        5, 6, a, np.append(RK45.C, 1.0), np.stack([RK45.E, np.zeros(7)]), np.array(RK45.P), 4
    )


def _dop853() -> Explicit:
    """Dormand & Prince of order 8(5, 3) with dense output of order 7 (Hairer, Norsett & Wanner,
    Solving ODEs I, section II.10), from SciPy's tables.
    """
    from scipy.integrate import DOP853

    a = np.zeros((16, 16))
    a[:12, :12], a[12, :12], a[13:, :] = DOP853.A, DOP853.B, DOP853.A_EXTRA
    c = np.concatenate([DOP853.C, [1.0], DOP853.C_EXTRA])
    return Explicit(
        8, 12, a, c, np.stack([DOP853.E5, DOP853.E3]), _dop853_dense(a[12], np.array(DOP853.D)), 7
    )


def _dop853_dense(b: np.ndarray, D: np.ndarray) -> np.ndarray:
    """The nested form x (F_0 + (1 - x) (F_1 + x (F_2 + (1 - x) (F_3 + ...)))) in powers of x."""
    first, last = np.eye(16)[0], np.eye(16)[12]
    F = np.stack([b, first - b, 2 * b - last - first, *D])  # each a combination of the slopes
    powers = np.zeros((16, 8))
    shape = np.poly1d([1.0])
    for i, row in enumerate(F):
        shape = shape * np.poly1d([1.0, 0.0] if i % 2 == 0 else [-1.0, 1.0])
        entries = shape.coeffs[::-1][1:]  # powers 1.., the constant is zero
        powers[:, : len(entries)] += np.outer(row, entries)
    return powers


def _lower(*rows: tuple[float, ...]) -> np.ndarray:
    table = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


_FIFTH = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)

RODAS4 = Rosenbrock(
    order=4,
    gamma=0.25,
    a=_lower(
        (),
        (1.544,),
        (0.9466785280815826, 0.2557011698983284),
        (3.314825187068521, 2.896124015972201, 0.9986419139977817),
        _FIFTH,
        (*_FIFTH, 1.0),
        (*_FIFTH, 1.0, 1.0),
    ),
    c=_lower(
        (),
        (-5.6688,),
        (-2.430093356833875, -0.2063599157091915),
        (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
        (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
        (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
         -6.058818238834054),
    ),
    alpha=np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0]),
    d=np.array([0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0]),
    error_order=3,
)  # fmt: skip
"""RODAS, of order 4(3), L-stable, six stages (Hairer & Wanner, Solving ODEs II, section VI.4)."""
