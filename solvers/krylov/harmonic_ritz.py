"""The small eigenproblems that choose which directions of a Krylov space are kept."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import eig, get_lapack_funcs, lstsq, qr, solve

from ...geometry.errors import InputError

Target = Literal["smallest", "largest", "leftmost", "rightmost"] | complex
"""Which harmonic Ritz values are wanted: by magnitude, by real part, or nearest a number."""

DEPENDENT = 1e-10  # of the largest: directions below it are dropped from the space


def check_target(target: Target) -> None:
    """Raise `InputError` for a target that is neither a known word nor a number."""
    words = ("smallest", "largest", "leftmost", "rightmost")
    if isinstance(target, str) and target not in words:
        raise InputError(f"expected a target of {', '.join(words)} or a number, got {target!r}")


def harmonic_ritz(
    G: np.ndarray, S: np.ndarray, N: np.ndarray | None, k: int, target: Target
) -> np.ndarray:
    """Columns P: coordinates of the k harmonic Ritz vectors nearest the target.

    With A V = W G, W orthonormal, S = W^H V and N = V^H V (needed for a shift alone) they solve

        (A V - s V)^H (A V - s V) z = (theta - s) (A V - s V)^H V z

    with the shift s, zero for the words. For s = 0 this is G^H G z = theta G^H S z (Parks et al.
    2006, equation (2.10)), solved as the ordinary problem (G^+ S) z = z / theta. A real problem
    gets a real basis: real and imaginary part of a complex pair.
    """
    shift = 0.0 if isinstance(target, str) else target
    if shift == 0 or N is None:
        inverse = lstsq(G, S, cond=1e-14, lapack_driver="gelsy", check_finite=False)[0]
    else:
        GS = G.conj().T @ S
        left = G.conj().T @ G - shift * GS - np.conj(shift) * GS.conj().T + abs(shift) ** 2 * N
        inverse = solve(left, GS - np.conj(shift) * N, check_finite=False)
    values, vectors = eig(inverse, check_finite=False)
    order = np.argsort(_key(values, target), kind="stable")
    count = min(k, G.shape[1])
    if np.iscomplexobj(inverse):
        return np.asarray(vectors[:, order[:count]])
    columns: list[np.ndarray] = []
    for index in order:
        if values[index].imag < 0:
            continue  # its conjugate gives both columns
        columns.append(vectors[:, index].real)
        if values[index].imag > 0:
            columns.append(vectors[:, index].imag)
    return np.stack(columns[:count], axis=1)


def _key(inverse: np.ndarray, target: Target) -> np.ndarray:
    """What to sort by, from 1 / (theta - s): the wanted values first."""
    if target == "largest":
        return np.abs(inverse)
    if target == "leftmost" or target == "rightmost":
        with np.errstate(divide="ignore", invalid="ignore"):
            real = np.nan_to_num((1 / inverse).real, nan=np.inf)
        return real if target == "leftmost" else -real
    return -np.abs(inverse)


def dropping_qr(F: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F[:, kept] = Q R with the columns of F that depend on others left out; Q, R, kept."""
    size = np.linalg.norm(F, axis=0)
    Q, R, order = qr(
        F / np.where(size > 0, size, 1.0), mode="economic", pivoting=True, check_finite=False
    )
    diagonal = np.abs(np.diag(R))
    rank = int(np.sum(diagonal > DEPENDENT * diagonal[0])) if diagonal.size else 0
    kept = order[:rank]
    return Q[:, :rank], R[:rank, :rank] * size[kept], kept


def orthonormal_rows(C: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q, F, rows with Q = F @ C[rows] orthonormal; rows that depend on others left out.

    By the pivoted Cholesky factor of the Gram matrix, and once more to first order: matrix
    products alone touch the long rows. What is dropped is smaller than the square root of C's
    rounding.
    """
    double = np.result_type(C.dtype, np.float64)
    size = row_lengths(C)
    size[~(size > 0)] = np.inf
    gram = (C @ C.conj().T).astype(double) / np.outer(size, size)
    rows, factor = pivoted_cholesky(gram, 100 * float(np.finfo(C.dtype).eps))
    F = np.linalg.inv(factor) / size[rows]
    Q, again = straightened(F.astype(C.dtype) @ C[rows])
    return Q, again @ F, rows


def straightened(C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q, F with Q = F @ C orthonormal, for rows C that nearly are.

    One Newton step to the inverse root of the Gram matrix: an error e becomes 3 e^2 / 4.
    """
    gram = C @ C.conj().T
    F = 1.5 * np.eye(len(C), dtype=C.dtype) - 0.5 * gram
    return F.astype(C.dtype) @ C, F


def row_lengths(C: np.ndarray) -> np.ndarray:
    """|c| of each row, in double precision."""
    return np.sqrt(np.einsum("ij,ij->i", C.conj(), C).real.astype(np.float64))


def pivoted_cholesky(gram: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """rows, L with gram[rows][:, rows] = L L^H; pivots below the tolerance end it."""
    if not len(gram):
        return np.empty(0, dtype=np.intp), gram
    (pstrf,) = get_lapack_funcs(("pstrf",), (gram,))
    factor, pivots, rank, _ = pstrf(gram, tol=tolerance, lower=1)
    return pivots[:rank].astype(np.intp) - 1, np.tril(factor[:rank, :rank])
