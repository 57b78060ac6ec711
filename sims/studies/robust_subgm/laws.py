"""What is predicted of a run, and how it is measured: the vocabulary of the claims."""

import math

import jax.numpy as jnp
import numpy as np

from matsense.fitting.estimate import Estimate
from matsense.fitting.rates import Fit
from matsense.judging.claims import Run, final, recorded, time_to
from matsense.judging.trends import Nested, Trend
from matsense.theory import robust as theory
from sims.studies.robust_subgm.hypotheses import (
    RECOVERED,
    Params,
    clean_law,
    exponent_law,
    gaussian_size,
    group,
)

# Errors at or below this are rounding of U U^T in units of sigma_1 = 1, not a failure to converge.
ROUNDING = 1e-14
# The value of the group at which half of the runs recover, chosen after the same look.
DECISIVE = 3.0


def deficit_law(p: Params) -> float:
    """The derived 2 - exponent of the final error in alpha."""
    return 2 - exponent_law(p)


def last(run: Run, quantity: str = "error") -> float:
    """The value at the last tick."""
    return float(run.quantities[quantity][-1])


def over_recovered(run: Run) -> float:
    """Final error in units of the recovery threshold 1e-2."""
    return last(run) / RECOVERED


def over_alpha(run: Run) -> float:
    """Final error in units of 10 alpha."""
    return last(run) / (10 * run.params["alpha"])


def recovered(run: Run) -> float:
    """1 where the truth was recovered, else 0."""
    return float(last(run) <= RECOVERED)


def as_the_group_says(run: Run) -> float:
    """1 where the run recovered just if (1 - p)^2 m / (d r) >= 3, else 0."""
    return float(recovered(run) == float(group(run.params) >= DECISIVE))


def achieved_exponent(run: Run) -> float:
    """log(final error) / log(alpha); 0 where the error is not below 1."""
    return max(math.log(last(run)) / math.log(run.params["alpha"]), 0.0)


def loss_ratio(run: Run) -> float:
    """f at the end over f at the truth; NaN where f is 0 there, since no outlier was drawn."""
    best = float(run.quantities["loss_at_truth"])
    return last(run, "loss") / best if best > 0 else math.nan


def rebound(run: Run) -> float:
    """Final error over the smallest one of the run, both at least rounding."""
    error = np.maximum(run.quantities["error"], ROUNDING)
    return float(error[-1] / error.min())


def phi(run: Run) -> float:
    """phi in closed form; for outliers that depend on A, what it would be were they independent."""
    p = run.params
    return theory.phi(clean_law(p), p["p"], p["scale"], p["nu"], 1.0)


def phi_score(run: Run) -> float:
    """|measured - predicted| phi, in standard errors."""
    error = theory.phi_error(phi(run), run.params["m"])
    return abs(float(run.quantities["phi"]) - phi(run)) / error


def within_three(run: Run) -> float:
    """1 where phi is measured within 3 standard errors, else 0."""
    return float(phi_score(run) <= 3)


def delta_in_units(run: Run) -> float:
    """delta over sqrt(d k / m) / (1 - p)."""
    p = run.params
    unit = theory.deviation_scale(p["p"], p["m"], p["d"], p["k"])
    return float(run.quantities["delta"]) / unit


def late(run: Run) -> np.ndarray:
    """The last decade of ticks."""
    return np.asarray(run.quantities["t"] >= run.quantities["t"][-1] / 10)


def over_bound(run: Run) -> float:
    """Largest spectral error over Thm 18's alpha^2 / (eta alpha^2 t + 1), last decade."""
    p, t = run.params, run.quantities["t"][late(run)]
    bound = theory.population_bound(p["alpha"], p["eta"], t)
    return float(np.max(run.quantities["spectral_error"][late(run)] / bound))


def curve(run: Run) -> np.ndarray:
    """The derived ||E E^T||_F at the ticks, from the start's own residual block."""
    s0, t = jnp.asarray(run.quantities["idle_start"]), jnp.asarray(run.quantities["t"])
    return np.asarray(theory.population_curve(s0, run.params["eta"], t.astype(float)))


def over_curve(run: Run) -> float:
    """Geometric mean of error over `curve`, last decade."""
    keep = late(run)
    return float(np.exp(np.mean(np.log(run.quantities["error"][keep] / curve(run)[keep]))))


def gaussian_law(run: Run) -> float:
    """nu sqrt(pi/2 (d r - r (r - 1) / 2) / m), the derived size of the final error."""
    return gaussian_size(run.params)


ERROR = final("error")
# What is left below rounding says nothing, and its ratios have no mean.
ERROR_SEEN = recorded(lambda run: max(last(run), ROUNDING))
TIME = time_to("error", lambda run: run.params["alpha"])
OVER_RECOVERED = recorded(over_recovered)
OVER_ALPHA = recorded(over_alpha)


def deficit(estimate: Estimate, p: Params) -> Estimate:
    """2 - exponent."""
    return 2 - estimate


def over_deficit_law(estimate: Estimate, p: Params) -> Estimate:
    """(2 - exponent) over its derived value."""
    return deficit(estimate, p).scaled(1 / deficit_law(p))


def clean_share(p: float) -> float:
    """1 - p."""
    return 1 - p


def log_inverse(alpha: float) -> float:
    """log(1/alpha)."""
    return math.log(1 / alpha)


ALPHA = Trend("scaling", "alpha")
DEFICIT_IN_M = Nested(Trend("scaling", "alpha", then=deficit), Trend("scaling", "m"))
DEFICIT = Trend("scaling", "alpha", then=over_deficit_law)
RANK_FREE = Trend("invariance", "k")


def fit(run: Run) -> Fit:
    """For rates.csv: the level at which the error ends (`floor`), once it has stopped moving."""
    if "error" not in run.quantities:
        return Fit("neither", reason="a single number, not a trace")
    t, error = run.quantities["t"], np.maximum(run.quantities["error"], ROUNDING)
    moving = np.flatnonzero(np.abs(error / error[-1] - 1) > 0.01)
    begin = 0 if moving.size == 0 else int(moving[-1]) + 1
    if len(t) - begin < 5:
        return Fit("neither", reason="still moving at the horizon")
    return Fit(
        "plateau", 0.0, window=(float(t[begin]), float(t[-1])), points=len(t) - begin,
        log_level=math.log(error[-1]), floor=float(run.quantities["error"][-1]),
    )  # fmt: skip


def predicted(run: Run) -> float:
    """For rates.csv: phi, or the derived limit of the error under dense noise; else nothing."""
    if "phi" in run.quantities:
        return phi(run)
    return gaussian_law(run) if run.sweep == "gaussian" else math.nan
