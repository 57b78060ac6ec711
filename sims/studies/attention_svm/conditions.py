"""What a claim of [tarzanagh2023svm] supposes of a run: settings, horizons, what happened."""

from collections.abc import Callable

import numpy as np

from matsense.judging.claims import Condition, Run, given, happened, lasting
from matsense.theory import attention as theory
from sims.studies.attention_svm import laws

# Largest optimality gap of a point of a regularisation path that is held against its limit.
PATH_GAP = 1e-6
# kappa^2 (1 - corr) of the (K, Q) path to its own limit settles at 10 or less (seen at n = 3,
# T = 4, d = 6); a second limit must lie well beyond that to be told apart.
PARTED = 100.0


def shown(words: str, test: Callable[[Run], bool]) -> Condition:
    """A hypothesis that a finished run went on for long enough, by what it recorded."""
    return Condition(words, lambda run: run.status != "ok" or bool(test(run)), "horizon")


def far_out(quantity: str) -> Callable[[Run], bool]:
    """Whether `quantity`, nats between two pulls, is enough for the larger one to win."""
    return lambda run: bool(run.quantities[quantity] >= theory.FAR_OUT)


def earlier(run: Run, quantity: str) -> float:
    """A quantity a decade before the end."""
    return float(run.quantities[quantity][laws.late(run)][0])


OVERPARAMETERISED = given("d >= max(T - 1, n)", laws.feasible_by_theorem)
EQUAL = given("equal scores of an input's other tokens", lambda p: p.get("equal", 1) == 1)

# NGD adds eta to the norm with each step, if it adds to it at all.
LONG = lasting("steps and eta steps >= 1000", lambda p: p["steps"] * min(p["eta"], 1.0) >= 1000)
GROWS = happened(
    "||W|| grew by eta / 2 a step or more over the last decade",
    lambda run: laws.speed(run) >= run.params["eta"] / 2,
)
# With 1 - corr = e a decade before the end the speed is then within e / 9 of eta.
ALIGNED = shown(
    "1 - corr(W, W_a) <= 0.01 a decade before the end",
    lambda run: earlier(run, "misalignment") <= 0.01,
)
RESOLVED = happened(
    "1 - corr(W, W_a) is above its rounding",
    lambda run: bool(np.all(run.quantities["misalignment"] > laws.RESOLUTION)),
)
# Plain GD: depth m leaves better tokens that are no support tokens a mass of exp(-m) or so.
DEEP = shown(
    "||W|| >= 5 ||W_a|| a decade before the end",
    lambda run: bool(earlier(run, "norm") >= theory.FAR_OUT * run.quantities["unit_norm"]),
)
GROWS_IN_LN = happened(
    "||W|| grew by ||W_a|| / 2 an e-fold of t or more over the last decade",
    lambda run: laws.log_slope(run) >= 0.5,
)
# Polyak's step has a length of its own: the norm is the clock.
FAR = shown(
    "||W|| >= 100 ||W_a|| at the end",
    lambda run: bool(run.quantities["norm"][-1] >= 100 * run.quantities["unit_norm"]),
)

# From a start at margin `depth` a run must move by about that much before it can have left.
LEAVING = lasting("eta steps >= 10 depth", lambda p: p["eta"] * p["steps"] >= 10 * p["depth"])
# A step moves a margin by up to eta max ||x_is - x_it|| ||z_i||, 2 eta on the sphere.
SHORT_STEPS = given("eta <= depth / 10", lambda p: p["eta"] <= p["depth"] / 10)
# Back through 0 is as far as a run can have to go.
ROOM_TO_LEAVE = shown(
    "eta steps >= 1.5 ||W(0)||",
    lambda run: bool(run.params["eta"] * run.params["steps"] >= 1.5 * run.quantities["start_norm"]),
)
# A descent finds the direction to start in, which takes long where ||W_a|| is large.
ALONG = happened(
    "started along it: 1 - corr <= 0.001", lambda run: bool(run.quantities["off"] <= 1e-3)
)
FROM_FAR_OUT = (LEAVING, SHORT_STEPS, ALONG, ROOM_TO_LEAVE)
# Not part of what is said of equal scores where nothing separates the best tokens.
SEPARABLE = happened("W_mm exists", lambda run: "to_best" in run.quantities)
NO_TRAP = happened("no trap: c <= 1 for every S", lambda run: bool(run.quantities["lag"] <= 1))
DECIDED = shown("|1 - c| ||W|| / ||W_S|| >= 5 for every S", far_out("undecided"))
OWN_DECIDED = shown("|1 - c| ||W|| / ||W_S|| >= 5", far_out("own_undecided"))
FAVOURABLE = happened(
    "the first step separates the best tokens of every input",
    lambda run: bool(run.quantities["first_margin"] > 0),
)

SOLVED = shown(
    "optimality gap of the path's point <= 1e-6",
    lambda run: bool(run.quantities["gap"] <= PATH_GAP),
)
FAR_ALONG = lasting("kappa >= 32", lambda p: p["kappa"] >= 32)
FULL_WIDTH = given("m >= min(n, d)", lambda p: p["m"] >= theory.rank_bound(p["n"], p["d"]))
APART = shown(
    "kappa^2 (1 - corr) of the two solutions >= 100",
    lambda run: bool(run.params["kappa"] ** 2 * run.quantities["apart"] >= PARTED),
)
SETTLED = lasting("eta steps >= 1e5 (plain GD)", lambda p: p["eta"] * p["steps"] >= 1e5)
