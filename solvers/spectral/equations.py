"""Periodic equations ready to be integrated. Each is a few symbols and a function of numbers."""

from __future__ import annotations

import numpy as np

from .equation import SpectralEquation


def _diffusion(modes, p):
    return p.diffusivity * modes.laplacian


HEAT = SpectralEquation("heat", ("u",), _diffusion, parameters=("diffusivity",))
"""u_t = D lap u, in any dimension"""


def _carried(modes, p):
    return -p.speed * modes.derivative(0)


ADVECTION = SpectralEquation("advection", ("u",), _carried, parameters=("speed",))
"""u_t + c u_x = 0"""


def _viscous(modes, p):
    return p.viscosity * modes.laplacian


def _half_square(u, viscosity):
    return 0.5 * u * u


def _minus_slope(modes, p):
    return ({"u": -modes.derivative(0)},)


BURGERS = SpectralEquation(
    "burgers", ("u",), _viscous, _half_square, outputs=_minus_slope, parameters=("viscosity",)
)
"""u_t + u u_x = nu u_xx"""


def _viscous_2d(modes, p):
    return (p.viscosity * modes.laplacian,) * 2


def _with_slopes(modes, p):
    x, y = modes.derivative(0), modes.derivative(1)
    return ({"u": 1.0}, {"v": 1.0}, {"u": x}, {"u": y}, {"v": x}, {"v": y})


def _carried_by_itself(u, v, u_x, u_y, v_x, v_y, viscosity):
    return -(u * u_x + v * u_y), -(u * v_x + v * v_y)


BURGERS_2D = SpectralEquation(
    "burgers_2d", ("u", "v"), _viscous_2d, _carried_by_itself, inputs=_with_slopes,
    parameters=("viscosity",),
)  # fmt: skip
"""(u, v)_t + (u, v) . grad (u, v) = nu lap (u, v)"""


def _dispersion(modes, p):
    return -p.dispersion * modes.derivative(0) ** 3


def _square(u, nonlinearity, dispersion):
    return 0.5 * nonlinearity * u * u


KDV = SpectralEquation(
    "kdv", ("u",), _dispersion, _square, outputs=_minus_slope,
    parameters=("nonlinearity", "dispersion"),
)  # fmt: skip
"""u_t + a u u_x + b u_xxx = 0; a = 6, b = 1 in most books, a = 1, b = 0.022^2 in the first one"""


def _growth(modes, p):
    return -modes.laplacian - modes.laplacian**2


def _half_square_alone(u):
    return 0.5 * u * u


KURAMOTO_SIVASHINSKY = SpectralEquation(
    "kuramoto_sivashinsky", ("u",), _growth, _half_square_alone, outputs=_minus_slope
)
"""u_t + u u_x + u_xx + u_xxxx = 0 on a line"""


def _reaction(modes, p):
    return p.diffusivity * modes.laplacian + p.rate


def _minus_cube(u, diffusivity, rate):
    return -rate * u * u * u


ALLEN_CAHN = SpectralEquation(
    "allen_cahn", ("u",), _reaction, _minus_cube, parameters=("diffusivity", "rate"), degree=3
)
"""u_t = D lap u + r (u - u^3), in any dimension"""


def _separation(modes, p):
    return -p.mobility * (modes.laplacian + p.width**2 * modes.laplacian**2)


def _cube(u, mobility, width):
    return mobility * u * u * u


def _laplacian_of(modes, p):
    return ({"u": modes.laplacian},)


CAHN_HILLIARD = SpectralEquation(
    "cahn_hilliard", ("u",), _separation, _cube, outputs=_laplacian_of,
    parameters=("mobility", "width"), degree=3,
)  # fmt: skip
"""u_t = M lap (u^3 - u - width^2 lap u), in any dimension"""


def _spreading(modes, p):
    return 0.5j * modes.laplacian


def _focusing(re, im, strength):
    square = strength * (re * re + im * im)
    return -square * im, square * re


SCHROEDINGER = SpectralEquation(
    "schroedinger", ("psi",), _spreading, _focusing, parameters=("strength",), degree=3,
    complex_valued=True,
)  # fmt: skip
"""i psi_t + lap psi / 2 + g |psi|^2 psi = 0, focusing for g > 0, in any dimension"""


def _damped(modes, p):
    return p.viscosity * modes.laplacian - p.drag


def _velocity(modes, p):
    stream = -modes.inverse_laplacian
    return ({"w": stream * modes.derivative(1)}, {"w": -stream * modes.derivative(0)})


def _stresses(u, v, viscosity, drag):
    return u * v, (v - u) * (v + u)


def _curl_of_stresses(modes, p):
    x, y = modes.derivative(0), modes.derivative(1)
    return ({"w": y**2 - x**2}, {"w": -x * y})


NAVIER_STOKES = SpectralEquation(
    "navier_stokes", ("w",), _damped, _stresses, inputs=_velocity, outputs=_curl_of_stresses,
    sources=(("w", "forcing"),), coefficients=("forcing",), parameters=("viscosity", "drag"),
)  # fmt: skip
"""Vorticity on the torus: w_t + u . grad w = nu lap w - mu w + f, u = (psi_y, -psi_x),
lap psi = -w. As div(u w) = (d_xx - d_yy)(u v) + d_xy (v^2 - u^2), two transforms are enough
(Basdevant 1983). The mean of w stays what it is."""


def _layer_streams(modes, p):
    """psi_i = sum_j S_ij q_j from q_1 = lap psi_1 + F_1 (psi_2 - psi_1) and its like."""
    stretch_1 = 1 / (p.radius**2 * (1 + p.depth_ratio))
    stretch_2 = p.depth_ratio * stretch_1
    squares = -modes.laplacian
    determinant = squares * (squares + stretch_1 + stretch_2)
    # The mean of psi has no effect.
    factor = np.where(squares > 0, -1 / np.where(squares > 0, determinant, 1.0), 0.0)
    return (
        (factor * (squares + stretch_2), factor * stretch_1),
        (factor * stretch_2, factor * (squares + stretch_1)),
    )


def _layer_pull(modes, p):
    """Factors of psi_1 and psi_2 in the rates of q_1 and q_2."""
    stretch_1 = 1 / (p.radius**2 * (1 + p.depth_ratio))
    stretch_2 = p.depth_ratio * stretch_1
    x = modes.derivative(0)
    return (
        -(p.beta + stretch_1 * p.shear) * x,
        -(p.beta - stretch_2 * p.shear) * x - p.bottom_drag * modes.laplacian,
    )


def _layers(modes, p):
    streams, pull = _layer_streams(modes, p), _layer_pull(modes, p)
    damping = -p.hyperviscosity * modes.laplacian**4
    return (
        damping + pull[0] * streams[0][0] - p.shear * modes.derivative(0),
        damping + pull[1] * streams[1][1],
    )


def _layers_together(modes, p):
    streams, pull = _layer_streams(modes, p), _layer_pull(modes, p)
    return {("q1", "q2"): pull[0] * streams[0][1], ("q2", "q1"): pull[1] * streams[1][0]}


def _layer_flows(modes, p):
    x, y = modes.derivative(0), modes.derivative(1)
    flows = []
    for own, (first, second) in zip(("q1", "q2"), _layer_streams(modes, p), strict=True):
        flows += [
            {"q1": -y * first, "q2": -y * second}, {"q1": x * first, "q2": x * second}, {own: 1.0}
        ]  # fmt: skip
    return tuple(flows)


def _layer_fluxes(u1, v1, q1, u2, v2, q2, beta, radius, depth_ratio, shear, drag, viscosity):
    return u1 * q1, v1 * q1, u2 * q2, v2 * q2


def _layer_divergence(modes, p):
    x, y = modes.derivative(0), modes.derivative(1)
    return ({"q1": -x}, {"q1": -y}, {"q2": -x}, {"q2": -y})


QUASI_GEOSTROPHIC = SpectralEquation(
    "quasi_geostrophic", ("q1", "q2"), _layers, _layer_fluxes, inputs=_layer_flows,
    outputs=_layer_divergence, coupling=_layers_together,
    parameters=("beta", "radius", "depth_ratio", "shear", "bottom_drag", "hyperviscosity"),
)  # fmt: skip
"""Potential vorticity of two layers on a beta plane, doubly periodic (Vallis 2017, section 5.4).

    q_i,t + J(psi_i, q_i) + U_i q_i,x + Q_i psi_i,x = -nu lap^4 q_i - (i = 2) r lap psi_2
    q_1 = lap psi_1 + F_1 (psi_2 - psi_1),   q_2 = lap psi_2 + F_2 (psi_1 - psi_2)

depth_ratio d = H_1 / H_2, F_1 = 1 / (radius^2 (1 + d)), F_2 = d F_1; the mean flow is
U_1 = shear, U_2 = 0, so Q_1 = beta + F_1 shear and Q_2 = beta - F_2 shear.
"""
