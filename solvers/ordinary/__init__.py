"""Ordinary differential equations: engines on batches of samples, systems, Lyapunov exponents.

- `system.py`: a right-hand side as data and a function; `systems.py`: ready ones; `catalogue.py`:
  those of the package dysts
- `integrate.py`: arguments, trajectories
- `methods.py`: tables; `explicit.py`, `rosenbrock.py`, `control.py`: the engines, which advance
  several samples side by side
- `source.py`: rates behind one type, so that the engines are compiled once for all systems
- `lyapunov.py`: exponents by tangent vectors, and of any map by pairs of trajectories
"""
