"""What is predicted of a run, and how it is measured."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from matsense.fitting.rates import Fit
from matsense.judging.claims import Run, exponent, local_rate, rate
from matsense.theory import overparam as theory

Params = Mapping[str, Any]

# Squared errors at or below this are rounding (they end near 1e-31), not a failure to converge.
RESOLUTION = 1e-24

# The paper's Omega(.) hides constants; ours are this share of the derived rate's scale.
OMEGA = 0.1


def exact(p: Params) -> bool:
    """k = r."""
    return bool(p["k"] == p["r"])


def over(p: Params) -> bool:
    """k > r."""
    return bool(p["k"] > p["r"])


def start(run: Run) -> float:
    """The tick from which a run's law is sought.

    eta alpha^2 t >= 3 for the tail of asymmetric GD with k > r (law 3), the modified step where
    there is one, the data's choice elsewhere.
    """
    p = run.params
    if "switched_at" in run.quantities:
        return max(float(run.quantities["switched_at"]), 0.0)
    if run.sweep.startswith("asymmetric") and over(p):
        return 3 / (p["eta"] * p["alpha"] ** 2)
    return 0.0


def fit(run: Run) -> Fit:
    """The law of the run's squared error."""
    return run.fit("squared_error", start(run), RESOLUTION)


def sigma_r(run: Run) -> float:
    """The smallest singular value of the truth, sigma_1 being 1."""
    return 1 / float(run.params["kappa"])


def exact_rate(run: Run) -> float:
    """Law 2."""
    return float(theory.exact_rate(run.params["eta"], sigma_r(run)))


def null_imbalances(run: Run) -> tuple[float, float]:
    """min |lambda(W^T D_0 W)| with W the null space of F's signal rows, and of G's.

    NaN where D_0 is indefinite on W.
    """

    def smallest(name: str) -> float:
        least, greatest = np.broadcast_to(run.quantities[name], 2)
        return min(abs(least), abs(greatest)) if least * greatest >= 0 else math.nan

    return smallest("null_of_F"), smallest("null_of_G")


def tail_rate(run: Run) -> float:
    """Law 3, from the run's own initial and final factors; NaN for an indefinite imbalance."""
    return float(theory.imbalance_rate(run.params["eta"], *null_imbalances(run)))


def limit_rate(run: Run) -> float:
    """The linear rate at the run's own limit, for its own measurements; NaN if it is not near one.

    Runs without that stage (controls) are held against k = r's.
    """
    if run.quantities.get("near_limit", 1) == 0:
        return math.nan
    return float(run.quantities.get("limit_rate", exact_rate(run)))


def modified_rate(run: Run) -> float:
    """Law 4."""
    beta_squared = run.params.get("balance", 1.0) * sigma_r(run)
    return float(theory.modified_rate(run.params["eta"], beta_squared, sigma_r(run)))


def paper_rate(run: Run) -> float:
    """eta alpha^2, the scale of the paper's exp(-Omega(alpha^2 T))."""
    return float(run.params["eta"] * run.params["alpha"] ** 2)


def excess(run: Run) -> float:
    """k - r."""
    return float(run.params["k"] - run.params["r"])


def scaled_error(run: Run) -> float:
    """(2 eta T)^2 e_T."""
    horizon = run.quantities["t"][-1]
    return float((2 * run.params["eta"] * horizon) ** 2 * run.quantities["squared_error"][-1])


def curve(run: Run) -> np.ndarray:
    """Law 1 at the ticks, from X_0."""
    s0, t = jnp.asarray(run.quantities["null_block"][0]), jnp.asarray(run.quantities["t"])
    return np.asarray(theory.null_block_curve(s0, run.params["eta"], t))


def predicted(run: Run) -> float:
    """The law's exponent or rate for this run."""
    if "limit_rate" in run.quantities and "m" in run.params:
        return limit_rate(run)
    if exact(run.params):
        return exact_rate(run)
    if run.sweep.startswith("one_step"):
        return modified_rate(run)
    return tail_rate(run) if run.sweep == "asymmetric" else 2.0


# The estimates: a trace's rate in nats a step, and its exponent.
RATE = rate("squared_error", start, RESOLUTION)
EXPONENT = exponent("squared_error", start, RESOLUTION)
# exp(-Omega(T)) speaks of every T that was run, not of a limit: its reading is the pace over the
# later half of the run, in nats a step. Chosen after the limit was refused for 3 to 5 runs of 80 to
# 232, whose pace had yet to settle far above the bound.
PACE = local_rate("squared_error", start, RESOLUTION)


def curve_ratio(run: Run) -> float:
    """Geometric mean of e_t over law 1's curve from X_0, over the last two decades of ticks."""
    late = run.quantities["t"] >= run.quantities["t"][-1] / 100
    error = run.quantities["squared_error"][late]
    return float(np.exp(np.mean(np.log(error / curve(run)[late]))))
