"""Derivatives of networks and of expressions of them.

jets         truncated Taylor series as tensors, the type that flows through a network
operations   sums, products, elementary functions of jets
shapes       linear layers, indexing, joining of jets
expressions  a residual on given derivatives: which it needs, and its values
"""
