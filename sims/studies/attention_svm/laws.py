"""What is predicted of a run, when, and how it is measured: the vocabulary of the claims."""

import math

import numpy as np

from matsense.fitting.estimate import Estimate
from matsense.fitting.rates import Fit
from matsense.judging.claims import Estimator, Run, exponent, last
from matsense.theory import attention as theory
from sims.study import Params

# 1 - corr is half a squared distance of unit vectors, each known to some 1e-15.
RESOLUTION = 1e-26


def late(run: Run) -> np.ndarray:
    """Mask of the last decade of ticks."""
    t = run.quantities["t"]
    return np.asarray(t >= t[-1] / 10)


def speed(run: Run) -> float:
    """(||W|| at the end - ||W|| a decade before) / (steps between); NaN for a single look."""
    t, norm = (run.quantities[name][late(run)] for name in ("t", "norm"))
    return float((norm[-1] - norm[0]) / (t[-1] - t[0])) if len(t) > 1 else math.nan


def ngd_speed(run: Run) -> float:
    """The law for `speed`."""
    return theory.ngd_speed(run.params["eta"])


def log_slope(run: Run) -> float:
    """d(||W|| / ||W_a||) / d ln t over the last decade, by least squares; NaN for a single tick."""
    shown = late(run)
    t, norm = run.quantities["t"][shown], run.quantities["norm"][shown]
    if len(t) < 2:
        return math.nan
    return float(np.polyfit(np.log(t), norm / run.quantities["unit_norm"], 1)[0])


def gd_log_slope(run: Run) -> float:
    """The law for `log_slope`, from the run's own correlations."""
    return theory.gd_log_slope(run.quantities["misalignment"][late(run)])


def settling(quantity: str) -> Estimator:
    """The last value of a trace >= 0 that has a limit, and how far the limit may lie from it.

    The trace may move as far again as it has over the last decade; and one that has fallen by a
    share of ln 10 / (2 ln t) or more may go to 0: 1 / ln t falls by twice that. No value from a
    single tick.
    """

    def estimate(run: Run) -> Estimate:
        seen, last = np.ravel(run.quantities[quantity])[late(run)], run.quantities["t"][-1]
        if len(seen) < 2:
            return Estimate(math.nan, reason="one tick shows no limit")
        value = float(seen[-1])
        fallen, risen = float(seen.max()) - value, value - float(seen.min())
        vanishes = fallen >= seen.max() * math.log(10) / (2 * math.log(last))
        return Estimate(value, below=value if vanishes else min(fallen, value), above=risen)

    return estimate


def drift(run: Run) -> Estimate:
    """(1 - corr) ||W||^2 at the end over its value a decade before, an invariant in the limit.

    Before it settles its changes in logarithm shrink from decade to decade, with a remainder of
    order 1 / ln t by (1 - ln 10 / ln t)^2, without a limit (a power of ln t) by about the first
    power of that. Where they shrink by the power 1.5 or more, 1 is within the answer.
    """
    q = run.quantities
    t, invariant = q["t"], q["misalignment"] * q["norm"] ** 2
    if t[0] > t[-1] / 100:
        return Estimate(math.nan, reason="less than two decades of ticks")
    ends = [int(np.flatnonzero(t >= t[-1] / size)[0]) for size in (100, 10, 1)]
    if not np.all(invariant[ends] > 0):
        return Estimate(math.nan, reason="1 - corr is 0 to rounding")
    before, now = invariant[ends[1]] / invariant[ends[0]], invariant[ends[2]] / invariant[ends[1]]
    slower = (1 - math.log(10) / math.log(t[-1])) ** 1.5
    nearing = abs(math.log(now)) <= slower * abs(math.log(before))
    return Estimate(
        float(now),
        below=max(float(now) - 1, 0.0) if nearing else 0.0,
        above=max(1 - float(now), 0.0) if nearing else 0.0,
    )


def relative_rank(run: Run) -> float:
    """Rank over min(n, d)."""
    return last("rank")(run) / theory.rank_bound(run.params["n"], run.params["d"])


def nearer(run: Run) -> float:
    """1 - corr to the nuclear solution over 1 - corr to the Frobenius one."""
    return last("to_nuclear")(run) / last("to_frobenius")(run)


def positive(run: Run) -> float:
    """Share of the W looked at with -<grad L(W), W_mm> > 0."""
    return float(np.mean(cosines(run) > 0))


def steepness(run: Run) -> float:
    """The least cos(-grad L(W), W_mm) of all W looked at, over its derived bound."""
    return float(np.min(cosines(run)) / run.quantities["bound"])


def cosines(run: Run) -> np.ndarray:
    """cos(-grad L(W), W_mm) at every W that was looked at."""
    return np.concatenate([run.quantities["iterates"], run.quantities["samples"]])


def kept_throughout(run: Run) -> float:
    """1 if the run had the choice that it started from at every tick."""
    return float(np.min(run.quantities["stays"]))


def feasible_by_theorem(p: Params) -> bool:
    """d >= max(T - 1, n)."""
    return bool(p["d"] >= theory.least_dimension(p["n"], p["T"]))


def fit(run: Run) -> Fit:
    """The law of 1 - corr(W, W_a) of a descent; none for what is no descent."""
    if "misalignment" not in run.quantities:
        return Fit("neither", reason="not a descent that is held against W_a")
    return run.fit("misalignment", 0.0, RESOLUTION)


def predicted(run: Run) -> float:
    """The exponent of NGD's 1 - corr; NaN where no power of t is predicted."""
    is_ngd = run.sweep in ("ngd", "losses", "equal", "plane", "polyak")
    return theory.EXPONENT if is_ngd else math.nan


DECAY = exponent("misalignment", lambda run: 0.0, RESOLUTION)
MISALIGNED = settling("misalignment")
