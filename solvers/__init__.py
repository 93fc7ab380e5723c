"""Classical numerical methods on arrays."""
