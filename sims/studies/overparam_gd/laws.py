"""What is predicted of a run, when, and how it is measured: the vocabulary of the claims."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from matsense.claims import Run, exponent, rate
from matsense.rates import Fit
from matsense.theory import overparam as theory

Params = Mapping[str, Any]

# Squared errors at or below this are rounding (they end near 1e-31), not a failure to converge.
RESOLUTION = 1e-24


def exact(p: Params) -> bool:
    """k = r."""
    return bool(p["k"] == p["r"])


def over(p: Params) -> bool:
    """k > r."""
    return bool(p["k"] > p["r"])


def enough_measurements(p: Params) -> bool:
    """m >= 3 k (n1 + n2) / 2: with fewer, no method is known to recover (sheet, traps)."""
    sizes = (p["n"], p["n"]) if "n" in p else (p["n1"], p["n2"])
    return "m" not in p or p["m"] >= 1.5 * p["k"] * sum(sizes)


def stable(p: Params) -> bool:
    """eta <= 0.3 / sigma_1 and alpha <= 0.5 (sheet, traps), and enough measurements."""
    return p["eta"] <= 0.3 and p["alpha"] <= 0.5 and enough_measurements(p)


def small_imbalance(p: Params) -> bool:
    """`stable`, and alpha^2 <= 0.04 sigma_r.

    Law 2 holds for balanced factors. An imbalance d leaves G^T G the smallest eigenvalue
    (sqrt(d^2 + 4 sigma_r^2) - d) / 2 = sigma_r (1 - d / (2 sigma_r) + ...): within 2% (derived).
    """
    return stable(p) and p["alpha"] ** 2 <= 0.04 / p["kappa"]


def past_burn_in(p: Params) -> bool:
    """`stable`, and the horizon is 20 times the burn-in 1 / (2 eta alpha^2) of the power law."""
    return stable(p) and 2 * p["eta"] * p["alpha"] ** 2 * p["steps"] >= 20


def at_limit(p: Params) -> bool:
    """`stable`, and the horizon is 200 burn-ins: (1 + 1/200)^-2 is within 1% of the limit."""
    return stable(p) and 2 * p["eta"] * p["alpha"] ** 2 * p["steps"] >= 200


def long_tail(p: Params) -> bool:
    """`stable`, and the horizon is twice the eta alpha^2 t = 3 from which the tail is fitted."""
    return stable(p) and p["eta"] * p["alpha"] ** 2 * p["steps"] >= 6


def separated(p: Params) -> bool:
    """`long_tail`, and alpha^2 <= sigma_r / 4.

    Law 3 is the first order in alpha^2 / sigma_r, and the null directions must be slower than the
    signal for the tail to be theirs (derived).
    """
    return long_tail(p) and p["alpha"] ** 2 <= 0.25 / p["kappa"]


def asymptotic(p: Params) -> bool:
    """`separated` where the start's imbalance sets the rate, `stable` where it does not."""
    return stable(p) if exact(p) or "balance" in p else separated(p)


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


def tail_rate(run: Run) -> float:
    """Law 3, from the run's own initial and final factors."""
    null_imbalance = float(run.quantities["null_imbalance"])
    return float(theory.imbalance_rate(run.params["eta"], null_imbalance))


def limit_rate(run: Run) -> float:
    """The linear rate at the run's own limit, for its own measurements.

    Symmetric starts have no linear rate at their limit; as controls they are held against k = r's.
    """
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


def curve_ratio(run: Run) -> float:
    """Geometric mean of e_t over law 1's curve from X_0, over the last two decades of ticks."""
    late = run.quantities["t"] >= run.quantities["t"][-1] / 100
    error = run.quantities["squared_error"][late]
    return float(np.exp(np.mean(np.log(error / curve(run)[late]))))
