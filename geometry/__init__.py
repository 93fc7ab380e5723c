"""Where functions live: grids, meshes, functions on them, derivatives and norms."""
