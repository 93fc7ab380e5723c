"""Krylov methods, one a file."""
