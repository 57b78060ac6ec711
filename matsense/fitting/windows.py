"""Least squares of a law on every late window of a trace at once; its errors own up to misfit.

With z = log y the two laws are z = c - rate t and z = c - p log(t + t0). A window is [a, n): a law
is a statement about the end, so only its start is sought. Everything is an array over the K
candidate starts (`matsense.fitting.frames`); what the residuals say of the errors is in
`matsense.fitting.residuals`. Where no source is given, the construction is derived here, and its
calibration is figures/calibration.txt.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from matsense.fitting import tuned
from matsense.fitting.frames import SMALLEST_WINDOW, Array, Frame, dot, frame
from matsense.fitting.residuals import (
    accumulated,
    drift,
    refit_drift,
    slow_variance,
    smooth,
    steadied,
)

SHIFTS = 44  # shifts tried on a grid before Gauss-Newton
REFINEMENTS = 10
FLOOR_REFINEMENTS = 15


class Scan(NamedTuple):
    """One law on every candidate window; each field is (K,) but for those that say otherwise."""

    frame: Frame
    value: Array  # exponent, or rate per unit of t
    se: Array
    dof: Array
    level: Array  # c, the log of C
    first: Array  # t at the window's start
    last: Array  # t at which the law ceases to lead, the window's end unless a floor is fitted
    scale: Array  # t_a + t0 of a power law, nan for an exponential
    doubt: Array  # standard error of log(scale)
    floor: Array  # fitted floor, nan where none is
    floor_doubt: Array  # standard error of log(floor)
    misfit: Array  # (K, n) residuals, zero outside the window
    variance: Array  # of one slow mode of the residuals


def half_width(scan: Scan) -> Array:
    """Half the 95% interval, (K,)."""
    return scan.se * special.stdtrit(scan.dof, 0.975)


class Solution(NamedTuple):
    """Ordinary least squares on all windows: arrays (K, d), (K, d), (K, n), (K,), (K,)."""

    coefficients: Array
    se: Array
    misfit: Array
    variance: Array
    dof: Array


def solve(
    target: Array,
    columns: Array,
    f: Frame,
    blur: Array | None = None,
    tilt: Array | None = None,
    remembers: bool = True,
) -> Solution:
    """OLS of target (n,) or (K, n) on columns (K, n, d), inside the windows.

    Two known errors of the target are passed on where given, both (n,): `blur`, the variance of
    each entry, and `tilt`, an error common to all entries. `remembers`: whether the noise may
    accumulate; where a trace stalls, what is sought is only where.
    """
    q, r = np.linalg.qr(columns * f.mask[:, :, None])
    # A column that the others span (a shift without trace) gets a huge error, not a division by 0.
    diagonal = np.einsum("kii->ki", r)
    tiny = 1e-12 * np.abs(diagonal).max(1)[:, None]
    r = r + np.eye(r.shape[-1]) * np.where(np.abs(diagonal) < tiny, tiny, 0.0)[:, None]
    target = target * f.mask
    qz = (q.transpose(0, 2, 1) @ target[:, :, None])[:, :, 0]
    misfit = target - (q @ qz[:, :, None])[:, :, 0]
    inverse = np.linalg.inv(r)
    variance, dof = slow_variance(misfit, q, f)
    if remembers:
        variance = np.maximum(variance, accumulated(misfit, q.shape[2], f))
        variance = np.where(smooth(misfit, f), tuned.WAVY, 1.0) * variance
    variance = steadied(variance, f)
    square = variance[:, None] * (inverse**2).sum(2)
    square[:, 1] += drift(q, columns * f.mask[:, :, None], misfit, variance, square[:, 1], f)
    if blur is not None and tilt is not None:
        weights = inverse @ q.transpose(0, 2, 1)
        square = square + weights**2 @ blur + (weights @ tilt) ** 2
    coefficients = (inverse @ qz[:, :, None])[:, :, 0]
    return Solution(coefficients, tuned.INFLATION * np.sqrt(square), misfit, variance, dof)


def scan_line(
    t: Array,
    z: Array,
    smallest: int = SMALLEST_WINDOW,
    blur: Array | None = None,
    tilt: Array | None = None,
    remembers: bool = True,
) -> Scan:
    """z = c - value t on every window of at least `smallest` ticks."""
    f = frame(len(z), smallest)
    lag = t - t[-1]
    columns = np.broadcast_to(np.stack([np.ones_like(t), lag], 1), (len(f.starts), len(t), 2))
    s = solve(z, columns, f, blur, tilt, remembers)
    b = s.coefficients
    nan = np.full(len(b), np.nan)
    last = np.full(len(b), t[-1])
    level = b[:, 0] - b[:, 1] * t[-1]
    return Scan(
        f,
        -b[:, 1],
        s.se[:, 1],
        s.dof,
        level,
        t[f.starts],
        last,
        nan,
        nan,
        nan,
        nan,
        s.misfit,
        s.variance,
    )


def scan_power(t: Array, z: Array) -> Scan:
    """z = c - p log(t + t0) on every window, t0 > -t_a free.

    For the shifts of a grid the residual sums of squares of all windows come from running sums;
    Gauss-Newton in log(t_a + t0) polishes each window's best.
    """
    f = frame(len(z))
    first = t[f.starts]
    scale = first + coarse_shift(t, z, f)
    lag = np.where(f.mask > 0, t - first[:, None], 0.0)
    lowest, highest = 1e-3 * np.diff(t)[f.starts], 1e3 * lag[:, -1]
    z0 = z - z[-1]
    best, best_rss = scale, np.full(len(scale), np.inf)
    step = np.zeros(len(scale))
    for _ in range(REFINEMENTS):
        d = 1 / (1 + lag / scale[:, None])
        p, curve, rss = tangent(-np.log(d), d, z0, f)
        better = rss <= best_rss
        best, best_rss = np.where(better, scale, best), np.where(better, rss, best_rss)
        # dz / d log(scale) = -p d; a step that made things worse is halved.
        with np.errstate(all="ignore"):
            fresh = np.nan_to_num(-curve / p, nan=0.0, posinf=0.0, neginf=0.0)
        step = np.where(better, np.clip(fresh, -1.0, 1.0), step / 2)
        scale = np.clip(best * np.exp(step), lowest, highest)
    d = 1 / (1 + lag / best[:, None])
    # At the optimum the column d has coefficient zero: it only passes on the doubt about t0.
    s = solve(z, np.stack([np.ones_like(d), -np.log(d), d], 2), f)
    b, p = s.coefficients, -s.coefficients[:, 1]
    with np.errstate(all="ignore"):
        doubt = s.se[:, 2] / np.abs(p)
    resolved = best > np.diff(t)[f.starts]
    se = np.sqrt(s.se[:, 1] ** 2 + refit_drift(p, s.se[:, 1], doubt, resolved, f))
    level = b[:, 0] + p * np.log(best)
    last, nan = np.full(len(p), t[-1]), np.full(len(p), np.nan)
    return Scan(f, p, se, s.dof, level, first, last, best, doubt, nan, nan, s.misfit, s.variance)


def tangent(x: Array, d: Array, z: Array, f: Frame) -> tuple[Array, Array, Array]:
    """Of z on (1, x): the exponent and rss; of its residual on (1, x, d): the coefficient of d."""
    x, d, z = centred(x, f), centred(d, f), centred(z, f)
    xx = dot(x, x) + 1e-300
    slope = dot(x, z) / xx
    residual = z - slope[:, None] * x
    d = d - (dot(x, d) / xx)[:, None] * x
    return -slope, dot(d, residual) / (dot(d, d) + 1e-300), dot(residual, residual)


def centred(v: Array, f: Frame) -> Array:
    """v (K, n) or (n,) less its mean over each window, zero outside; (K, n)."""
    v = v * f.mask
    return v - f.mask * (v.sum(1) / f.counts)[:, None]


def tails(v: Array, f: Frame) -> Array:
    """The last axis summed over each window, by one running sum; (..., K)."""
    return np.cumsum(v[..., ::-1], axis=-1)[..., ::-1][..., f.starts]


def coarse_shift(t: Array, z: Array, f: Frame) -> Array:
    """The t0 of a grid with the least residual sum of squares, for each window (K,)."""
    smallest = t[t > 0][0] / 30
    up = np.geomspace(smallest, 100 * t[-1], SHIFTS)
    down = -np.geomspace(smallest, t[-1], SHIFTS // 2)
    shifts = np.concatenate([down, [0.0], up])[:, None]
    argument = t + shifts
    x = np.log(np.where(argument > 0, argument, 1.0))
    x = x - x[:, -1:]
    z = z - z[-1]
    sx, sz = tails(x, f), tails(z, f)
    vxx, vxz = tails(x * x, f) - sx**2 / f.counts, tails(x * z, f) - sx * sz / f.counts
    legal = (argument[:, f.starts] > 0) & (vxx > 0)
    gain = vxz**2 / np.where(legal, vxx, 1.0)
    return shifts[np.argmax(np.where(legal, gain, -np.inf), axis=0), 0]


def scan_power_floor(t: Array, z: Array, floor: float, clear: float) -> Scan:
    """z = log(C (t + t0)^-p + floor) on every window, from a first guess of the floor.

    What stands `clear` times above that guess is fitted first, which gives the guess of the rest.

    Levenberg-Marquardt in (c, p, log(t_a + t0), log floor), all windows at once. The law ceases to
    lead where it passes below the floor; decades and ticks are counted up to there.
    """
    f = frame(len(z))
    K = len(f.starts)
    first = t[f.starts]
    lag = np.where(f.mask > 0, t - first[:, None], 0.0)
    gaps = np.diff(t)[f.starts]
    lowest, highest = np.log(1e-3 * gaps), np.log(1e3 * lag[:, -1])
    near = z < np.log(clear * floor)
    end = int(np.argmax(near)) if near.any() else len(z)
    if end >= SMALLEST_WINDOW:
        guess = scan_power(t[:end], np.log(np.exp(z[:end]) - floor))
        j = np.minimum(np.searchsorted(guess.frame.starts, f.starts), len(guess.value) - 1)
        p, t0 = guess.value[j], (guess.scale - guess.first)[j]
    else:
        p, t0 = np.ones(K), np.full(K, t[1])
    theta = np.clip(np.log(np.maximum(first + t0, 1e-3 * gaps)), lowest, highest)
    # The level is held at the window's start, where it and the exponent are least entangled.
    current = np.stack([z[f.starts], p, theta, np.full(K, np.log(floor))], 1)
    best, best_rss = current, np.full(K, np.inf)
    damping = np.full(K, 1e-3)
    step = np.zeros((K, 4))
    model, columns = np.zeros_like(lag), np.zeros((*lag.shape, 4))
    for _ in range(FLOOR_REFINEMENTS):
        fresh, tangents = power_floor(current, lag)
        rss = (((z - fresh) * f.mask) ** 2).sum(1)
        better = rss <= best_rss
        best, best_rss = np.where(better[:, None], current, best), np.where(better, rss, best_rss)
        model = np.where(better[:, None], fresh, model)
        columns = np.where(better[:, None, None], tangents * f.mask[:, :, None], columns)
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-12, 1e6)
        transposed = columns.transpose(0, 2, 1)
        gram = transposed @ columns
        ridge = np.einsum("kii->ki", gram) * damping[:, None] + 1e-12
        gradient = transposed @ (z - model)[:, :, None]
        step = np.linalg.solve(gram + np.eye(4) * ridge[:, None], gradient)[:, :, 0]
        current = best + np.clip(step, -1.0, 1.0)
        current[:, 2] = np.clip(current[:, 2], lowest, highest)
    s = solve(z - model, columns, f)
    p_k, scale = best[:, 1], np.exp(best[:, 2])
    leading = (columns[:, :, 0] > 0.5).sum(1)
    last = t[np.maximum(f.starts + leading - 1, f.starts)]
    # A window that sees little but the floor has no say about the law.
    own = np.where((leading >= SMALLEST_WINDOW) & (p_k > 0), s.se[:, 1], np.inf)
    se = np.sqrt(own**2 + refit_drift(p_k, own, s.se[:, 2], np.isfinite(own) & (scale > gaps), f))
    level = best[:, 0] + p_k * best[:, 2]
    return Scan(
        f, p_k, se, s.dof, level, first, last, scale, s.se[:, 2], np.exp(best[:, 3]),
        s.se[:, 3], s.misfit, s.variance,
    )  # fmt: skip


def power_floor(parameters: Array, lag: Array) -> tuple[Array, Array]:
    """log(C (t + t0)^-p + floor) and its four derivatives, (K, n) and (K, n, 4)."""
    c, p, theta, phi = (v[:, None] for v in parameters.T)
    d = 1 / (1 + lag * np.exp(-theta))
    g = c + p * np.log(d)
    model = np.logaddexp(g, phi)
    share = np.exp(g - model)
    return model, np.stack([share, share * np.log(d), share * p * (1 - d), 1 - share], 2)
