"""One residual, several readings: symbols, grids, automatic differentiation.

base       what every reading offers, and how derivatives are spelled
functions  sin, exp and friends for residuals
symbols    SymPy: LaTeX and manufactured sources
grids      values on a grid: checks of data, physics-informed training
autograd   networks at scattered points
tracing    u_t = F(u) as data for time steppers; on algebra, coefficients, forms, source
"""
