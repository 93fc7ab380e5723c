"""Shapes: where an equation holds, with a boundary in named pieces.

base      what every shape offers
box       Interval, Box
smooth    distance functions for conditions that hold exactly
"""

from .base import Measure, Piece, Placed, Shape
from .box import Box, Interval

__all__ = ["Box", "Interval", "Measure", "Piece", "Placed", "Shape"]
