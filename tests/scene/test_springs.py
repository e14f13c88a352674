"""Springs against a numerical solution of their equation of motion."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelpress.scene.springs import CRITICAL_BAND, Spring, at_rest


def integrate(k: float, c: float, m: float, x: float, v: float, t: float, steps: int = 4000) -> tuple[float, float]:
    """Classic Runge-Kutta of m x'' = -k x - c x'."""
    h = t / steps

    def acceleration(x: float, v: float) -> float:
        return (-k * x - c * v) / m

    for _ in range(steps):
        k1x, k1v = v, acceleration(x, v)
        k2x, k2v = v + h / 2 * k1v, acceleration(x + h / 2 * k1x, v + h / 2 * k1v)
        k3x, k3v = v + h / 2 * k2v, acceleration(x + h / 2 * k2x, v + h / 2 * k2v)
        k4x, k4v = v + h * k3v, acceleration(x + h * k3x, v + h * k3v)
        x, v = x + h / 6 * (k1x + 2 * k2x + 2 * k3x + k4x), v + h / 6 * (k1v + 2 * k2v + 2 * k3v + k4v)
    return x, v


def advance(spring: Spring, x: float, v: float, dt: float) -> tuple[float, float]:
    xx, xv, vx, vv = spring.step(dt)
    return xx * x + xv * v, vx * x + vv * v


@given(
    w0=st.floats(0.5, 40),
    zeta=st.floats(0, 4),
    mass=st.floats(0.2, 5),
    x=st.floats(-2, 2),
    v=st.floats(-10, 10),
    t=st.floats(0.001, 0.5),
)
def test_every_regime_solves_the_equation(w0: float, zeta: float, mass: float, x: float, v: float, t: float) -> None:
    assume(abs(zeta - 1) > CRITICAL_BAND)
    spring = Spring(w0 * w0 * mass, 2 * zeta * w0 * mass, mass)
    got = advance(spring, x, v, t)
    assert got == pytest.approx(integrate(spring.stiffness, spring.damping, mass, x, v, t), rel=1e-6, abs=1e-7)


def test_the_critical_form_is_exact_at_one_and_used_close_to_it() -> None:
    exact = Spring(4.0, 4.0, 1.0)
    assert exact.ratio == 1
    assert advance(exact, 1.0, 0.5, 0.7) == pytest.approx(integrate(4, 4, 1, 1.0, 0.5, 0.7), rel=1e-9)
    # Within one per cent of it the critical form stands in; the error stays far below a pixel of 1000.
    near = Spring(4.0, 4.0 * 1.0099, 1.0)
    assert advance(near, 1.0, 0.0, 0.7)[0] == pytest.approx(integrate(4, 4 * 1.0099, 1, 1, 0, 0.7)[0], abs=5e-3)
    assert advance(near, 1.0, 0.0, 0.7) == advance(exact, 1.0, 0.0, 0.7)


def test_the_default_screen_spring() -> None:
    spring = Spring(200, 40, 2.25)
    assert spring.ratio == pytest.approx(0.94, abs=0.005)
    assert spring.frequency == pytest.approx(9.428, abs=1e-3)


@given(st.floats(0.5, 40), st.floats(0, 4), st.floats(-2, 2), st.floats(-10, 10))
def test_two_small_steps_are_one_large_one(w0: float, zeta: float, x: float, v: float) -> None:
    spring = Spring(w0 * w0, 2 * zeta * w0, 1)
    once = advance(spring, x, v, 0.016)
    assert advance(spring, *advance(spring, x, v, 0.008), 0.008) == pytest.approx(once, rel=1e-9, abs=1e-9)


@given(st.floats(1e-300, 1e300), st.floats(0, 1e300), st.floats(1e-300, 1e300))
def test_absurd_springs_stay_finite(stiffness: float, damping: float, mass: float) -> None:
    try:
        spring = Spring(stiffness, damping, mass)
        matrix = spring.step(0.008)
    except (OverflowError, ZeroDivisionError):
        pytest.fail("a spring must not overflow")
    assert all(math.isfinite(value) for value in matrix)


@pytest.mark.parametrize("values", [(0, 1, 1), (1, -1, 1), (1, 1, 0), (math.nan, 1, 1), (1, math.inf, 1)])
def test_impossible_springs(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Spring(*values)


def test_rest() -> None:
    assert at_rest(9e-6, -9e-5)
    assert not at_rest(1.1e-5, 0)
    assert not at_rest(0, 1.1e-4)
