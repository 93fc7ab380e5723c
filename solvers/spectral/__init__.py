"""Fourier spectral methods on periodic grids.

`basis` has the series of a grid, `equation` and `equations` say what is solved, `integrate` solves
it; `schemes` holds the methods in time, `fft` the transforms.
"""

from .basis import FourierBasis as FourierBasis
