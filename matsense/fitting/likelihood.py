"""Likelihood of what stands beside a law: residuals that remember, and targets freed of it."""

import math

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.frames import Array


def memory(e: Array) -> tuple[float, float]:
    """Correlation from tick to tick of residuals (n,), and the variance of their innovations.

    The correlation is raised by its bias (`matsense.fitting.residuals.accumulated`). Residuals that
    are a curve are lack of fit, not noise that remembers.
    """
    n = len(e)
    if curved(e):
        return 0.0, float(e @ e) / max(n - 5, 1)
    rho = float(np.clip(e[:-1] @ e[1:] / (e[:-1] @ e[:-1] + 1e-300), 0.0, 1.0))
    fresh = e[1:] - rho * e[:-1]
    return min(rho + (1 + 6 * rho) / n, 1.0), float(fresh @ fresh) / max(n - 5, 1)


def curved(e: Array) -> bool:
    """Whether residuals (n,) are a curve."""
    bend = np.diff(e, 2)
    return bool(bend @ bend < tuned.CURVE * (e @ e))


def whitened(v: Array, levels: Array, rho: float) -> Array:
    """v (..., n) without the memory of AR(1) noise and without its part along `levels` (m, n)."""

    def fresh(v: Array) -> Array:
        first = math.sqrt(1 - rho**2) * v[..., :1]
        return np.concatenate([first, v[..., 1:] - rho * v[..., :-1]], -1)

    q = np.linalg.qr(fresh(levels).T)[0]
    v = fresh(v)
    return v - (v @ q) @ q.T
