"""Damped springs in closed form (cap-format 3.4; the textbook damped harmonic oscillator).

With x the displacement from the target, v the velocity, w0 = sqrt(k/m) and zeta = c / (2 sqrt(k m)):
``x'' = -2 zeta w0 x' - w0^2 x``. For a fixed step the solution is linear in (x, v), so a step is one 2x2 matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REST_DISPLACEMENT = 1e-5
REST_SPEED = 1e-4
CRITICAL_BAND = 0.01
"""|zeta - 1| up to which a spring counts as critically damped."""
MIN_FREQUENCY, MAX_FREQUENCY, MAX_RATIO = 1e-3, 1e6, 1e6
"""Springs beyond these stand still or arrive at once; the limits keep their sums within floats."""

StepMatrix = tuple[float, float, float, float]
"""(xx, xv, vx, vv): x' = xx x + xv v; v' = vx x + vv v."""


@dataclass(frozen=True, slots=True)
class Spring:
    """Stiffness k > 0, damping c >= 0, mass m > 0.

    Raises:
        ValueError: A value is out of range or not finite.
    """

    stiffness: float
    damping: float
    mass: float

    def __post_init__(self) -> None:
        finite = all(math.isfinite(v) for v in (self.stiffness, self.damping, self.mass))
        if not finite or self.stiffness <= 0 or self.mass <= 0 or self.damping < 0:
            raise ValueError(
                f"A spring with stiffness {self.stiffness}, damping {self.damping} and mass {self.mass} does not "
                "exist; stiffness and mass must be positive, damping 0 or more."
            )

    @property
    def frequency(self) -> float:
        """w0 in rad/s."""
        return math.sqrt(self.stiffness) / math.sqrt(self.mass)

    @property
    def ratio(self) -> float:
        """Damping ratio zeta: below 1 it swings over, above 1 it creeps."""
        return self.damping / (2 * math.sqrt(self.stiffness) * math.sqrt(self.mass))

    def step(self, dt: float) -> StepMatrix:
        """The matrix that takes (x, v) ``dt`` seconds ahead."""
        w0, zeta = min(max(self.frequency, MIN_FREQUENCY), MAX_FREQUENCY), min(self.ratio, MAX_RATIO)
        if abs(zeta - 1) <= CRITICAL_BAND:
            e = math.exp(-w0 * dt)
            return (1 + w0 * dt) * e, dt * e, -w0 * w0 * dt * e, (1 - w0 * dt) * e
        if zeta < 1:
            decay, w = zeta * w0, w0 * math.sqrt(1 - zeta * zeta)
            e, cos, sin = math.exp(-decay * dt), math.cos(w * dt), math.sin(w * dt) / w
            return e * (cos + decay * sin), e * sin, -e * w0 * w0 * sin, e * (cos - decay * sin)
        root = math.sqrt(zeta * zeta - 1)
        # The slow rate by its conjugate form: w0 (zeta - root) would cancel for a strongly damped spring.
        slow, fast = -w0 / (zeta + root), -w0 * (zeta + root)
        es, ef, gap = math.exp(slow * dt), math.exp(fast * dt), slow - fast
        return (
            (slow * ef - fast * es) / gap,
            (es - ef) / gap,
            slow * fast * (ef - es) / gap,
            (slow * es - fast * ef) / gap,
        )


def at_rest(x: float, v: float) -> bool:
    """Whether a displacement and velocity are too small to go on with."""
    return abs(x) < REST_DISPLACEMENT and abs(v) < REST_SPEED
