"""The pieces of the solver: basis, patches, and least squares of slabs against a dense one."""

import itertools
import math

import numpy as np
import pytest
import torch

from sobolev.pinns.random_features.basis import Basis
from sobolev.pinns.random_features.elimination import Slab, make_slab, solve_slabs
from sobolev.pinns.random_features.patches import Patches, gauss, tensor_points


@pytest.mark.parametrize("feature", ["sin", "tanh"])
def test_derivatives_of_the_basis_against_autograd(feature):
    basis = Basis(2, features=40, frequency=2.0, feature=feature, cutoff=1e-6)
    points = torch.rand(7, 2, dtype=torch.float64).requires_grad_(True)
    indices = [(0, 0), (1, 0), (0, 2), (1, 2), (0, 4)]
    found = basis(points.detach(), indices)
    c = torch.randn(basis.size, dtype=torch.float64)
    for index in indices:
        value = basis.values(points) @ c
        for axis, order in enumerate(index):
            for _ in range(order):
                value = torch.autograd.grad(value.sum(), points, create_graph=True)[0][:, axis]
        assert torch.allclose(found[index] @ c, value, rtol=1e-10, atol=1e-8)


def test_basis_functions_are_orthogonal_at_chebyshev_points():
    basis = Basis(1, features=40, cutoff=1e-8)
    n = 3 * 40
    x = torch.cos(math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    values = basis.values(x)
    assert 8 < basis.size < 40
    gram = values.T @ values / n
    assert (gram - torch.eye(basis.size, dtype=torch.float64)).abs().max() < 1e-6


def test_points_are_found_in_their_patches():
    patches = Patches.even(((0.0, 2.0), (-1.0, 1.0)), (2, 4), (False, True))
    local = tensor_points([gauss(3)] * 2)
    points = patches.points(local)
    for number in range(patches.count):
        where, inside = patches.locate(points[number])
        assert bool((where == number).all())
        assert torch.allclose(inside, local, atol=1e-14)
    ends, _ = patches.locate(torch.tensor([[0.0, -1.0], [2.0, 1.0]], dtype=torch.float64))
    assert ends.tolist() == [0, 7]
    assert patches.scale((1, 2))[0].item() == pytest.approx(2.0 * 4.0**2)


def test_neighbours_and_cuts():
    patches = Patches.even(((0.0, 2.0), (-1.0, 1.0)), (2, 3), (False, True))
    assert patches.neighbours(0) == [(0, 3), (1, 4), (2, 5)]
    assert sorted(patches.neighbours(1)) == [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    cut = patches.split([np.array([False, True]), np.zeros(3, dtype=bool)])
    assert cut.edges[0].tolist() == [0.0, 1.0, 1.5, 2.0]
    assert cut.shape == (3, 3)


def random_slabs(widths, cyclic, seed=0):
    """Slabs and the same rows as one dense matrix."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(widths)])
    slabs, rows, rights = [], [], []

    def put(s, block, next_block, right):
        row = np.zeros((len(right), starts[-1]))
        row[:, starts[s] : starts[s + 1]] += block
        if next_block is not None:
            n = (s + 1) % len(widths)
            row[:, starts[n] : starts[n + 1]] += next_block
        rows.append(row)
        rights.append(right)

    for s, width in enumerate(widths):
        own, right = rng.standard_normal((width + 3, width)), rng.standard_normal(width + 3)
        put(s, own, None, right)
        slab = Slab(own, right)
        if cyclic or s + 1 < len(widths):
            here = rng.standard_normal((4, width))
            there = rng.standard_normal((4, widths[(s + 1) % len(widths)]))
            shared = rng.standard_normal(4)
            put(s, here, there, shared)
            slab = Slab(own, right, here, there, shared)
        slabs.append(slab)
    return slabs, np.concatenate(rows), np.concatenate(rights)


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("widths", [(5,), (5, 7), (4, 6, 5), (6, 3, 8, 5, 7)])
def test_slabs_give_the_solution_of_all_rows_together(widths, cyclic):
    slabs, matrix, right = random_slabs(widths, cyclic)
    expected = np.linalg.lstsq(matrix, right, rcond=None)[0]
    assert np.abs(np.concatenate(solve_slabs(slabs)) - expected).max() < 1e-11


def test_columns_without_rows_stay_zero():
    own = [(0, np.eye(3), np.ones(3))]
    (solution,) = solve_slabs([make_slab(5, own, [], fills=False)])
    assert np.abs(solution - [1, 1, 1, 0, 0]).max() < 1e-12


def test_tensor_points_are_all_combinations():
    axes = [torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0, 4.0])]
    found = {tuple(p) for p in tensor_points(axes).tolist()}
    assert found == set(itertools.product([0.0, 1.0], [2.0, 3.0, 4.0]))
