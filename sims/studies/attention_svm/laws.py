"""What is predicted of a run, when, and how it is measured: the vocabulary of the claims."""

import math

import numpy as np

from matsense.claims import Run, exponent, final, last
from matsense.rates import Fit
from matsense.theory import attention as theory
from sims.study import Params

# 1 - corr is half a squared distance of unit vectors, each known to some 1e-15.
RESOLUTION = 1e-26


def late(run: Run) -> np.ndarray:
    """Mask of the last decade of ticks."""
    t = run.quantities["t"]
    return np.asarray(t >= t[-1] / 10)


def speed(run: Run) -> float:
    """(||W|| at the end - ||W|| a decade before) / (steps between)."""
    t, norm = (run.quantities[name][late(run)] for name in ("t", "norm"))
    return float((norm[-1] - norm[0]) / (t[-1] - t[0]))


def ngd_speed(run: Run) -> float:
    """The law for `speed`."""
    return theory.ngd_speed(run.params["eta"])


def log_slope(run: Run) -> float:
    """d(||W|| / ||W_a||) / d ln t over the last decade, by least squares."""
    shown = late(run)
    t, norm = run.quantities["t"][shown], run.quantities["norm"][shown]
    return float(np.polyfit(np.log(t), norm / run.quantities["unit_norm"], 1)[0])


def gd_log_slope(run: Run) -> float:
    """The law for `log_slope`, from the run's own correlations."""
    return theory.gd_log_slope(run.quantities["misalignment"][late(run)])


def drift(run: Run) -> float:
    """(1 - corr) ||W||^2 at the end over its value a decade before."""
    shown = late(run)
    invariant = run.quantities["misalignment"][shown] * run.quantities["norm"][shown] ** 2
    return float(invariant[-1] / invariant[0])


def relative_rank(run: Run) -> float:
    """Rank over min(n, d)."""
    return last("rank")(run) / theory.rank_bound(run.params["n"], run.params["d"])


def nearer(run: Run) -> float:
    """1 - corr to the nuclear solution over 1 - corr to the Frobenius one."""
    return last("to_nuclear")(run) / last("to_frobenius")(run)


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
MISALIGNED = final("misalignment")
