"""Equations ready to be integrated. Each is a few words of data and a function of numbers."""

from __future__ import annotations

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
