"""How often any honest judge could be sure of a claim: the nearest rival law with another end.

A judge that keeps 95% of its intervals right for a law and for a rival must hold the rival's end in
95% of the rival's traces; by Neyman and Pearson it can leave it out in at most Phi(D - 1.645) of
the law's own, where D is the distance of the two in standard deviations of the noise: D^2 is the
sum of squares of the whitened difference of their logarithms (derived here). What is sure to 25% of
the truth must leave out all that is 25% off or more, so any such rival bounds its power, and so do
two at once, one on either side, by any mixture of both, for which Neyman and Pearson hold as well
(Lehmann and Romano 2005, section 3.8). The rivals are
laws that the calibration also draws, where an interval must hold *their* end: two rates within a
factor 3 and amplitudes within 10, a factor (t + tau)^-a, a logarithm of t + t0 to a power up to 2,
a second power. Transient and floor, where the law has them, are the rival's to choose.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from matsense.fitting.frames import Array
from matsense.fitting.synthetic import Drawn

CERTAIN = 1.645  # standard deviations: one error in twenty on one side
FARTHEST = 8.0  # a rival so far off is none
DRAWS = 20000


class Rival(NamedTuple):
    """log of a law without level, floor and transient, at parameters inside bounds."""

    shape: Callable[[Array, Array], Array]  # (parameters, ticks) -> log of the law
    low: tuple[float, ...]
    high: tuple[float, ...]


def ceiling(drawn: Drawn, off: float) -> float:
    """The largest power that a claim to within `off`, relative, can have on such a trace."""
    if drawn.sd == 0:
        return float(stats.norm.cdf(FARTHEST - CERTAIN))
    sides = nearest(drawn, off)
    least = min(min(float(np.linalg.norm(apart)) for apart in sides), FARTHEST)
    most = float(stats.norm.cdf(least - CERTAIN))
    return min(most, leaving_out_both(*sides)) if len(sides) == 2 else most


def nearest(drawn: Drawn, off: float) -> list[Array]:
    """What parts the law from the nearest rival on each side whose end is off by `off`, (n,) each.

    An exponential has rivals of a smaller rate only.
    """
    if math.isinf(drawn.exponent):
        sides = [sums(drawn.rate * (1 - off), drawn.t[-1])]
    else:
        p = drawn.exponent
        sides = [
            powers(0.0, p * (1 - off), drawn.t),
            powers(p * (1 + off), p * (1 + off) + 2, drawn.t),
        ]
    return [min((closest(drawn, r) for r in side), key=np.linalg.norm) for side in sides]


def leaving_out_both(a: Array, b: Array) -> float:
    """Power of the best test of the law against an even mixture of both rivals, by draws.

    The log densities of the rivals, relative to the law's, are normal under all three.
    """
    gram = np.array([[a @ a, a @ b], [a @ b, b @ b]])
    values, vectors = np.linalg.eigh(gram)
    draws = np.random.default_rng(0).standard_normal((DRAWS, 2))
    law = draws @ (vectors * np.sqrt(np.maximum(values, 0.0))).T - np.diag(gram) / 2
    mixed = np.concatenate([np.logaddexp(*(law + own).T) for own in gram])
    return float((np.logaddexp(*law.T) < np.quantile(mixed, 0.05)).mean())


def sums(rate: float, end: float) -> Iterator[Rival]:
    """Decays whose limit is `rate`: two rates within a factor 3, and a spectrum's edge."""

    def two(q: Array, t: Array) -> Array:
        return -rate * t + np.log(q[0] + (1 - q[0]) * np.exp(-rate * q[1] * t))

    def edge(q: Array, t: Array) -> Array:
        return -rate * t - q[0] * np.log1p(t / np.exp(q[1]))

    yield Rival(two, (1 / 11, 0.05), (10 / 11, 2.0))

    def stretched(q: Array, t: Array) -> Array:
        return -np.exp(q[0]) * (t / end) ** q[1]

    nats = math.log(rate * end)
    yield Rival(edge, (0.25, math.log(10.0)), (1.5, math.log(300.0)))
    yield Rival(stretched, (nats - 1.5, 0.7), (nats + 1.5, 0.9))
    yield Rival(stretched, (nats - 1.5, 1.1), (nats + 1.5, 1.5))


def powers(low: float, high: float, t: Array) -> Iterator[Rival]:
    """Power laws of exponent `low` to `high` beside a logarithm, or beside the next power."""

    def logarithm(q: Array, t: Array) -> Array:
        u = np.log(t + np.exp(q[0]))
        return -q[2] * u + q[1] * np.log(u)

    def second(q: Array, t: Array) -> Array:
        s = t + np.exp(q[0])
        return -q[2] * np.log(s) + np.log1p(np.exp(q[1]) * t[-1] / s)

    least, most = 0.0, math.log(0.1 * t[-1])
    yield Rival(logarithm, (math.log(1.5), -2.0, low), (most, 2.0, high))
    yield Rival(second, (least, math.log(0.03), low), (most, 0.0, high))


def distance(drawn: Drawn, rival: Rival) -> float:
    """From the law of a trace to a rival's best fit, in standard deviations of the noise."""
    return float(np.linalg.norm(closest(drawn, rival)))


def closest(drawn: Drawn, rival: Rival) -> Array:
    """What parts the law of a trace from a rival's best fit, (n,), in units of fresh noise."""
    assert drawn.clean is not None
    t, z = drawn.t, np.log(drawn.clean)
    use = t >= drawn.settled
    t, z = t[use], z[use]
    inner = len(rival.low)
    floor = drawn.floor

    def residual(q: Array) -> Array:
        model = rival.shape(q[:inner], t)
        # The level is the rival's to choose: by the law's own at its middle, and free from there.
        model = model + q[inner]
        if floor > 0:
            model = np.logaddexp(model, q[inner + 1])
        e = (z - model) / drawn.sd
        return np.append(e[0], (e[1:] - drawn.rho * e[:-1]) / math.sqrt(1 - drawn.rho**2))

    best, least = np.zeros(0), math.inf
    low, high = np.array(rival.low), np.array(rival.high)
    for part in (0.15, 0.5, 0.85):
        start = low + part * (high - low)
        level = float((z - rival.shape(start, t))[len(t) // 3])
        free = [level, math.log(floor)] if floor > 0 else [level]
        wide = np.full(len(free), np.inf)
        found = optimize.least_squares(
            residual, np.append(start, free), bounds=(np.append(low, -wide), np.append(high, wide)),
            x_scale="jac",
        )  # fmt: skip
        if found.cost < least:
            best, least = found.fun, found.cost
    return best
