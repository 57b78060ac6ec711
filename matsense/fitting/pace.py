"""Whether the pace of a law has settled by the end of a trace: witnesses for and against.

On its window a law is a line, z = log y = c - v u, in u = t (an exponential) or u = log(t + t0) (a
power law). What a claim speaks of is the pace v far beyond the last tick, and three things part the
two: a change of pace over the last few ticks; a pace that still drifts; and a drift too slow for
the window to see, which the ticks before the window may tell.

How far a drifting pace may still go is derived here from what drifts in gradient descent. Near a
limit y is a sum of c_i exp(-v_i u) with positive weights: its pace is the mean of the v_i under the
weights that still live, and the fall of the pace is their variance, -dv/du = Var(v). The limit, the
smallest v_i, lies about a standard deviation below the mean: sqrt((1 - w) / w) of them for two
rates of which the slower has the share w, at most 2 while w >= .2; a factor u^-a (a spectrum's
edge, or a logarithm beside a power law) leaves v = v_inf + a / u, sqrt(a) deviations. `SPREADS` of
them are charged. Where the pace falls by the same share again and again, no number is a bound, and
the law is refused. What cannot be known stays unknown: a slower term that has yet to show.

Its numbers stand in `matsense.fitting.tuned`.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.frames import Array
from matsense.fitting.residuals import lowest_mode

UNSETTLED = "its pace"  # how every reason begins
FEW = 4  # ticks of the smallest stretch


class Witness(NamedTuple):
    """How far the limit may lie below and above the fitted pace; or why it cannot be told."""

    below: float = 0.0
    above: float = 0.0
    reason: str = ""


class Scatter(NamedTuple):
    """Noise of log y: variance of an innovation and correlation from tick to tick."""

    innovation: float
    rho: float

    def of_mode(self, ticks: int) -> float:
        """Variance that spoils a slope over so many ticks."""
        return float(lowest_mode(self.innovation, self.rho, ticks))

    def wanders(self, ticks: int) -> bool:
        """Whether noise that remembers may have carried the trace as far as a bend of its law."""
        return self.rho > 0.85 and math.sqrt(self.innovation * ticks) > tuned.WANDERS


class Slopes(NamedTuple):
    """The pace on some stretches, and its variance."""

    value: Array
    variance: Array


def examine(
    u: Array,
    z: Array,
    start: int,
    stretches: Array,
    steady: float,
    unseen: bool,
    drifts: bool = True,
) -> Witness:
    """What the ticks (n,) say about the law fitted to those from `start` on.

    `stretches` are edges in u, increasing, the last of them u[-1]: the pace is compared from one
    stretch to the next, before the window too. `unseen` charges what noise may hide of a drift,
    `drifts` a drift at all: not where laws that drift so are weighed
    (`matsense.fitting.rival_powers`).
    """
    scatter = scatter_of(u[start:], z[start:])
    if not unseen and scatter.wanders(len(u) - start):
        return Witness(reason=f"{UNSETTLED} is hidden by noise that accumulates")
    pace = slopes(u, z, np.array([u[start], u[-1]]), scatter).value[0]
    sudden = change_at_the_end(u[start:], z[start:], scatter)
    if sudden:
        return Witness(reason=sudden)
    if wavers(u[start:], z[start:], scatter, pace):
        return Witness(reason=f"{UNSETTLED} goes up and down")
    history = slopes(u, z, stretches, scatter)
    reason, endless = unsettled(history, pace, steady)
    # A short window may lie between two waves; the last third of the fall does not.
    third = int(np.argmax(z - z[-1] <= (z.max() - z[-1]) / 3))
    wide = min(start, third)
    rest = settling(history, steady) if unseen else 0.0
    if (reason or endless or rest) and rested(u[wide:], z[wide:], scatter, history, stretches):
        reason, endless, rest = "", 0.0, 0.0
    if reason:
        return Witness(reason=reason)
    if not drifts:
        return Witness(tuned.AHEAD * endless)
    below, above = reach(u[start:], z[start:], scatter, pace, unseen)
    limit = float(history.value[-1]) - rest
    below = max(below, (pace - limit) * (rest > 0))
    above = max(above, (limit - pace) * (rest < 0))
    return Witness(max(below, tuned.AHEAD * endless), above)


def settling(history: Slopes, steady: float) -> float:
    """How far a pace has still to fall (or to rise, negative) that settles as it has done so far.

    A change that shrinks by the factor q from doubling to doubling of t adds up to q / (1 - q) of
    the last one: 1 of it for a pace v + a / t, 2.4 for v + a / sqrt(t), less for a sum of rates.
    """
    fall = -np.diff(history.value)[-2:]
    error = np.sqrt(history.variance[1:] + history.variance[:-1])[-2:]
    if not (np.abs(fall) > tuned.SEEN * error).all() or fall[0] * fall[1] < 0:
        return 0.0
    q = min((abs(fall[1]) + tuned.SURE * error[1]) / (abs(fall[0]) - tuned.SURE * error[0]), steady)
    return float(fall[1] * q / (1 - q))


def reach(u: Array, z: Array, scatter: Scatter, pace: float, unseen: bool) -> tuple[float, float]:
    """How far the limit may lie below and above the pace of the window, by what its pace does.

    The end of the window tells more of the limit and is noisier. What it shows of a fall overrules
    what comes before it: there a slower term that has set in since is diluted, and faster ones that
    have died since still count. That it shows none is taken from half of the window or more.
    """
    n = m = len(u)
    below = above = 0.0
    while m >= 2 * FEW or m == n:
        fall, error = curvature(u[-m:], z[-m:], scatter)
        own = float(slopes(u, z, np.array([u[-m], u[-1]]), scatter).value[0])
        seen = abs(fall) > tuned.SEEN * error
        # What noise may hide is charged as a fall: a rise must be seen.
        rises = seen and fall < 0
        charged = (
            fall if rises else max(fall, 0.0) + tuned.UNSEEN * error if unseen else fall * seen
        )
        lower = pace - own + tuned.SPREADS * math.sqrt(max(charged, 0.0))
        if m == n:
            below, above = lower, tuned.SPREADS * math.sqrt(max(-charged, 0.0))
        elif seen and fall > 0:
            below = lower
        elif unseen and m >= tuned.QUIET * n:
            below = min(below, lower)
        m = int(tuned.PART * m)
    return max(below, 0.0), above


def scatter_of(u: Array, z: Array) -> Scatter:
    """The noise about a cubic in u; its innovations by their median, so that a kink is none."""
    x = 2 * (u - u[0]) / (u[-1] - u[0]) - 1
    degree = min(3, len(u) - 3)
    q = np.linalg.qr(np.polynomial.legendre.legvander(x, degree))[0]
    e = z - q @ (q.T @ z)
    n = len(e)
    rho = float(np.clip(e[:-1] @ e[1:] / (e[:-1] @ e[:-1] + 1e-300), 0, 1))
    # A kink of the pace looks like memory; in the differences of e it is one outlier. For AR(1)
    # noise these have the correlation (rho - 1) / 2.
    d = np.diff(e)
    kinked = 1 + 2 * float(d[:-1] @ d[1:]) / (float(d @ d) + 1e-300) + 2 / math.sqrt(n)
    fresh = e[1:] - rho * e[:-1]
    # log y is known to rounding at best.
    rounding = 4e-16 * (1 + np.abs(z).max())
    size = max(float(np.median(np.abs(fresh))) / 0.6745, rounding)
    # A handful of ticks do not know their own noise.
    dof = max(n - 2 - degree, 1)
    size *= math.sqrt((n - 1) / dof) * (1 + 2 / dof)
    rho += (1 + (4 + degree) * rho) / n + 0.5 * math.sqrt((1 - rho**2) / n)
    return Scatter(size**2, min(rho, max(kinked, 0.0), 1.0))


def slopes(u: Array, z: Array, edges: Array, scatter: Scatter) -> Slopes:
    """-dz/du by least squares between neighbouring edges; NaN where there are too few ticks."""
    values, variances = [], []
    for low, high in pairwise(edges):
        inside = (u >= low) & (u <= high)
        n = int(inside.sum())
        if n < FEW:
            values.append(math.nan)
            variances.append(math.nan)
            continue
        x = u[inside] - u[inside].mean()
        values.append(-float(x @ z[inside] / (x @ x)))
        variances.append(scatter.of_mode(n) / float(x @ x))
    return Slopes(np.array(values), np.array(variances))


def change_at_the_end(u: Array, z: Array, scatter: Scatter) -> str:
    """Why the law does not hold on its last ticks; empty if it does."""
    n = len(u)
    most = n // 2
    few = np.geomspace(FEW, most, 12) if most >= FEW else np.zeros(0)
    for m in np.unique(np.round(few).astype(int)):
        cut = u[n - m - 1]
        both = slopes(u, z, np.array([u[0], cut, u[-1]]), scatter)
        change = both.value[1] - both.value[0]
        if abs(change) > tuned.SUDDEN * math.sqrt(both.variance.sum()) and (
            abs(change) > tuned.BREAK * abs(both.value[0])
        ):
            return (
                f"{UNSETTLED} changes over its last {m} ticks, from {both.value[0]:.3g} to "
                f"{both.value[1]:.3g}"
            )
    return ""


def wavers(u: Array, z: Array, scatter: Scatter, pace: float) -> bool:
    """Whether the pace is seen to rise and to fall, over thirds or quarters of the window."""
    for parts in (3, 4):
        cut = slopes(u, z, np.linspace(u[0], u[-1], parts + 1), scatter)
        fall, error = -np.diff(cut.value), np.sqrt(cut.variance[1:] + cut.variance[:-1])
        fall = np.where(
            np.abs(fall) > np.maximum(tuned.WAVED * error, tuned.WAVE * pace), fall, 0.0
        )
        if fall.min() < 0 < fall.max():
            return True
    return False


def curvature(u: Array, z: Array, scatter: Scatter) -> tuple[float, float]:
    """d^2 z / du^2, the fall of the pace, by least squares on the window; its standard error."""
    half = (u[-1] - u[0]) / 2
    x = (u - u[0]) / half - 1
    q, r = np.linalg.qr(np.vander(x, 3, increasing=True))
    # The slowest mode that is free of level and slope is the second one.
    variance = scatter.of_mode(len(u))
    return 2 * float(q[:, 2] @ z / r[2, 2]) / half**2, (
        2 * math.sqrt(variance) / abs(float(r[2, 2])) / half**2
    )


def rested(u: Array, z: Array, scatter: Scatter, history: Slopes, stretches: Array) -> bool:
    """Whether the drift from stretch to stretch has died inside the window.

    Were it to go on, the pace would move by a known part of it from one half of the window to the
    other; surely less than `RESTED` of that is rest.
    """
    middle = (u[0] + u[-1]) / 2
    half = slopes(u, z, np.array([u[0], middle, u[-1]]), scatter)
    drift = abs(float(history.value[-2] - history.value[-1]))
    first, last = (u[0] + middle) / 2, (middle + u[-1]) / 2
    # Stretches are doublings of u where its zero is a beginning, and equal steps elsewhere.
    doubling = bool(np.isclose(stretches[-1], 2 * stretches[-2]))
    passed = math.log2(last / first) if doubling else (last - first) / np.diff(stretches)[-1]
    moved = abs(float(half.value[1] - half.value[0])) + 2 * math.sqrt(half.variance.sum())
    return bool(moved < tuned.RESTED * drift * passed)


def unsettled(history: Slopes, pace: float, steady: float) -> tuple[str, float]:
    """Why the drift from stretch to stretch leaves the limit open, or an endless fall a stretch.

    A drift ends if it shrinks from one stretch to the next below the share `steady`. A fall by the
    same share of the pace may go on for ever, as that of exp(-t^.8) does: a small one is reported,
    to be charged as if it went on for `AHEAD` more stretches. One by a share that grows is charged
    to the whole of the pace. Any other fall is that of a sum of rates, whose variance bounds it.
    """
    fall = -np.diff(history.value)
    error = np.sqrt(history.variance[1:] + history.variance[:-1])
    told = np.isfinite(fall)
    told_at = np.flatnonzero(told)
    fall, error = fall[told], error[told]
    if len(fall) < 2 or np.abs(fall[-2:]).max() < tuned.NEGLIGIBLE * pace:
        return "", 0.0
    last, before = fall[-1], fall[-2]
    seen = np.abs(fall) > tuned.HINTED * error
    unknown = 2 * error[-1] > tuned.LOOSE * pace
    if unknown or (not seen[-1] and abs(last) + 2 * error[-1] > tuned.LOOSE * pace):
        known = 100 * (abs(last) + 2 * error[-1]) / pace
        return f"{UNSETTLED} is steady to {known:.2g}% only", 0.0
    jointly = abs(last + before) > tuned.HINTED * math.hypot(error[-1], error[-2])
    if not (seen[-1] or seen[-2] or jointly):
        return "", 0.0
    largest, smallest = abs(last) + tuned.SURE * error[-1], abs(last) - tuned.SURE * error[-1]
    least, most = abs(before) - tuned.SURE * error[-2], abs(before) + tuned.SURE * error[-2]
    turned = seen[-1] and seen[-2] and last * before < 0 and abs(last) > tuned.TURNED * abs(before)
    if largest < steady * least and not turned:
        return "", 0.0
    if seen[-1] and seen[-2] and last * before < 0:
        return f"{UNSETTLED} goes up and down", 0.0
    if last > 0 and seen[-1] and before > -2 * error[-2]:
        # exp(-t^b) falls by the same share of its pace from stretch to stretch.
        share = history.value[told_at[-1]] / history.value[told_at[-1] + 1]
        if largest * share < (1 - tuned.ALIKE) * least:
            return "", 0.0
        if smallest * share > (1 + tuned.ALIKE) * most:
            return "", pace / tuned.AHEAD  # by a growing share: it may fall to 0
    if 0 < last < tuned.SMALL * pace and before > 0:
        return "", float(last)
    way, change = "falls" if last + before > 0 else "rises", 100 * abs(last) / pace
    text = f"{UNSETTLED} still {way}, by {change:.2g}% over its last stretch, with no end in sight"
    return text, 0.0
