"""The parts of the recycling methods: products, orthonormal rows, harmonic Ritz values, memory."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.solvers.krylov.arnoldi import Arnoldi
from sobolev.solvers.krylov.gcro_dr import gcro_dr
from sobolev.solvers.krylov.harmonic_ritz import dropping_qr, harmonic_ritz, orthonormal_rows
from sobolev.solvers.krylov.product import lean_product
from sobolev.solvers.krylov.space import Workspace

from .systems import diffusion, general

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["grid", "cyclic", "random", "unsorted", "duplicates", "csc"])
def test_a_lean_product_is_the_product(kind, name):
    rng = np.random.default_rng(0)
    A = diffusion(9, 0)
    if name == "cyclic":
        A = sparse.diags_array([1.0, 2.0, 3.0], offsets=[-80, 0, 1], shape=(81, 81)).tocsr()
    elif name == "random":
        A = sparse.random_array((81, 81), density=0.1, rng=rng, format="csr")
    elif name == "unsorted":
        A = A[:, rng.permutation(81)]
    elif name == "duplicates":
        places = np.arange(80)
        A = sparse.csr_array((np.ones(80), places // 2, np.minimum(np.arange(82), 80)), (81, 81))
    elif name == "csc":
        A = A.tocsc()
    before = A.copy()
    A = A * (1 + 1j) if np.dtype(kind).kind == "c" else A
    v = rng.normal(size=81).astype(kind)
    w = lean_product(A, np.dtype(kind))(v)
    assert w.dtype == kind
    expected = A.toarray() @ v.astype(np.complex128 if np.dtype(kind).kind == "c" else float)
    np.testing.assert_allclose(w, expected, rtol=0, atol=30 * np.finfo(kind).eps * abs(A).max())
    assert abs(before - (A / (1 + 1j) if np.dtype(kind).kind == "c" else A)).max() < 1e-14


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_orthonormal_rows_span_what_is_independent(count, seed, kind):
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(count, 40)).astype(kind) * 10.0 ** rng.integers(-3, 4, (count, 1))
    C = np.concatenate([C, 2 * C[:1], np.zeros((1, 40))]).astype(kind)
    Q, F, rows = orthonormal_rows(C)
    assert len(rows) == count
    eps = float(np.finfo(kind).eps)
    np.testing.assert_allclose(Q @ Q.conj().T, np.eye(count), atol=300 * eps)
    np.testing.assert_allclose(F @ C[rows], Q, atol=3000 * eps)


def test_no_independent_row_is_no_row():
    Q, F, rows = orthonormal_rows(np.zeros((3, 5)))
    assert Q.shape == (0, 5)
    assert F.shape == (0, 0)
    assert not len(rows)


@pytest.mark.parametrize("kind", [float, complex])
def test_arnoldi_relation_beside_a_space(kind):
    A, b = general(60, 0, kind)
    W = np.empty((20, 60), dtype=kind)
    C = np.linalg.qr(general(60, 1, kind)[0])[0][:4]
    W[:4] = C
    b = b - (C.conj() @ b) @ C
    arnoldi = Arnoldi(lambda v: A @ v, b / np.linalg.norm(b), np.linalg.norm(b), W, 4, 15)
    for _ in range(12):
        seen = arnoldi.extend()
    V = arnoldi.V
    np.testing.assert_allclose(A @ V[:12].T, C.T @ arnoldi.B + V[:13].T @ arnoldi.H, atol=1e-12)
    np.testing.assert_allclose(W[:17].conj() @ W[:17].T, np.eye(17), atol=1e-12)
    rest = arnoldi.beta * np.eye(13)[0] - arnoldi.H @ arnoldi.minimise()
    assert seen == pytest.approx(np.linalg.norm(rest), rel=1e-10)


@pytest.mark.parametrize("target", ["smallest", 2.3])
@pytest.mark.parametrize("kind", [float, complex])
def test_harmonic_ritz_vectors_satisfy_their_equation(target, kind):
    A, _ = general(12, 3, kind)
    V = general(12, 4, kind)[0][:, :6]
    V = V / np.linalg.norm(V, axis=0)
    W, G = np.linalg.qr(A @ V)
    P = harmonic_ritz(G, W.conj().T @ V, V.conj().T @ V, 3, target)
    shift = 0.0 if isinstance(target, str) else target
    F = (A - shift * np.eye(12)) @ V
    values, vectors = np.linalg.eig(np.linalg.solve(F.conj().T @ V, F.conj().T @ F))
    chosen = vectors[:, np.argsort(abs(values))[:3]]
    if kind is complex:
        wanted = np.linalg.qr(chosen)[0]
        found = np.linalg.qr(P)[0]
        np.testing.assert_allclose(found @ (found.conj().T @ wanted), wanted, atol=1e-9)
    else:  # a pair may be cut in two: the first one is whole
        one = chosen[:, :1]
        left = one - P @ np.linalg.lstsq(P, one, rcond=None)[0]
        assert np.linalg.norm(left) < 1e-9


def test_dependent_columns_are_left_out():
    F = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    Q, R, kept = dropping_qr(F)
    assert len(kept) == 2
    np.testing.assert_allclose(Q @ R, F[:, kept], atol=1e-15)


def test_memory_that_is_used_again_changes_no_bit():
    work, space, fresh = Workspace(), None, None
    for n in (36, 36, 20, 36):
        A, b = diffusion(n, n), np.ones(n * n)
        space = space if space is not None and space.U.shape[1] == n * n else None
        fresh = fresh if fresh is not None and fresh.U.shape[1] == n * n else None
        one, space = gcro_dr(A, b, space, 20, 8, workspace=work)
        other, fresh = gcro_dr(A, b, fresh, 20, 8)
        np.testing.assert_array_equal(one.x, other.x)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("scale", [1e-170, 1e-100, 1.0, 1e170])
def test_a_basis_is_found_whatever_the_size_of_the_matrix(kind, scale):
    A = scale * general(30, 5, complex if kind is np.complex128 else float)[0]
    W = np.empty((8, 30), dtype=kind)
    v = np.ones(30, dtype=kind) / np.sqrt(30)
    arnoldi = Arnoldi(lambda x: A @ x, v, 1.0, W, 0, 7)
    for _ in range(7):
        assert 0 < arnoldi.extend() < 1
    np.testing.assert_allclose(W @ W.conj().T, np.eye(8), atol=1e-13)
    np.testing.assert_allclose((A / scale) @ W[:7].T, W.T @ (arnoldi.H / scale), atol=1e-13)
