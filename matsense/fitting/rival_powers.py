"""Laws with another end that fit a window as well as the chosen one: how far that end may lie.

A judge that is right for every law that it may meet cannot leave out the end of one that fits as
well. As well is the likelihood ratio's word: everything within the quantile of chi-square that
belongs to the level of an interval, all that the rival is free to choose at its best (the profile
likelihood of its end). How much power any such judge can have is `matsense.fitting.ceiling`.
"""

import math

import numpy as np
from scipy import special

from matsense.fitting import tuned
from matsense.fitting.estimate import FAMILYWISE, LEVEL
from matsense.fitting.fits import Candidate, Decay
from matsense.fitting.frames import Array, dot
from matsense.fitting.likelihood import memory, whitened

LEVELS = np.array([LEVEL, FAMILYWISE])
CROSSINGS = np.geomspace(0.01, 1.0, 24)  # of two powers that are tried, in parts of the horizon
SCALES = 300  # of t + t0 at the first tick that are tried,
NEAR = 41  # and some more about the law's own
FINER = 4  # times those of a logarithm are refined about the best


def beside_powers(found: Candidate, decay: Decay) -> tuple[Array, Array]:
    """Least and largest exponents of laws that fit as well as the power law found, at both levels.

    The rivals are (t + t0)^-p (ln(t + t0))^a and (t + t0)^-p (1 + c / (t + t0)), each without a
    floor and above that of the law; their shift is theirs to choose, as the law's is the law's. The
    levels are `LEVELS`; an end is infinite where no rival fits.

    What a method without a clock does is a function of t + t0, its logarithm too. A logarithm of
    another unit, ln(1 + t / tau) with tau about t0, no trace with noise tells from a shift.
    """
    # The earliest window on which the law holds tells it from a rival best.
    scan = found.scan
    assert scan is not None
    own = int(np.searchsorted(scan.frame.starts, found.start))
    k = min(own, int(np.argmax(scan.variance <= tuned.HOLDS * found.variance)))
    first, last = int(scan.frame.starts[k]), found.start + len(found.misfit)
    t, z, e = decay.t[first:last], decay.z[first:last], scan.misfit[k, first:last]
    rho, fresh = memory(e)
    scale, floor = float(scan.scale[k]), float(scan.floor[k])
    law = float(scan.level[k]) - float(scan.value[k]) * np.log(t - t[0] + scale)
    grid = np.geomspace(min(1.0, scale), t[-1], SCALES)
    scales = np.append(grid, scale * np.exp(np.linspace(-0.1, 0.1, NEAR)))
    x = np.log(t - t[0] + scales[:, None])
    seconds = np.log(t + t[-1] * CROSSINGS[:, None])
    whole = np.ones((1, len(t)))
    told = whitened(e, whole, rho)
    ends = Ends(fresh, float(told @ told))
    # Above a floor, log(L + floor) moves with log L by the share of L, with log floor by the rest:
    # the levels of both are the rival's to choose.
    cases = [(whole[0], whole, z)]
    if floor > 0:
        share = 1 / (1 + np.exp(math.log(floor) - law))
        cases.append((share, np.stack([share, 1 - share]), share * law + e))
    for share, levels, target in cases:
        target, xs = whitened(target, levels, rho), whitened(share * x, levels, rho)
        tried, step = scales[scales >= tuned.LEAST_ARGUMENT], math.log(grid[1] / grid[0])
        # In units in which the whole horizon is less there is no logarithm.
        for _ in range(FINER + 1 if tried.size else 0):
            u = np.log(t - t[0] + tried[:, None])
            us, logs = whitened(share * u, levels, rho), whitened(share * np.log(u), levels, rho)
            best = [
                ends.reach(0.0, us, target, logs[:, None], (-tuned.STEEPEST, tuned.STEEPEST)),
                ends.reach_zero(target, logs, (-tuned.STEEPEST, tuned.STEEPEST)),
            ]
            step /= 4
            finer = tried[best][:, None] * np.exp(step * np.arange(-4, 5))
            tried = np.maximum(finer.ravel(), tuned.LEAST_ARGUMENT)
        # t^-p (1 + c / t) is t^-(p + 1) (t + c).
        ends.reach(1.0, xs, target, whitened(share * seconds, levels, rho), (1.0, 1.0))
    return ends.low, ends.high


class Ends:
    """The least and the largest p of all rivals that are likely, at each of `LEVELS`."""

    def __init__(self, noise: float, least: float) -> None:
        """With the variance of fresh noise and the sum of squares of the law itself."""
        self.noise, self.least = noise, least
        self.low, self.high = np.full(2, math.inf), np.full(2, -math.inf)

    def reach(self, less: float, x: Array, z: Array, w: Array, strip: tuple[float, float]) -> int:
        """Takes in p - `less` of z = -p x + a w, for any row of x and of w. The best row of x.

        x (M, n), w (K, n) or its own for each row of x (M, K, n), a inside `strip`. Likely is what
        has a sum of squares within the quantile of chi-square of the least so far.
        """
        xx, ww, across = dot(x, x)[:, None], (w * w).sum(-1), w.swapaxes(-1, -2)
        alone, ridge = -(x @ z)[:, None] / xx, (x[:, None] @ across)[:, 0] / xx
        rest = z + alone * x
        # What of w is not along x; a w that is all along it says nothing of a.
        ww = np.maximum(ww - ridge**2 * xx, 1e-12 * ww)
        free = (rest[:, None] @ across)[:, 0] / ww
        a = np.clip(free, *strip)
        squares = dot(rest, rest)[:, None] + ww * (a - 2 * free) * a
        self.least = min(self.least, float(squares.min()))
        for i, most in enumerate(self.least + self.noise * special.chdtri(1, 1 - LEVELS)):
            fits = squares <= most
            if not fits.any():
                continue
            # Of the ellipse of all (p, a) that are likely, the ends in p within the strip of a.
            budget = np.maximum(most - squares + ww * (a - free) ** 2, 0.0)
            for side in (-1.0, 1.0):
                at = free + side * ridge / ww * np.sqrt(budget / (ridge**2 / ww + 1 / xx))
                at = np.clip(at, *strip)
                spare = np.maximum(budget - ww * (at - free) ** 2, 0.0)
                p = (alone + ridge * at + side * np.sqrt(spare / xx))[fits] - less
                self.low[i], self.high[i] = min(self.low[i], p.min()), max(self.high[i], p.max())
        return int(squares.min(1).argmin())

    def reach_zero(self, z: Array, w: Array, strip: tuple[float, float]) -> int:
        """Takes in p = 0 where z = a w is likely: two parameters less. The best row of w."""
        ww, along = dot(w, w), w @ z
        a = np.clip(along / ww, *strip)
        squares = z @ z + a * (a * ww - 2 * along)
        likely = squares.min() <= self.least + self.noise * special.chdtri(2, 1 - LEVELS)
        self.low = np.where(likely, np.minimum(self.low, 0.0), self.low)
        self.high = np.where(likely, np.maximum(self.high, 0.0), self.high)
        return int(squares.argmin())
