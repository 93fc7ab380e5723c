"""One residual, several readings: symbols, grids, automatic differentiation."""
