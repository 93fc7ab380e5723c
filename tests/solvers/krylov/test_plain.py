"""CG and GMRES as methods for sequences."""

import numpy as np
import pytest

from sobolev.solvers.krylov.plain import Plain
from sobolev.solvers.preconditioners import PRECONDITIONERS


@pytest.mark.parametrize("solver", ["cg", "gmres"])
def test_a_matrix_that_no_preconditioner_is_made_for_is_a_breakdown(solver):
    method = Plain(solver, make=PRECONDITIONERS["jacobi"])
    result = method.solve(np.diag([1.0, 0.0, 2.0]), np.ones(3), 1e-8)
    assert not result.converged
    assert result.reason == "breakdown: zero on the diagonal in row 1"
    after = method.solve(np.diag([1.0, 4.0, 2.0]), np.ones(3), 1e-8)
    np.testing.assert_allclose(after.x, [1.0, 0.25, 0.5])
