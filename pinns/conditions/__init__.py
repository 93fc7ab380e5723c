"""What holds beside the equation: on the boundary, at the first time, at measured points.

A condition gives `rows`, points with whatever belongs to them as further columns, and `misfit`,
which a solution makes zero there. The engine differentiates a misfit as it does a residual. A
condition that is `hard` is built into the solution instead (`constraints`).

base      what every condition offers; to add one, subclass `Condition` and write the two
boundary  Dirichlet, Neumann, Robin
initial   Initial
periodic  Periodic
data      Data, measured values
"""

from .base import Condition, Value
from .boundary import Dirichlet, Neumann, Robin
from .data import Data
from .initial import Initial
from .periodic import Periodic

__all__ = [
    "Condition", "Data", "Dirichlet", "Initial", "Neumann", "Periodic", "Robin", "Value",
]  # fmt: skip
