"""Matrices brought into the form that the solvers need."""

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.csr import Pattern, UnusableMatrix, UpperTriangle, as_csr, mirror_places
from sobolev.solvers.diffusion import DiffusionOperator


def test_a_matrix_that_fits_is_passed_through_and_none_is_changed():
    A = sparse.csr_array(np.array([[2.0, 1.0], [0.0, 3.0]]))
    assert as_csr(A).data is A.data or np.shares_memory(as_csr(A).data, A.data)
    indices, indptr = np.array([1, 0, 1, 1]), np.array([0, 2, 4])
    messy = sparse.csr_array((np.array([1.0, 2.0, 3.0, 4.0]), indices, indptr), shape=(2, 2))
    before = [part.copy() for part in (messy.data, messy.indices, messy.indptr)]
    clean = as_csr(messy)
    assert clean.indices.tolist() == [0, 1, 1]
    assert clean.data.tolist() == [2.0, 1.0, 7.0]
    for part, known in zip((messy.data, messy.indices, messy.indptr), before, strict=True):
        np.testing.assert_array_equal(part, known)


@pytest.mark.parametrize(
    "make",
    [sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.dia_array, np.asarray, list],
)
@pytest.mark.parametrize("kind", [int, np.float32, float, np.complex64, complex])
def test_every_kind_of_matrix_is_taken(make, kind):
    dense = np.array([[2, 0, 1], [0, 3, 0], [5, 0, 4]]).astype(kind)
    A = as_csr(make(dense))
    np.testing.assert_array_equal(A.toarray(), dense)
    assert A.dtype == (np.complex128 if np.iscomplexobj(dense) else np.float64)
    assert A.indices.dtype == A.indptr.dtype == np.int32


def test_operators_give_their_matrix():
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (3, 4), centering="cell")
    A = DiffusionOperator(np.ones((3, 4)), grid)
    x = np.arange(12.0)
    np.testing.assert_allclose(as_csr(A) @ x, A @ x)


def test_what_is_no_matrix_is_refused():
    for A in (np.ones((2, 3)), np.ones(4), np.ones((0, 0)), np.full((2, 2), "a")):
        with pytest.raises(InputError, match="expected a"):
            as_csr(A)
    with pytest.raises(UnusableMatrix) as caught:
        as_csr(np.diag([1.0, np.inf]))
    assert caught.value.reason == "matrix is not finite"


def test_patterns_are_told_apart():
    A = as_csr([[1, 2], [0, 3]])
    pattern = Pattern(A)
    assert pattern.fits(as_csr([[5, 6], [0, 7]]))
    assert not pattern.fits(as_csr([[1, 0], [2, 3]]))


def test_the_upper_triangle_has_a_whole_diagonal():
    A = as_csr([[0, 2, 0], [1, 5, 3], [7, 0, 0]])
    triangle = UpperTriangle(A)
    assert triangle.indptr.tolist() == [0, 2, 4, 5]
    assert triangle.indices.tolist() == [0, 1, 1, 2, 2]
    assert triangle.values(A.data).tolist() == [0.0, 2.0, 5.0, 3.0, 0.0]


def test_mirror_images_are_found_where_the_pattern_has_them():
    A = as_csr([[1, 2, 0], [3, 0, 4], [0, 5, 6]])
    places = mirror_places(A)
    assert A.data[places].tolist() == [1.0, 3.0, 2.0, 5.0, 4.0, 6.0]
    assert mirror_places(as_csr([[1, 2], [0, 3]])) is None
