"""Chebyshev methods on intervals and boxes: spectral accuracy where nothing is periodic.

- `nodes.py`: points, transforms, weights, derivatives and interpolation on [-1, 1]
- `basis.py`: the same on boxes in one to three dimensions
- `ultraspherical.py`: linear ordinary equations of any order, as sparse systems
- `boundary.py`: conditions at the ends; `modes.py`: eigenfunctions of the Laplacian under them
- `box.py`: Poisson and Helmholtz equations on boxes, directly
- `sparse.py`: the same in many dimensions, by sparse polynomials; `lower_sets.py`: those
- `integrate.py`: u_t = a lap u + N(u) in time; `wave.py`: u_tt = c^2 lap u
"""
