"""Random features with least squares: the baseline that every PINN has to face.

basis        the frozen random layer of a patch and its derivatives
patches      the box cut by planes
terms        the equation and its conditions at points of the patches
joins        what holds the patches together
system       all of it as rows of the coefficients, and their Jacobian
elimination  least squares, one slab of patches after the other
solver       Newton's method, and patches cut where they are too large
"""

from .result import RandomFeatureConfig, RandomFeatureResult, load_features
from .solver import solve

__all__ = ["RandomFeatureConfig", "RandomFeatureResult", "load_features", "solve"]
