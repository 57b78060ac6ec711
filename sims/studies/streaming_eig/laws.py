"""What is predicted of a run, when, and how it is measured: the vocabulary of the claims."""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from matsense.fitting.estimate import Estimate
from matsense.fitting.rates import Fit
from matsense.judging.claims import Run, last
from matsense.judging.trends import Trend
from matsense.solvers.streaming.price_xun import rates
from matsense.theory import streaming as theory
from sims.studies.streaming_eig.oja_trials import FAILS_MIXED, GAP_RATES
from sims.study import Params

# Level of an interval for one share: 10^6 of them, thousands of runs at 24 rates, are all covered
# with probability 0.99.
ONE_OF_MANY = 1e-8
# Rounding that a deterministic bound is allowed, float64.
ROUNDING = 1e-12


@functools.cache
def top_rate() -> float:
    """The largest rate that Price and Xun's rule may take on D7, where ||x||^2 = 2."""
    return max(eta for eta in rates(*GAP_RATES).tolist() if 2 * eta < 1)


def largest(name: str) -> Callable[[Run], float]:
    """The largest of the recorded numbers, over looks, rates and starts."""
    return lambda run: float(np.max(run.quantities[name]))


def least(name: str) -> Callable[[Run], float]:
    """The smallest of the recorded numbers."""
    return lambda run: float(np.min(run.quantities[name]))


def log_d(run: Run) -> float:
    """ln d."""
    return math.log(run.params["d"])


def relative_R(p: Params) -> float:
    """R in units of D6's threshold R*(d)."""
    return float(p["R"]) / theory.hard_threshold(math.log(p["d"]))


def least_with_row(run: Run) -> float:
    """Failing share at the mixed instance's accuracy, least over rates, 0 if the row succeeds."""
    row_fails = float(run.quantities["largest_row"] > FAILS_MIXED)
    return min(least("failing_mixed")(run), row_fails)


def gain_of_shuffling(run: Run) -> float:
    """sin^2 of the constructed order over that of the same rows in random order."""
    return last("grouped")(run) / last("shuffled")(run)


def outside_binomial(run: Run) -> float:
    """How far D6's closed form lies outside the exact interval of a failing share, over all rates.

    Clopper-Pearson intervals: Wilson's do not keep their level where shares are near 0 or 1.
    """
    starts = int(run.quantities["starts"])
    failing = np.rint(run.quantities["failing"] * starts)
    low = special.betaincinv(failing, starts - failing + 1, ONE_OF_MANY / 2)
    high = special.betainccinv(failing + 1, starts - failing, ONE_OF_MANY / 2)
    low, high = np.where(failing == 0, 0.0, low), np.where(failing == starts, 1.0, high)
    closed = theory.hard_failure(
        log_d(run), run.params["R"], run.quantities["eta"], run.params["m"]
    )
    return float(np.max(np.maximum(np.maximum(low - closed, closed - high), 0.0)))


def located(runs: Sequence[Run], quantity: str, level: float) -> list[float]:
    """R where a failing share, least over rates, falls through the level: one number a seed."""
    found = []
    for seed in sorted({run.seed for run in runs}):
        same = [run for run in runs if run.seed == seed]
        shares = [Estimate(least(quantity)(run)) for run in same]
        estimate = Trend("crossing", "R", level=level).of([r.params["R"] for r in same], shares)
        if not math.isnan(estimate.value):
            found.append(estimate.value)
    return found


def in_units_of_threshold(estimate: Estimate, params: Params) -> Estimate:
    """A located R over R*(d)."""
    return estimate.scaled(1 / theory.hard_threshold(math.log(params["d"])))


def per_log_d(estimate: Estimate, params: Params) -> Estimate:
    """A located R over ln d."""
    return estimate.scaled(1 / math.log(params["d"]))


def in_units_of_mixed_law(estimate: Estimate, params: Params) -> Estimate:
    """A located R over D7's law for Price and Xun's rule, at the largest rate below 1/2."""
    return estimate.scaled(1 / theory.mixed_threshold(params["d"], params["C"], top_rate()))


def fit(run: Run) -> Fit:
    """No law of time: one pass over a stream has no trace to fit."""
    return Fit("neither", reason="one pass over a stream, not a trace")


def predicted(run: Run) -> float:
    """No exponent is predicted of a single run."""
    return math.nan
