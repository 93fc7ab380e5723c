"""Maps between functions: architectures, losses, the training loop."""
