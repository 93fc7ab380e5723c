"""Random systems for the tests of Krylov methods."""

import numpy as np
import scipy.sparse as sparse
from scipy.fft import idctn


def general(n, seed, kind=float):
    """A diagonally shifted random matrix and a right-hand side."""
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(n, n)), rng.normal(size=n)
    if kind is complex:
        A, b = A + 1j * rng.normal(size=(n, n)), b + 1j * rng.normal(size=n)
    return A / np.sqrt(n) + 2.5 * np.eye(n), b


def definite(n, seed, kind=float):
    """A symmetric (Hermitian) positive definite matrix and a right-hand side."""
    rng = np.random.default_rng(seed)
    B, b = rng.normal(size=(n, n)).astype(kind), rng.normal(size=n).astype(kind)
    if kind is complex:
        B += 1j * rng.normal(size=(n, n))
        b += 1j * rng.normal(size=n)
    return B @ B.conj().T / n + 0.1 * np.eye(n), b


def diffusion(n, seed, step=0.0):
    """-div(a grad u) by differences on n x n points, log a smooth and moved by `step`."""
    rng = np.random.default_rng(seed)
    law = (9.0 + np.pi**2 * (np.arange(n)[:, None] ** 2 + np.arange(n) ** 2)) ** -1.0
    first, other = (idctn(rng.normal(size=(n, n)) * law, norm="ortho") for _ in range(2))
    field = first / first.std() + step * other / other.std()
    a = np.pad(np.exp(field), 1, mode="edge")
    inner = slice(1, -1)
    links = [
        2 / (1 / a[inner, inner] + 1 / np.roll(a, shift, axis)[inner, inner])
        for axis in (0, 1)
        for shift in (1, -1)
    ]
    up, down, left, right = (link.ravel() for link in links)
    places = np.arange(n * n).reshape(n, n)
    rows = np.concatenate([places[1:].ravel(), places[:-1].ravel()])
    columns = np.concatenate([places[:-1].ravel(), places[1:].ravel()])
    values = np.concatenate([-up[n:], -down[:-n]])
    rows = np.concatenate([rows, places[:, 1:].ravel(), places[:, :-1].ravel()])
    columns = np.concatenate([columns, places[:, :-1].ravel(), places[:, 1:].ravel()])
    left, right = left.reshape(n, n), right.reshape(n, n)
    values = np.concatenate([values, -left[:, 1:].ravel(), -right[:, :-1].ravel()])
    diagonal = up + down + left.ravel() + right.ravel()
    A = sparse.coo_array((values, (rows, columns)), shape=(n * n, n * n)).tocsr()
    return A + sparse.diags_array(diagonal).tocsr()
