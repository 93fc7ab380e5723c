"""Equations ready to be integrated. Each is a few words of data and a function of numbers."""

from __future__ import annotations

import numpy as np

from .equation import Equation


def _heat(u, laplacian, diffusivity):
    return diffusivity * laplacian


HEAT = Equation("heat", ("u",), (("u", "laplacian"),), _heat, parameters=("diffusivity",))
"""u_t = D lap u"""


def _wave(u, v, laplacian, speed):
    return v, speed * speed * laplacian


WAVE = Equation("wave", ("u", "v"), (("u", "laplacian"),), _wave, parameters=("speed",))
"""u_t = v, v_t = c^2 lap u"""


def _gray_scott(u, v, lap_u, lap_v, feed, kill, diffusivity_u, diffusivity_v):
    reaction = u * v * v
    return (
        diffusivity_u * lap_u - reaction + feed * (1.0 - u),
        diffusivity_v * lap_v + reaction - (feed + kill) * v,
    )


GRAY_SCOTT = Equation(
    "gray_scott", ("u", "v"), (("u", "laplacian"), ("v", "laplacian")), _gray_scott,
    parameters=("feed", "kill", "diffusivity_u", "diffusivity_v"),
)  # fmt: skip
"""u_t = D_u lap u - u v^2 + F (1 - u), v_t = D_v lap v + u v^2 - (F + k) v (Pearson 1993)"""


def _fitzhugh_nagumo(u, v, lap_u, lap_v, diffusivity_u, diffusivity_v, k):
    return diffusivity_u * lap_u + u - u * u * u - k - v, diffusivity_v * lap_v + u - v


FITZHUGH_NAGUMO = Equation(
    "fitzhugh_nagumo", ("u", "v"), (("u", "laplacian"), ("v", "laplacian")), _fitzhugh_nagumo,
    parameters=("diffusivity_u", "diffusivity_v", "k"),
)  # fmt: skip
"""u_t = D_u lap u + u - u^3 - k - v, v_t = D_v lap v + u - v"""


def _burgers(u, slope, curvature, viscosity):
    return viscosity * curvature - u * slope


BURGERS = Equation(
    "burgers", ("u",), (("u", "x"), ("u", "xx")), _burgers, parameters=("viscosity",)
)
"""u_t + u u_x = nu u_xx, smooth solutions; shocks are for the volumes"""


def _upwind_advection(u, from_left, from_right, speed):
    return -max(speed, speed * 0.0) * from_left - min(speed, speed * 0.0) * from_right


UPWIND_ADVECTION = Equation(
    "upwind_advection", ("u",), (("u", "x-"), ("u", "x+")), _upwind_advection,
    parameters=("speed",),
)  # fmt: skip
"""u_t + c u_x = 0 by differences from where the flow comes, of order 1, 3 or 5"""


def _carried(u, transport, speed):
    return transport


def _advection_flux(u, speed):
    return speed * u


def _advection_speeds(u, speed):
    return speed, speed


ADVECTION = Equation(
    "advection", ("u",), (), _carried, parameters=("speed",), fluxes=(_advection_flux,),
    speeds=(_advection_speeds,),
)  # fmt: skip
"""u_t + (c u)_x = 0, from fluxes"""


def _spread(u, transport, curvature, viscosity):
    return transport + viscosity * curvature


def _burgers_flux(u, viscosity):
    return 0.5 * u * u


def _burgers_speeds(u, viscosity):
    return u, u


BURGERS_SHOCKS = Equation(
    "burgers_shocks", ("u",), (("u", "xx"),), _spread, parameters=("viscosity",),
    fluxes=(_burgers_flux,), speeds=(_burgers_speeds,),
)  # fmt: skip
"""u_t + (u^2 / 2)_x = nu u_xx from fluxes, with shocks; nu may be zero"""


# Velocities are discharge over depth, and fall to zero where the depth does, below a micrometre
# (after Kurganov & Petrova, Commun. Math. Sci. 5 (2007), equation 2.17).


def _water_1d(h, m, transport_h, transport_m, gravity):
    return transport_h, transport_m


def _water_flux_1d(h, m, gravity):
    u = 2.0 * h * m / (h * h + np.maximum(h * h, 1e-12))
    return h * u, m * u + 0.5 * gravity * h * h


def _water_speeds_1d(h, m, gravity):
    u = 2.0 * h * m / (h * h + np.maximum(h * h, 1e-12))
    c = np.sqrt(gravity * np.maximum(h, 0.0))
    return u - c, u + c


def _water_2d(h, m, n, transport_h, transport_m, transport_n, gravity):
    return transport_h, transport_m, transport_n


def _water_flux_x(h, m, n, gravity):
    u = 2.0 * h * m / (h * h + np.maximum(h * h, 1e-12))
    return h * u, m * u + 0.5 * gravity * h * h, n * u


def _water_flux_y(h, m, n, gravity):
    v = 2.0 * h * n / (h * h + np.maximum(h * h, 1e-12))
    return h * v, m * v, n * v + 0.5 * gravity * h * h


def _water_speeds_x(h, m, n, gravity):
    u = 2.0 * h * m / (h * h + np.maximum(h * h, 1e-12))
    c = np.sqrt(gravity * np.maximum(h, 0.0))
    return u - c, u + c


def _water_speeds_y(h, m, n, gravity):
    v = 2.0 * h * n / (h * h + np.maximum(h * h, 1e-12))
    c = np.sqrt(gravity * np.maximum(h, 0.0))
    return v - c, v + c


SHALLOW_WATER_1D = Equation(
    "shallow_water_1d", ("h", "m"), (), _water_1d, parameters=("gravity",),
    fluxes=(_water_flux_1d,), speeds=(_water_speeds_1d,), positive=("h",),
)  # fmt: skip
"""h_t + m_x = 0, m_t + (m^2 / h + g h^2 / 2)_x = 0; depth h >= 0, discharge m = h u"""

SHALLOW_WATER_2D = Equation(
    "shallow_water_2d", ("h", "m", "n"), (), _water_2d, parameters=("gravity",),
    fluxes=(_water_flux_x, _water_flux_y), speeds=(_water_speeds_x, _water_speeds_y),
    positive=("h",),
)  # fmt: skip
"""Depth h >= 0 and discharges m = h u along x and n = h v along y, flat bottom"""
