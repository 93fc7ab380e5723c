"""The order of a sequence stands in `ordering`."""

from .ordering import greedy_order as greedy_order
