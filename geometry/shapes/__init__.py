"""Shapes: where an equation holds, with a boundary in named pieces.

base      what every shape offers
box       Interval, Box
ball      Disk, Ball
polygon   Polygon
meshed    a mesh as a shape; facets: distances to its boundary
combined  unions, differences and intersections: a | b, a - b, a & b
cut       pieces that the user cuts out of others
smooth    distance functions for conditions that hold exactly
"""

from .ball import Ball, Disk
from .base import Measure, Piece, Placed, Shape
from .box import Box, Interval
from .combined import Difference, Intersection, Union
from .meshed import Meshed
from .polygon import Polygon

__all__ = [
    "Ball", "Box", "Difference", "Disk", "Intersection", "Interval", "Measure",
    "Meshed", "Piece", "Placed", "Polygon", "Shape", "Union",
]  # fmt: skip
