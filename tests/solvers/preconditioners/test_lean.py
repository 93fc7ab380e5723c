"""Preconditioners in the precision of the iteration."""

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.geometry.errors import InputError
from sobolev.solvers.preconditioners import PRECONDITIONERS

from .matrices import diffusion


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("factor", [1.0, 1.0 + 1.0j])
@pytest.mark.parametrize("name", ["jacobi", "sor", "ssor", "ilu", "icc", "schwarz"])
def test_a_lean_preconditioner_is_the_preconditioner(name, factor, kind):
    if np.iscomplexobj(factor) and (name == "icc" or np.dtype(kind).kind != "c"):
        factor = 2.0
    A = sparse.csr_array(factor * diffusion((7, 8)).to_csr())
    M = PRECONDITIONERS[name](A)
    rng = np.random.default_rng(0)
    r = rng.normal(size=A.shape[0]).astype(kind)
    if np.dtype(kind).kind == "c":
        r += (1j * rng.normal(size=r.size)).astype(kind)
    expected = M @ r
    found = M.lean(np.dtype(kind))(r)
    single = np.finfo(kind).eps > 1e-10
    np.testing.assert_allclose(found, expected, rtol=1e-5 if single else 1e-13, atol=1e-6 * single)
    if name != "schwarz" and np.iscomplexobj(factor) == np.iscomplexobj(r):
        assert found.dtype == kind


def test_one_whose_update_failed_is_refused():
    M = PRECONDITIONERS["jacobi"](diffusion((4, 4)).to_csr())
    with pytest.raises(InputError):
        M.update(np.zeros((16, 16)))
    with pytest.raises(InputError, match="last update failed"):
        M.lean(np.dtype(np.float32))
