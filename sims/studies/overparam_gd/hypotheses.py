"""What the claims ask of a run: steps and starts, how long it must last, what must have happened.

Conditions on the horizon come in two kinds: those of the parameters, which also cover runs that
never got anywhere, and those of the run's own numbers, once it has finished.
"""

import math
from collections.abc import Callable

import numpy as np

from matsense.judging.claims import Condition, Number, Run, given, happened, lasting
from matsense.theory import overparam as theory
from sims.studies.overparam_gd.laws import (
    OMEGA,
    RESOLUTION,
    Params,
    exact,
    limit_rate,
    null_imbalances,
    start,
    tail_rate,
)

# A fit of a rate needs 3.5 nats of decay, one of an exponent 1.5 decades of t. Twice the nats are
# asked for, since the decay sets in more slowly than the laws have it.
NATS = 7.0
# The signal's error falls by so many nats before it is nothing beside a power law.
GONE = 15.0


def lasted(words: str, test: Callable[[Run], bool]) -> Condition:
    """A hypothesis that a finished run was long enough, by what it recorded."""
    return happened(words, test)._replace(kind="horizon")


def sizes(p: Params) -> tuple[int, int]:
    """The truth's shape."""
    return (p["n"], p["n"]) if "n" in p else (p["n1"], p["n2"])


def exact_rate(p: Params) -> float:
    """Law 2, from parameters."""
    return float(theory.exact_rate(p["eta"], 1 / p["kappa"]))


def modified_rate(p: Params) -> float:
    """Law 4, from parameters."""
    return float(theory.modified_rate(p["eta"], p["balance"] / p["kappa"], 1 / p["kappa"]))


def growth(p: Params) -> float:
    """Steps in which the signal grows from the start to sigma_r.

    Derived: along the signal a small factor grows by 1 + eta sigma_r a step, and its square begins
    near alpha^2 / n: ln(n sigma_r / alpha^2) / (2 ln(1 + eta sigma_r)).
    """
    needed = math.log(max(sizes(p)) / p["kappa"] / p["alpha"] ** 2)
    return max(needed, 0.0) / (2 * math.log1p(p["eta"] / p["kappa"]))


def after_growth(p: Params) -> float:
    """Steps that a run has left once the signal has grown."""
    return float(p["steps"] - growth(p))


def signal_gone(p: Params) -> float:
    """The step from which the signal's error is nothing beside a power law."""
    return growth(p) + GONE / exact_rate(p)


def modified(p: Params) -> bool:
    """A run with the modified step."""
    return "balance" in p


# Steps, starts and measurements.

STEP = given("eta <= 0.3 / sigma_1", lambda p: p["eta"] <= 0.3)
START = given("alpha <= 0.5", lambda p: p["alpha"] <= 0.5)
MEASURED = given("m >= 3 k (n1 + n2) / 2", lambda p: p["m"] >= 1.5 * p["k"] * sum(sizes(p)))
SLOWER_THAN_SIGNAL = given(
    "k > r: alpha^2 <= sigma_r / 4, so that the null directions are slower than the signal",
    lambda p: exact(p) or modified(p) or p["alpha"] ** 2 <= 0.25 / p["kappa"],
)
OUTSIDE = given(
    "r < min(n1, n2): the laws are those of rows outside the signal",
    lambda p: p["r"] < min(sizes(p)),
)
OUTSIDE_BOTH = given(
    "k < n1, r < n2: after the step both factors have directions outside the other",
    lambda p: p["k"] < sizes(p)[0] and p["r"] < sizes(p)[1],
)
MODIFIED_STEP = given(
    "eta <= 2 / (beta^2 + sigma_1^2 / beta^2 + min(beta^2, sigma_r^2 / beta^2)) where there is a "
    "modified step",
    lambda p: (
        not modified(p)
        or p["eta"] <= theory.modified_step_limit(p["balance"] / p["kappa"], 1 / p["kappa"])
    ),
)
TRIGGER = given(
    "the step is taken at a residual of 0.05 sigma_r or less", lambda p: p["trigger"] <= 0.05
)
SMALL_TRIGGER = given(
    "that residual is at most a tenth of min(beta^2, sigma_r^2 / beta^2)",
    lambda p: p["trigger"] <= 0.1 * min(p["balance"], 1 / p["balance"]) * (1 + 1e-9),
)

# Horizons.

GROWTH = "ln(n sigma_r / alpha^2) / (2 eta sigma_r)"
EXACT_LASTS = lasting(
    f"k = r: 7 nats at -2 ln(1 - eta sigma_r) after the signal's growth, {GROWTH}",
    lambda p: not exact(p) or modified(p) or exact_rate(p) * after_growth(p) >= NATS,
)
EXACT_LASTS_AT_BOUND = lasting(
    f"7 nats at the claimed bound after the signal's growth, {GROWTH}",
    lambda p: OMEGA * exact_rate(p) * after_growth(p) >= NATS,
)
MODIFIED_LASTS = lasting(
    f"7 nats at the rate of beta after the signal's growth, {GROWTH}",
    lambda p: not modified(p) or modified_rate(p) * after_growth(p) >= NATS,
)
TAIL_LASTS = lasting(
    "k > r: eta alpha^2 T >= 6, the tail being fitted from eta alpha^2 t = 3 on",
    lambda p: exact(p) or modified(p) or p["eta"] * p["alpha"] ** 2 * p["steps"] >= 6,
)
SIGNAL_GONE = lasting(
    f"the signal is left behind, {GROWTH} and 15 nats, 1.5 decades before the end",
    lambda p: signal_gone(p) <= p["steps"] / 10**1.5,
)
SIGNAL_GONE_EARLY = lasting(
    f"the signal is left behind, {GROWTH} and 15 nats, before the last two decades",
    lambda p: signal_gone(p) <= p["steps"] / 100,
)


def burn_ins(run: Run) -> float:
    """The horizon in burn-ins 1 / (2 eta s^2) of law 1, s the slowest direction of the start."""
    p, s0 = run.params, np.atleast_2d(run.quantities["null_block"])[0]
    slowest = float(s0[: p["k"] - p["r"]].min())
    return float(2 * p["eta"] * slowest**2 * p["steps"])


BURN_IN = "burn-ins 1 / (2 eta s^2), s the least singular value of X_0 on the null space"
PAST_BURN_IN = lasted(f"at least 20 {BURN_IN}", lambda run: burn_ins(run) >= 20)
AT_LIMIT = lasted(f"at least 200 {BURN_IN}", lambda run: burn_ins(run) >= 200)


def nats(words: str, rate: Number) -> Condition:
    """`NATS` at the run's own rate, from the tick on from which it is fitted."""
    return lasted(words, lambda run: rate(run) * (run.params["steps"] - start(run)) >= NATS)


TAIL_NATS = nats("7 nats at the rate of the start's imbalance in the fitted tail", tail_rate)
LIMIT_NATS = nats("7 nats at the limit's rate where it is fitted", limit_rate)
AFTER_STEP = nats(
    "7 nats at the rate of beta after the modified step", lambda run: modified_rate(run.params)
)

# Events.

NEAR_LIMIT = happened(
    "the run comes near a limit of linear convergence: ||F G^T - Sigma||_2 <= 0.1 s^2, s the least "
    "of the k + r singular values that its factors keep",
    lambda run: bool(run.quantities["near_limit"] > 0),
)
SMALL_IMBALANCE = happened(
    "||D_0||_2 <= 0.05 sigma_r: D_0 slows k = r by at most half of that",
    lambda run: bool(run.quantities["imbalance"] <= 0.05 / run.params["kappa"]),
)
IMBALANCED = happened(
    "D_0 >= alpha^2 / 4 on the null space of the signal rows, F's and G's",
    lambda run: all(
        np.min(run.quantities[name]) >= run.params["alpha"] ** 2 / 4
        for name in ("null_of_F", "null_of_G")
    ),
)
DEFINITE = happened(
    "D_0 is definite on the null space of the signal rows, F's and G's",
    lambda run: not math.isnan(sum(null_imbalances(run))),
)
SECOND_ORDER = happened(
    "min |lambda(W^T D_0 W)| is the same to 5% on the null space of F's and of G's signal rows",
    lambda run: max(null_imbalances(run)) <= 1.05 * min(null_imbalances(run)),
)
TRIGGERED = happened(
    "the modified step, if there is one, was triggered",
    lambda run: bool(run.quantities.get("switched_at", 0) >= 0),
)


def middle(run: Run) -> float:
    """The middle of the stretch that is fitted: from `start` to the end, or to rounding."""
    t, error = np.atleast_1d(run.quantities["t"]), np.atleast_1d(run.quantities["squared_error"])
    return (start(run) + float(t[error > RESOLUTION].max(initial=0.0))) / 2


def settled(percent: float) -> Condition:
    """The slowest mode is alone, by the run's own curvatures.

    A claim on a rate asks for a third of its tolerance. One on the scaling with alpha^2 asks for
    twice as much as half its tolerance: the run with the least alpha is the least settled, and
    moves the slope through four alphas between 0.5 and 0.2 by 0.44 of its own deviation.
    """

    def test(run: Run) -> bool:
        t = np.atleast_1d(run.quantities["t"])
        share = np.broadcast_to(run.quantities["settled"], t.shape)
        return bool(np.interp(middle(run), t, share) >= 1 / (1 + percent / 100))

    return happened(
        f"at the middle of the fit faster modes of the limit add {percent:g}% to the rate at most",
        test,
    )


# What claims have in common.

STABLE = (STEP, START)
SENSED = (*STABLE, MEASURED)
LIMIT = (
    SLOWER_THAN_SIGNAL,
    MODIFIED_STEP,
    EXACT_LASTS,
    TAIL_LASTS,
    MODIFIED_LASTS,
    TRIGGERED,
    NEAR_LIMIT,
    LIMIT_NATS,
)
START_SETS_THE_RATE = (
    *STABLE,
    SLOWER_THAN_SIGNAL,
    TAIL_LASTS,
    DEFINITE,
    SECOND_ORDER,
    TAIL_NATS,
    NEAR_LIMIT,
    settled(1),
)
STEP_TAKEN = (MODIFIED_STEP, TRIGGER, MODIFIED_LASTS, TRIGGERED, AFTER_STEP)
