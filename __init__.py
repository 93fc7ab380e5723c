"""Sobolev: a workbench for partial differential equations and operator learning.

geometry    where functions live: grids, meshes, `Function`, interpolation, derivatives, norms
solvers     classical numerical methods
datasets    problems, random inputs, generation, HDF5, loaders, the ruler
operators   maps between functions: architectures, losses, the training loop
pinns       training a network against an equation
scripts     what a person types: `sobolev generate | verify | train | benchmark | report | list`
"""

__version__ = "0.1.0"
