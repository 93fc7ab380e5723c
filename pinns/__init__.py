"""Training a network against an equation."""
