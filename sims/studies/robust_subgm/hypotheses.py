"""What must hold of a run for the claims to speak of it: settings, horizons, what happened."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from matsense.judging.claims import Condition, Run, given, happened, lasting
from matsense.theory import robust as theory
from sims.studies.robust_subgm.sweeps import BUDGET, ETA

Params = Mapping[str, Any]

# An error below this counts as recovered where alpha is small enough: 10 alpha, or this.
RECOVERED = 1e-2
# Least (1 - p)^2 m / (d r) for which the theorem's "m at least ... up to logs" is taken to hold;
# chosen after a first look at which groups fail (2 to 4).
ENOUGH = 8.0


def over(p: Params) -> bool:
    """k > r: there is a residual block."""
    return bool(p["k"] > p["r"])


def corrupted(p: Params) -> bool:
    """Some measurements are outliers."""
    return bool(p["p"] > 0)


def spectral(p: Params) -> bool:
    """Algorithm 2's start, for which ||U_0|| <= alpha."""
    return bool(p["start"] == "spectral")


def clean_law(p: Params) -> str:
    """The outliers' law; for outliers that depend on A, what they pass for."""
    return "gaussian" if p["law"] == "adversarial" else str(p["law"])


def well_seen(p: Params) -> bool:
    """phi in closed form is at least 20 of its standard errors, so a run sees it to 5%."""
    value = theory.phi(clean_law(p), p["p"], p["scale"], p["nu"], 1.0)
    return value >= 20 * theory.phi_error(value, p["m"])


def roomy(p: Params) -> bool:
    """m >= 100 d k, where a bias of Q stands out of its noise."""
    return bool(p["m"] >= 100 * p["d"] * p["k"])


def group(p: Params) -> float:
    """(1 - p)^2 m / (d r)."""
    return theory.group(p["p"], p["m"], p["d"], p["r"])


# Travel: how far a run can go, B = sum eta rho^t, and how much of it its horizon lets it go.


def need(p: Params) -> float:
    """log(1/alpha) / 2, the travel in which one eigenvalue is learnt."""
    return math.log(1 / p["alpha"]) / 2


def travel(p: Params) -> float:
    """B = eta / (1 - rho), given by rho or by the tie."""
    if "rho" in p:
        return float(p["eta"] / (1 - p["rho"]))
    return float(p.get("budget", BUDGET) * p.get("kappa", 1.0) * 2 * need(p))


def frozen(p: Params) -> bool:
    """The travel is too small for recovery: less than log(1/alpha) / 2."""
    return bool(travel(p) < need(p))


def travelling(p: Params) -> bool:
    """The travel suffices for recovery."""
    return not frozen(p)


def spent(p: Params, left: float) -> bool:
    """At the horizon rho^T <= left: of the travel no more than this share is still to come."""
    # In logarithms: rho^T and left may both be too small for a number, and left may have become 0.
    return left > 0 and bool(p["steps"] * math.log1p(-p["eta"] / travel(p)) <= math.log(left))


def spent_for_alpha(p: Params) -> bool:
    """rho^T <= alpha^2 / 100: no step is left that an error of alpha^2 could see."""
    return spent(p, 0.01 * p["alpha"] ** 2)


def spent_for_recovery(p: Params) -> bool:
    """rho^T <= 1e-4: no step is left that could decide over an error of 1e-2."""
    return spent(p, 0.01 * RECOVERED)


def stuck(p: Params) -> bool:
    """Too small a travel, all of it spent: more steps would change nothing."""
    return frozen(p) and spent_for_recovery(p)


def exponent_law(p: Params) -> float:
    """The derived exponent of the final error in alpha; needs r = kappa = 1."""
    return 2 - theory.exponent_deficit(p["p"], p["m"], p["d"], p.get("budget", BUDGET))


def gaussian_size(p: Params) -> float:
    """The derived size of the final error under dense noise."""
    return theory.gaussian_limit(p["nu"], p["m"], p["d"], p["r"])


def before_the_tail(p: Params) -> bool:
    """eta alpha^2 T <= 0.05: the residual block has not begun to decay at the horizon."""
    return bool(p["eta"] * p["alpha"] ** 2 * p["steps"] <= 0.05)


def past_the_transient(p: Params) -> bool:
    """T >= 40 (kappa / eta) (log(1/alpha) + 1), so that the last decade is past the transient.

    Derived: on the expected loss U moves by GD with step (2/pi) eta, so the smallest eigenvalue is
    learnt, and its error falls below alpha^2, in about pi (kappa / eta) log(1/alpha) steps.
    """
    return bool(p["steps"] >= 40 * p["kappa"] / p["eta"] * (2 * need(p) + 1))


def settled(p: Params) -> bool:
    """The same for the noiseless rule on measurements, where the end alone is read."""
    return bool(p["steps"] >= 10 / p["eta"] * (2 * need(p) + 1))


# What happened


def trace(run: Run, quantity: str) -> np.ndarray:
    """What was recorded along the run."""
    return np.ravel(run.quantities[quantity])


def fell(run: Run) -> bool:
    """The error ended below a tenth of its start."""
    return bool(trace(run, "error")[-1] <= 0.1 * trace(run, "error")[0])


def settled_into_the_residual(run: Run) -> bool:
    """Over the last decade of ticks ||E E^T|| is at least 0.9 of the error."""
    t = trace(run, "t")
    late = t >= t[-1] / 10
    return bool(np.all(trace(run, "left_over")[late] >= 0.9 * trace(run, "error")[late]))


ONE = given("r = kappa = 1", lambda p: p["r"] == 1 and p["kappa"] == 1)
STABLE = given("eta <= 0.3", lambda p: p["eta"] <= ETA)
NO_DENSE_NOISE = given("no dense noise", lambda p: p["nu"] == 0)
NO_OUTLIERS = given("no outliers", lambda p: not corrupted(p))
OUTLIERS = given("some outliers", corrupted)
LARGE_OUTLIERS = given(
    "outliers of size 10 or more, if any", lambda p: p["scale"] >= 10 or not corrupted(p)
)
ENOUGH_TRAVEL = given(
    "travel B >= log(1/alpha) / 2 + 1", lambda p: p["alpha"] < 1 and travel(p) >= need(p) + 1
)
# The tie's default constant, up to the rounding of a rho that is given.
NO_MORE_TRAVEL = given(
    "B <= 0.65 log(1/alpha)", lambda p: travel(p) <= 1.0001 * BUDGET * 2 * need(p)
)
SMALL_START = given("alpha <= 1e-5", lambda p: p["alpha"] <= 1e-5)
RESOLVED = given("alpha^2 >= 1e-13, above rounding", lambda p: p["alpha"] ** 2 >= 1e-13)
ABOVE_ROUNDING = given("alpha >= 1e-13, above rounding", lambda p: p["alpha"] >= 1e-13)
ENOUGH_DATA = given("(1 - p)^2 m / (d r) >= 8", lambda p: group(p) >= ENOUGH)
MANY_MEASUREMENTS = given("m >= 20 d r", lambda p: p["m"] >= 20 * p["d"] * p["r"])
ROOM = given("m >= 2 d k", lambda p: p["m"] >= 2 * p["d"] * p["k"])

SPENT = lasting("rho^T <= alpha^2 / 100", spent_for_alpha)
SPENT_FOR_ERROR = lasting(
    "rho^T <= 1% of alpha^(derived exponent)",
    lambda p: spent(p, 0.01 * p["alpha"] ** exponent_law(p)),
)
SPENT_FOR_ALPHA = lasting("rho^T <= alpha / 10", lambda p: spent(p, 0.1 * p["alpha"]))
SPENT_FOR_RECOVERY = lasting("rho^T <= 1e-4", spent_for_recovery)
SPENT_FOR_NOISE = lasting(
    "rho^T <= 1% of the derived error", lambda p: p["nu"] > 0 and spent(p, 0.01 * gaussian_size(p))
)
PAST_TRANSIENT = lasting("T >= 40 (kappa / eta) (log(1/alpha) + 1)", past_the_transient)

FELL = happened("the error fell below a tenth of its start", fell)
DRAWN = happened("an outlier was drawn", lambda run: bool(trace(run, "loss_at_truth")[-1] > 0))
IN_RESIDUAL = happened(
    "over the last decade |E E^T| is at least 0.9 of the error", settled_into_the_residual
)


def exponent_at_least(bound: float) -> Condition:
    """The derived final error is alpha^bound or less: bounds m, d, p and B together."""
    return given(
        f"derived exponent of the final error >= {bound:g}", lambda p: exponent_law(p) >= bound
    )


# The rule for noise as in Thm 27, run to its end, on what the laws here are derived for.
TIED = (ONE, STABLE, ENOUGH_TRAVEL)
DENSE = (
    *TIED,
    NO_MORE_TRAVEL,
    NO_OUTLIERS,
    MANY_MEASUREMENTS,
    given("derived error at most 0.05", lambda p: gaussian_size(p) <= 0.05),
    given(
        "alpha^(derived exponent) at most 1/10 of the derived error",
        lambda p: p["alpha"] ** exponent_law(p) <= 0.1 * gaussian_size(p),
    ),
    SPENT_FOR_NOISE,
)
RECOVERY = (*TIED, NO_MORE_TRAVEL, NO_DENSE_NOISE, SMALL_START)
EXPECTED = (
    STABLE,
    given("alpha <= 0.1", lambda p: p["alpha"] <= 0.1),
    RESOLVED,
    PAST_TRANSIENT,
    IN_RESIDUAL,
)
BEFORE_THE_TAIL = given("eta alpha^2 T <= 0.05", before_the_tail)
