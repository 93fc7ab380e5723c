import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.geometry.mesh import Mesh
from sobolev.geometry.norms import energy_spectrum, error, norm
from sobolev.geometry.points import PointCloud

KINDS = [("L1", None), ("L2", None), ("Linf", None), ("H1", None), ("Hs", 0.7), ("Hs", -1.3)]
GRIDS = [
    Grid(((0, 2),), (9,), True),
    Grid(((0, 2), (1, 4)), (6, 5), True, "cell"),
    Grid(((0, 2), (1, 4)), (5, 6), (True, False)),
    Grid(((0, 2), (1, 4)), (6, 5), (False, True), "cell"),
    Grid(((0, 1), (0, 1)), (5, 6), False),
    Grid(((0, 1), (0, 1)), (6, 5), False, "cell"),
    Grid(((0, 1), (0, 1), (0, 1)), (4, 4, 5), (True, False, True)),
]
MESH = Mesh(
    [[0, 0], [1, 0], [1.2, 1], [0, 1], [2, 0.1], [2, 1]],
    {"quad": [[0, 1, 2, 3]], "triangle": [[1, 4, 5], [1, 5, 2]]},
)
CLOUD = PointCloud([[0.0], [0.3], [1.0]], [0.2, 0.5, 0.3])
WITH = [(on, kind, s) for on in GRIDS for kind, s in KINDS]
WITH += [(MESH, kind, None) for kind in ("L1", "L2", "Linf", "H1")]
WITH += [(CLOUD, kind, None) for kind in ("L1", "L2", "Linf")]

some = settings(max_examples=40, deadline=None)
draws = st.integers(0, 2**32 - 1)
cases = st.sampled_from(WITH)


def values(seed, on, *leading):
    return np.random.default_rng(seed).standard_normal((*leading, *on.shape))


@some
@given(draws, cases, st.floats(-1e3, 1e3))
def test_homogeneous(seed, case, factor):
    u = values(seed, case[0])
    assert norm(factor * u, *case) == pytest.approx(abs(factor) * norm(u, *case), rel=1e-12)


@some
@given(draws, cases)
def test_triangle_inequality_and_definite(seed, case):
    u, v = values(seed, case[0], 2)
    assert norm(u + v, *case) <= (norm(u, *case) + norm(v, *case)) * (1 + 1e-14)
    assert norm(u, *case) > 0 == norm(0 * u, *case)


@some
@given(draws, st.sampled_from(GRIDS))
def test_parseval(seed, grid):
    u = values(seed, grid, 2)
    np.testing.assert_allclose(norm(u, grid, "Hs", 0.0), norm(u, grid, "L2"), rtol=1e-13)
    k, energy = energy_spectrum(u, grid)
    mean_square = norm(u, grid) ** 2 / grid.weights.sum()
    np.testing.assert_allclose(energy.sum(-1), mean_square / 2, rtol=1e-13)
    assert energy.shape == (2, *k.shape)


@some
@given(draws, st.sampled_from(GRIDS), st.floats(-3, 3), st.floats(0, 2))
def test_hs_grows_with_s_and_is_dual_to_minus_s(seed, grid, s, more):
    u, v = values(seed, grid, 2)
    assert norm(u, grid, "Hs", s) <= norm(u, grid, "Hs", s + more) * (1 + 1e-13)
    product = abs((grid.weights * u * v).sum())
    assert product <= norm(u, grid, "Hs", s) * norm(v, grid, "Hs", -s) * (1 + 1e-12)


@some
@given(draws, cases)
def test_numpy_and_torch_agree(seed, case):
    u, v = values(seed, case[0], 2, 3)
    expected = norm(u, *case)
    np.testing.assert_allclose(norm(torch.tensor(u), *case).numpy(), expected, rtol=1e-13)
    both = error(u, v, *case), error(torch.tensor(u), torch.tensor(v), *case).numpy()
    np.testing.assert_allclose(both[1], both[0], rtol=1e-13)
    single = norm(torch.tensor(u, dtype=torch.float32), *case)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, rtol=2e-6)


@pytest.mark.parametrize("on, kind, s", WITH)
def test_gradients_in_torch(on, kind, s):
    u, v = (torch.tensor(part, requires_grad=True) for part in values(3, on, 2, 2))
    assert torch.autograd.gradcheck(lambda u: norm(u, on, kind, s), u)
    assert torch.autograd.gradcheck(lambda u, v: error(u, v, on, kind, s), (u, v))


@pytest.mark.parametrize("grid", GRIDS)
def test_gradient_of_the_spectrum(grid):
    u = torch.tensor(values(4, grid, 2), requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: energy_spectrum(u, grid)[1], u)
    expected = energy_spectrum(u.detach().numpy(), grid)[1]
    result = energy_spectrum(u, grid)[1].detach().numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("on, kind, s", WITH)
def test_zero_has_the_gradient_zero(on, kind, s):
    u = torch.zeros(2, *on.shape, requires_grad=True)
    (norm(u, on, kind, s) + error(u, u.detach(), on, kind, s)).sum().backward()
    assert not u.grad.any() or kind == "Linf"
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize("on, kind, s", WITH)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("library", [np.asarray, torch.tensor])
def test_what_is_not_finite_shows(on, kind, s, bad, library):
    good = values(5, on, 2)
    spoilt = good.copy()
    spoilt[1].flat[-1] = bad
    with np.errstate(invalid="ignore"):
        spoilt_norm = np.asarray(norm(library(spoilt), on, kind, s))
        errors = [
            np.asarray(error(library(a), library(b), on, kind, s))
            for a, b in ((spoilt, good), (good, spoilt), (spoilt, spoilt), (spoilt, 0 * good))
        ]
    assert np.isfinite(spoilt_norm[0])
    for result in (spoilt_norm, *errors):
        assert not np.isfinite(result[1])


@pytest.mark.parametrize("grid", [g for g in GRIDS if g.ndim < 3])
def test_what_is_not_finite_shows_in_the_spectrum(grid):
    u = values(6, grid)
    u.flat[1] = np.nan
    assert not np.isfinite(energy_spectrum(u, grid)[1].sum())


def test_overflow_of_the_truth_is_no_small_error():
    grid = Grid(((0, 1),), (8,), True)
    truth = np.full(8, 1e20, dtype=np.float32)  # its square is beyond float32, the error's is not
    with np.errstate(over="ignore"):
        assert np.isfinite(error(truth * np.float32(1.001), truth, grid, relative=False))
        assert not np.isfinite(error(truth * np.float32(1.001), truth, grid))


def test_relative_error_with_a_zero_truth():
    grid = Grid(((0, 1),), (8,))
    zero, one = np.zeros(8), np.ones(8)
    result = error(np.stack([zero, one, one]), np.stack([zero, zero, one]), grid)
    assert result.tolist() == [0, np.inf, 0]
    assert error(one, zero, grid, relative=False) == pytest.approx(1)


@pytest.mark.parametrize("s", [-2.0, -0.5, 0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [16, 17])
def test_closed_forms_on_a_torus(s, n):
    grid = Grid(((0, 2 * np.pi), (1, 3)), (n, 12), True, "cell")
    x, y = grid.coordinates()
    u = 3 * np.sin(2 * x + 1) * np.cos(3 * np.pi * y)
    volume, squared = 4 * np.pi, 4 + 9 * np.pi**2
    expected = np.sqrt(volume * 9 / 4 * (1 + squared) ** s)
    assert norm(u, grid, "Hs", s) == pytest.approx(expected, rel=1e-12)
    assert norm(u * np.exp(0.3j), grid, "Hs", s) == pytest.approx(expected, rel=1e-12)
    if s == 1:
        assert norm(u, grid, "H1") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("centering", ["vertex", "cell"])
@pytest.mark.parametrize("s", [-1.0, 0.5, 2.0])
def test_closed_forms_in_the_cosine_basis(centering, s):
    grid = Grid(((0, 2), (0, 1)), (12, 9), (False, True), centering)
    x, y = grid.coordinates()
    u = 1 + np.cos(1.5 * np.pi * x) * np.sin(2 * np.pi * y + 0.2)
    expected = np.sqrt(2 * (1 + (1 + (1.5**2 + 4) * np.pi**2) ** s / 4))
    assert norm(u, grid, "Hs", s) == pytest.approx(expected, rel=1e-12)


def test_closed_forms_of_the_others():
    grid = Grid(((0, 2 * np.pi),), (400,), False, "cell")
    u = 2 * np.sin(grid.axes[0])
    assert norm(u, grid, "L1") == pytest.approx(8, rel=1e-4)
    assert norm(u, grid, "L2") == pytest.approx(np.sqrt(4 * np.pi), rel=1e-12)
    assert norm(u, grid, "Linf") == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("centering", ["vertex", "cell"])
def test_h1_by_differences_has_order_two(centering):
    errors, spacings = [], []
    cosine = 0.5 + (np.sin(6.6) - np.sin(0.6)) / 12  # integral of cos^2 (3 x + 0.3)
    exact = np.sqrt((2 * cosine + 9 * (1 - cosine)) * (1 - np.exp(-2)) / 2)
    for n in (32, 48, 64, 96):
        grid = Grid(((0, 1), (0, 1)), (n, n), False, centering)
        x, y = grid.coordinates()
        errors.append(abs(norm(np.cos(3 * x + 0.3) * np.exp(-y), grid, "H1") - exact))
        spacings.append(grid.spacing[0])
    assert np.polyfit(np.log(spacings), np.log(errors), 1)[0] == pytest.approx(2, abs=0.2)


def test_energy_lands_in_the_shell_of_its_wave_number():
    grid = Grid(((0, 2 * np.pi), (0, 4 * np.pi)), (16, 24), True)
    x, y = grid.coordinates()
    k, energy = energy_spectrum(2 * np.sin(3 * x) + np.cos(2.5 * y) + 0.5, grid)
    np.testing.assert_allclose(k[:7], np.arange(7) / 2)  # the longer side sets the width
    expected = np.zeros_like(k)
    expected[[0, 5, 6]] = 0.125, 0.25, 1.0
    np.testing.assert_allclose(energy, expected, atol=1e-14)
    k, energy = energy_spectrum(2 * np.sin(x) * np.cos(1.5 * y), grid)
    expected[[0, 4, 5, 6]] = 0, 0.5, 0, 0  # |k| = 1.803 lies nearest to 4 * 0.5
    np.testing.assert_allclose(energy, expected, atol=1e-14)
    k, energy = energy_spectrum(np.exp(3j * x), grid)
    assert energy[6] == pytest.approx(0.5)


def test_integers_lists_and_half_precision():
    grid = Grid(((0, 1),), (4,), True)
    assert norm([3, 3, 3, 3], grid) == pytest.approx(3)
    half = norm(torch.full((4,), 300.0, dtype=torch.float16), grid)
    assert half.dtype == torch.float32  # 300^2 is beyond float16
    assert half.item() == pytest.approx(300)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros(5), GRIDS[0]),
        (np.zeros(9), GRIDS[0], "L3"),
        (np.zeros(9), GRIDS[0], "Hs"),
        (np.zeros(9), GRIDS[0], "Hs", np.nan),
        (np.zeros(9), GRIDS[0], "L2", 1.0),
        (np.zeros(6), MESH, "Hs", 1.0),
        (np.zeros(3), CLOUD, "H1"),
    ],
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InputError, match="expected"):
        norm(*arguments)


def test_errors_refuse_silent_broadcasts_and_mixed_libraries():
    u = np.zeros((4, 9))
    with pytest.raises(InputError, match="one shape"):
        error(u, u[:, None], GRIDS[0])
    with pytest.raises(InputError, match="one library"):
        error(u, torch.zeros(4, 9), GRIDS[0])


PROGRAM = """
import sys
{before}
import numpy as np
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import error, energy_spectrum
from sobolev.geometry.derivatives import derivative
grid = Grid(((0, 1), (0, 1)), (8, 8))
u = np.ones((2, 8, 8))
assert error(u, 2 * u, grid, "H1").shape == (2,) and derivative(u, grid, (1, 1)).any() == 0
energy_spectrum(u, grid)
{after}
"""


@pytest.mark.parametrize(
    "before, after",
    [
        ("", "assert not {'torch', 'matplotlib', 'meshio'} & set(sys.modules)"),
        ("sys.modules['array_api_compat'] = None", ""),  # as on a machine that only trains
    ],
)
def test_needs_little(before, after):
    program = PROGRAM.format(before=before, after=after)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
