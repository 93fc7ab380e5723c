"""Derivatives of networks and of expressions of them.

readings     `make_derivatives`: nested, Taylor mode, and the choice between all
expressions  a residual on given derivatives: which it needs, and its values
jets         truncated Taylor series as tensors, the type that flows through a network
operations   sums, products, quotients of jets; elementary: functions of them
shapes       linear layers, indexing, joining of jets
fused        chains of layers as one compiled pass, by programs, instructions, products and blocks
compiled     Taylor mode through torch's compiler
randomised   sums over very many coordinates from a few; columns, estimates
"""
