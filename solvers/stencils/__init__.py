"""Time-dependent equations on grids, by stencils: one engine for all of them.

- `stencil.py`: derivatives as offsets and weights, which add and compose
- `equation.py`: a right-hand side as data and a function of numbers; `equations.py`: ready ones
- `boundary.py`: ends of axes as ghost values; sponges
- `source.py`, `march.py`, `slab.py`: the engine: a generated plane loop, passes of several
  stages over planes of cells, slabs for threads
- `stability.py`: the largest stable step
- `job.py`, `integrate.py`: arguments, trajectories
"""
