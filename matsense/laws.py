"""Least squares of a law on every late window of a trace at once; its errors own up to misfit.

With z = log y the two laws are z = c - rate t and z = c - p log(t + t0). A window is [a, n): a law
is a statement about the end, so only its start is sought. Everything is an array over the K
candidate starts; windows are padded with zero rows, which least squares does not see. Where no
source is given, the construction is derived here and its calibration is in tests/test_calibration.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

SMALLEST_WINDOW = 8
WINDOW_RATIO = 1.2  # candidate windows shrink by this factor: fine enough where they are short,
FRONT_RATIO = 1.6  # and the ticks left out grow by this one: fine enough where most are kept
MOST_MODES = 16
SHIFTS = 44  # shifts tried on a grid before Gauss-Newton
REFINEMENTS = 10
FLOOR_REFINEMENTS = 15
INFLATION = 1.05  # of every error: pays for having looked at many windows; measured, see above
CHANCE = 1.5  # standard deviations that a value may move by when the window's start moves
SHARP = 0.5  # error of log(t_a + t0) above which a window does not determine its shift
TELLING = 3.0  # a later window with an error this many times larger has no say
# The level that a mean of j squares of unit normals passes one time in ten.
HEAD = special.chdtri(np.arange(1, MOST_MODES + 1), 0.10) / np.arange(1, MOST_MODES + 1)


class Frame(NamedTuple):
    """The candidate windows of a trace with n ticks."""

    starts: NDArray[np.intp]  # (K,) increasing
    counts: Array  # (K,)
    mask: Array  # (K, n) 1 inside the window
    modes: Array  # (K, n, J) cosines of frequency 1..J on each window


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


@lru_cache(maxsize=16)
def frame(n: int, smallest: int = SMALLEST_WINDOW) -> Frame:
    """The windows that leave out 0, 1, 2, 3, 5 ... ticks or keep `smallest`, ... ticks; cached."""
    left_out = np.geomspace(1, n, int(np.log(n) / np.log(FRONT_RATIO)) + 2)
    kept = np.geomspace(smallest, n, int(np.log(n / smallest) / np.log(WINDOW_RATIO)) + 2)
    starts = np.unique(np.concatenate([[0], left_out, n - kept]).astype(np.intp))
    starts = starts[starts <= n - smallest]
    i = np.arange(n)
    inside = i >= starts[:, None]
    counts = (n - starts).astype(float)
    phase = np.pi * (i - starts[:, None] + 0.5) / counts[:, None]
    J = int(mode_count(counts).max()) + 3
    modes = np.cos(phase[:, :, None] * np.arange(1, J + 1)) * inside[:, :, None]
    return Frame(starts, counts, inside.astype(float), modes)


def repeated(n: int, times: int) -> Frame:
    """The window of all n ticks, so many times: for several laws on one window."""
    f = frame(n)
    return f._replace(**{name: np.repeat(getattr(f, name)[:1], times, 0) for name in f._fields})


def mode_count(counts: Array) -> Array:
    """How many slow modes measure the noise: few enough to be slow, many enough to average."""
    return np.clip(np.round(0.5 * counts ** (2 / 3)), 3, MOST_MODES)


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
    return innovations / ((1 - rho) ** 2 + rho * (np.pi / n) ** 2)


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
    told = (f.starts > f.starts[:, None]) & (variance[:, None] * own <= TELLING**2 * se2[:, None])
    excess = np.maximum(slope**2 - CHANCE**2 * noise, 0.0)
    return np.where(told & (own > 0), excess, 0.0).max(1)


def unsettled(p: Array, se: Array, doubt: Array, resolved: NDArray[np.bool_], f: Frame) -> Array:
    """As `drift`, for a curved law refitted on each later window; (K,).

    Refitting sees what holding the shift does not: a bias of exponent and shift together. Only
    windows that determine their shift are asked, for an error linearised elsewhere is no error.
    """
    se2 = np.where(np.isfinite(se), se**2, 0.0)
    told = (f.starts > f.starts[:, None]) & (doubt < SHARP) & resolved
    told = told & (se2 <= TELLING**2 * se2[:, None])
    noise = np.maximum(se2 - se2[:, None], 0.0)
    excess = np.maximum((p - p[:, None]) ** 2 - CHANCE**2 * noise, 0.0)
    return np.where(told, excess, 0.0).max(1)


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
    variance = steadied(variance, f)
    square = variance[:, None] * (inverse**2).sum(2)
    square[:, 1] += drift(q, columns * f.mask[:, :, None], misfit, variance, square[:, 1], f)
    if blur is not None and tilt is not None:
        weights = inverse @ q.transpose(0, 2, 1)
        square = square + weights**2 @ blur + (weights @ tilt) ** 2
    coefficients = (inverse @ qz[:, :, None])[:, :, 0]
    return Solution(coefficients, INFLATION * np.sqrt(square), misfit, variance, dof)


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
    se = np.sqrt(s.se[:, 1] ** 2 + unsettled(p, s.se[:, 1], doubt, resolved, f))
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


def dot(u: Array, v: Array) -> Array:
    """Row by row, (K,)."""
    return np.einsum("kn,kn->k", u, v)


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
    se = np.sqrt(own**2 + unsettled(p_k, own, s.se[:, 2], np.isfinite(own) & (scale > gaps), f))
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
