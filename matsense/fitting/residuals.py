"""What the residuals of a fit say of its error: noise at all scales, lack of fit, drift.

Everything is an array over the windows of `matsense.fitting.frames`. Where no source is given, the
construction is derived here and its calibration is `python -m sims.calibrate`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from matsense.fitting import tuned
from matsense.fitting.frames import MOST_MODES, Array, Frame, dot, mode_count

# The level that a mean of j squares of unit normals passes one time in ten.
HEAD = special.chdtri(np.arange(1, MOST_MODES + 1), 0.10) / np.arange(1, MOST_MODES + 1)


def slow_variance(misfit: Array, q: Array, f: Frame) -> tuple[Array, Array]:
    """Variance of the residuals per slow mode, and its degrees of freedom, both (K,).

    A slope is spoilt by what is slow in the residuals, be it serially correlated noise or lack of
    fit. The law's d orthonormal columns q (K, n, d) take up about the first d modes; the next B,
    made orthogonal to them, are free to tell, and each coefficient is one draw: the equally
    weighted cosines of Lazarus, Lewis, Stock and Watson (2018), here orthogonal to the design.
    Lack of fit sits in the lowest of them, where an average over B would dilute it: a mean over
    the lowest j counts too, when it is high for chance.
    """
    d = q.shape[2]
    B = np.minimum(mode_count(f.counts), f.counts - d)
    J = int(B.max())
    C = f.modes[:, :, d - 1 : d - 1 + J]
    transposed = C.transpose(0, 2, 1)
    overlap = transposed @ q
    gram = transposed @ C - overlap @ overlap.transpose(0, 2, 1)
    size = np.sqrt(np.maximum(np.einsum("kjj->kj", gram), 1e-6 * f.counts[:, None]))
    # The misfit is orthogonal to q already. Modes beyond B are given an empty row of their own.
    on = np.arange(J) < B[:, None]
    gram = np.where(on[:, :, None] & on[:, None, :], gram / (size[:, :, None] * size[:, None]), 0)
    gram = gram + np.eye(J) * np.where(on, 1e-7, 1.0)[:, None]
    b = np.where(on, (transposed @ misfit[:, :, None])[:, :, 0] / size, 0.0)
    power = np.linalg.solve(np.linalg.cholesky(gram), b[:, :, None])[:, :, 0] ** 2
    heads = np.cumsum(power, 1) / np.arange(1, J + 1) / HEAD[:J]
    return np.maximum(power.sum(1) / B, np.where(on, heads, 0.0).max(1)), B


def accumulated(misfit: Array, columns: int, f: Frame) -> Array:
    """Variance of the lowest mode by an AR(1) model of the residuals, (K,).

    Noise that remembers, up to a random walk, is strongest where the slow modes cannot look: in the
    law's own. With innovations s^2 and correlation rho the mode of half a period over n ticks has
    variance s^2 / ((1 - rho)^2 + rho (pi / n)^2), which for rho = 1 gives the error of a least
    squares slope under a random walk to 2% (6/5 s^2 n against 12/pi^2). Least squares on residuals
    of a fit finds rho too small by about (1 + 3 rho + columns) / n (Kendall 1954 for a mean): it is
    raised by that and by half its standard error.
    """
    n = f.counts
    before, after = misfit[:, :-1] * f.mask[:, :-1], misfit[:, 1:] * f.mask[:, :-1]
    square = dot(before, before) + 1e-300
    rho = np.clip(dot(before, after) / square, 0.0, 1.0)
    innovations = dot(after - rho[:, None] * before, after - rho[:, None] * before)
    innovations = innovations / np.maximum(n - 2 - columns, 1)
    rho = rho + (1 + 3 * rho + columns * rho) / n + np.sqrt(np.maximum(1 - rho**2, 0) / n)
    # A longer window with the same innovations saw the same noise, and for longer.
    same = (n >= n[:, None]) & (innovations <= 1.25 * innovations[:, None])
    rho = np.minimum(np.where(same, rho, 0.0).max(1), 1.0)
    return lowest_mode(innovations, rho, n)


def lowest_mode(innovations: Any, rho: Any, n: Any) -> Any:
    """Variance of the mode of half a period over n ticks of AR(1) noise; elementwise."""
    return innovations / ((1 - rho) ** 2 + rho * (np.pi / n) ** 2)


def jitter(z: Array) -> float:
    """Scatter from tick to tick, blind to trends: from second differences."""
    return float(np.sqrt(np.mean(np.diff(z, 2) ** 2) / 6)) if len(z) > 2 else 0.0


def smooth(misfit: Array, f: Frame) -> NDArray[np.bool_]:
    """Where the residuals are a smooth curve (a wave, a law's lack of fit), not noise; (K,).

    Second differences of independent noise have six times its variance, those of AR(.98) a fiftieth
    of it, those of a curve of a few periods over n ticks next to nothing.
    """
    bend = np.diff(misfit, 2, axis=1) * f.mask[:, :-2]
    return dot(bend, bend) < tuned.CURVE * dot(misfit, misfit)


def steadied(variance: Array, f: Frame) -> Array:
    """Each variance raised to the largest among the later windows of at least half its length.

    A later window holds the same noise and no more misfit, so its variance is evidence too; a
    window picked because its own came out low by chance would have too short an interval.
    """
    near = (f.counts <= f.counts[:, None]) & (f.counts >= f.counts[:, None] / 2)
    return np.where(near, variance, 0.0).max(1)


def drift(q: Array, columns: Array, misfit: Array, variance: Array, se2: Array, f: Frame) -> Array:
    """Square of how far a law's value has yet to settle, beyond the noise; (K,).

    If the law of window k holds, its residuals show no slope in the later windows j either. That
    slope (least squares on the law's first two columns, its shift held) has a known variance, for
    nested windows smaller than either's own (Hausman 1978); what exceeds a few of its deviations
    is misfit and is charged to the error.
    """
    c0, c1 = columns[:, :, 0], columns[:, :, 1]
    inside = f.mask.T  # (K, n) @ inside: row k summed over window j
    s00, s01, s11 = (c0 * c0) @ inside, (c0 * c1) @ inside, (c1 * c1) @ inside
    determinant = s00 * s11 - s01**2
    # A law that has all but vanished below its floor in window j tells nothing there.
    determinant = np.where(determinant > 1e-12 * s00 * s11 + 1e-200, determinant, np.inf)
    slope = (s00 * ((c1 * misfit) @ inside) - s01 * ((c0 * misfit) @ inside)) / determinant
    own = s00 / determinant
    shared = np.zeros_like(own)
    for i in range(q.shape[2]):
        along = q[:, :, i]
        shared += (
            (s00 * ((c1 * along) @ inside) - s01 * ((c0 * along) @ inside)) / determinant
        ) ** 2
    noise = variance[:, None] * np.maximum(own - shared, 0.0)
    told = (f.starts > f.starts[:, None]) & (
        variance[:, None] * own <= tuned.TELLING**2 * se2[:, None]
    )
    excess = np.maximum(slope**2 - tuned.CHANCE**2 * noise, 0.0)
    return np.where(told & (own > 0), excess, 0.0).max(1)


def refit_drift(p: Array, se: Array, doubt: Array, resolved: NDArray[np.bool_], f: Frame) -> Array:
    """As `drift`, for a curved law refitted on each later window; (K,).

    Refitting sees what holding the shift does not: a bias of exponent and shift together. Only
    windows that determine their shift are asked, for an error linearised elsewhere is no error.
    """
    se2 = np.where(np.isfinite(se), se**2, 0.0)
    told = (f.starts > f.starts[:, None]) & (doubt < tuned.SHARP) & resolved
    told = told & (se2 <= tuned.TELLING**2 * se2[:, None])
    noise = np.maximum(se2 - se2[:, None], 0.0)
    excess = np.maximum((p - p[:, None]) ** 2 - tuned.CHANCE**2 * noise, 0.0)
    return np.where(told, excess, 0.0).max(1)
