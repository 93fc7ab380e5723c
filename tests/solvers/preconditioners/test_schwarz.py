"""Additive Schwarz against its definition, and the cutting into subdomains."""

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.geometry.errors import InputError
from sobolev.solvers.csr import as_csr
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.preconditioners.schwarz import Schwarz
from sobolev.solvers.preconditioners.subdomains import cut_graph, cut_grid, grow

from .matrices import diffusion, random_matrix


def by_definition(A, parts, overlap, restricted):
    dense = A.toarray()
    near = (dense != 0) | (dense.T != 0) | np.eye(len(dense), dtype=bool)
    M = np.zeros_like(dense)
    for part in range(parts.max() + 1):
        own = parts == part
        inside = own
        for _ in range(overlap):
            inside = near[inside].any(axis=0)
        places = np.flatnonzero(inside)
        local = np.linalg.inv(dense[np.ix_(places, places)])
        if restricted:
            local = local * own[places][:, None]
        M[np.ix_(places, places)] += local
    return M


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("overlap", [0, 1, 3])
@pytest.mark.parametrize("restricted", [False, True])
def test_is_the_sum_over_the_subdomains(kind, overlap, restricted):
    A = random_matrix(50, kind, seed=1)
    parts = np.random.default_rng(2).permutation(np.arange(50) % 6)
    M = Schwarz(A, overlap=overlap, restricted=restricted, parts=parts)
    assert M.subdomains == 6
    expected = by_definition(A, parts, overlap, restricted)
    for r in (np.arange(50.0), 1j * np.ones(50) + np.arange(50)):
        np.testing.assert_allclose(M @ r, expected @ r, atol=1e-10 * np.abs(expected).max() * 50)


def test_local_problems_may_be_solved_by_ilu():
    A = diffusion((12, 12))
    parts = cut_graph(as_csr(A), 36)
    exact, deep = Schwarz(A, parts=parts), Schwarz(A, parts=parts, local=40)
    rough = Schwarz(A, parts=parts, local=0)
    r = np.random.default_rng(0).normal(size=144)
    np.testing.assert_allclose(deep @ r, exact @ r, rtol=1e-10)
    assert np.linalg.norm(rough @ r - exact @ r) > 1e-3 * np.linalg.norm(exact @ r)


@pytest.mark.parametrize("local", ["lu", 1])
def test_an_update_is_a_fresh_one_and_keeps_the_subdomains(local):
    first, second = diffusion((20, 20), seed=0), diffusion((20, 20), seed=1)
    r = np.random.default_rng(0).normal(size=400)
    M = Schwarz(first, size=50, local=local)
    M.update(second)
    np.testing.assert_array_equal(M @ r, Schwarz(second, size=50, local=local) @ r)
    assert M.analyses == 1
    M.update(diffusion((10, 40), seed=1))
    assert M.analyses == 2
    np.testing.assert_array_equal(
        M @ r, Schwarz(diffusion((10, 40), seed=1), size=50, local=local) @ r
    )


def test_overlap_and_restriction_save_iterations():
    A, b = diffusion((48, 48), constant=True), np.random.default_rng(0).normal(size=48 * 48)
    counts = [cg(A, b, M=Schwarz(A, size=144, overlap=k)).iterations for k in (0, 1, 3)]
    assert counts == pytest.approx([45, 34, 25], abs=1)
    both = [Schwarz(A, size=144, overlap=2, restricted=flag) for flag in (False, True)]
    counts = [gmres(A, b, M=M, restart=60).iterations for M in both]
    assert counts == pytest.approx([28, 20], abs=1)


def test_boxes_cover_the_grid_evenly():
    parts = cut_grid((10, 15), 25)
    boxes = parts.reshape(10, 15)
    assert np.bincount(parts).tolist() == [25] * 6
    for number in range(6):
        rows, columns = np.nonzero(boxes == number)
        assert np.ptp(rows) == np.ptp(columns) == 4
    assert np.array_equal(np.unique(cut_grid((3, 100), 30)), np.arange(10))
    assert np.bincount(cut_grid((7, 7, 7), 64)).max() <= 64
    assert not cut_grid((4, 4), 1000).any()


def test_pieces_of_a_graph_are_connected_and_whole():
    A = as_csr(diffusion((17, 23)))
    parts = cut_graph(A, 30)
    sizes = np.bincount(parts)
    assert sizes.max() == 30
    assert sizes.sum() == 17 * 23
    assert len(sizes) < 2 * (17 * 23 // 30)
    for number in range(len(sizes)):
        places = np.flatnonzero(parts == number)
        assert sparse.csgraph.connected_components(A[places][:, places])[0] == 1
    disconnected = sparse.csr_array(np.diag(np.ones(5)))
    assert cut_graph(disconnected, 3).tolist() == [0, 1, 2, 3, 4]


def test_layers_are_those_of_the_graph():
    A = as_csr(diffusion((9, 9)))
    parts = np.ones(81, dtype=int)
    parts[40] = 0
    rows = grow(A, parts, 2)
    inside = np.zeros(81, dtype=bool)
    inside[rows.indices[: rows.indptr[1]]] = True
    i, j = np.indices((9, 9)) - 4
    np.testing.assert_array_equal(inside.reshape(9, 9), np.abs(i) + np.abs(j) <= 2)


def test_options_that_make_no_sense_are_refused():
    A = diffusion((4, 4))
    for options, message in [
        ({"size": 0}, "at least one unknown"),
        ({"overlap": -1}, "overlap"),
        ({"local": "qr"}, "local"),
        ({"parts": np.zeros(3, dtype=int)}, "16 numbers"),
        ({"parts": np.full(16, 2)}, "each in use"),
        ({"parts": np.zeros(16)}, "float64"),
    ]:
        with pytest.raises(InputError, match=message):
            Schwarz(A, **options)
    with pytest.raises(InputError, match="singular"):
        Schwarz(np.array([[0.0, 1.0], [1.0, 0.0]]), parts=np.array([0, 1]), overlap=0)
