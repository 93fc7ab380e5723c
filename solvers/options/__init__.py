"""Prices of options in the Black-Scholes model: closed forms, a binomial tree, finite differences.

Everything is in units of the strike K and in the log price x = log(S / K), so a strike only
scales: V(S, K) = K V(x). A maturity T only scales time: volatility, rate and dividend yield
(sigma, r, q) over T are (sigma sqrt(T), r T, q T) over 1.
"""
