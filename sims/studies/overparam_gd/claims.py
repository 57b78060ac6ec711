"""The claims of [xiong2024] and the laws derived for it, in a form that runs can answer."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from matsense.claims import Claim, Run, exponent, rate, recorded, relative
from matsense.theory import overparam as theory
from matsense.trends import Trend

Params = Mapping[str, Any]

# Squared errors at or below this are rounding (they end near 1e-31), not a failure to converge.
RESOLUTION = 1e-24
# The paper's Omega(.) hides constants; ours are this share of the derived rate's scale.
OMEGA = 0.1


def of(*names: str, where: Callable[[Params], bool] = lambda p: True) -> Callable[[Run], bool]:
    """Selects runs by sweep and parameters."""
    return lambda run: run.sweep in names and where(run.params)


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
ALPHA_SQUARED = Trend("scaling", "alpha", power=2.0)
ALPHA_FREE = Trend("invariance", "alpha")
PAPER = "xiong2024, abstract and theorems (read as claims; constants not quoted)"
DERIVED = "derived from the updates: matsense.theory.overparam"


def curve_ratio(run: Run) -> float:
    """Geometric mean of e_t over law 1's curve from X_0, over the last two decades of ticks."""
    late = run.quantities["t"] >= run.quantities["t"][-1] / 100
    error = run.quantities["squared_error"][late]
    return float(np.exp(np.mean(np.log(error / curve(run)[late]))))


claims = (
    Claim(
        "sym-exact",
        PAPER,
        r"symmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        "symmetric, k = r: e_T = exp(-Omega(T))",
        "rate / (-2 ln(1 - eta sigma_r))",
        of("symmetric", where=exact),
        RATE,
        "equals",
        exact_rate,
        0.03,
        hypotheses=stable,
        assumes="eta <= 0.3, alpha <= 0.5, population",
        control=of("symmetric", where=over),
        control_of="k > r, which is no exponential",
    ),
    Claim(
        "sym-over",
        PAPER,
        r"symmetric, $k>r$: $e_T\geq\Omega(1/T^2)$, the curse of symmetry",
        "symmetric, k > r: e_T >= Omega(1/T^2), the curse of symmetry",
        "exponent of 1/t",
        of("symmetric", where=over),
        EXPONENT,
        "at most",
        2.0,
        0.02,
        hypotheses=past_burn_in,
        assumes="horizon of at least 20 burn-ins 1 / (2 eta alpha^2)",
        control=of("symmetric", where=exact),
        control_of="k = r, which is no power law",
    ),
    Claim(
        "sym-over/constant",
        DERIVED,
        r"$(2\eta T)^2 e_T\to k-r$, whatever $\alpha,\sigma,\kappa,n$, seed",
        "symmetric, k > r: (2 eta T)^2 e_T -> k - r, whatever alpha, sigma, n, seed",
        "(2 eta T)^2 e_T / (k - r)",
        of("symmetric", where=over),
        recorded(scaled_error),
        "equals",
        excess,
        0.03,
        hypotheses=at_limit,
        assumes="horizon of at least 200 burn-ins",
        control=of("asymmetric", where=over),
        control_of="asymmetric GD from an imbalanced start",
    ),
    Claim(
        "sym-over/curve",
        DERIVED,
        r"$e_t=\sum_i(1/s_{0,i}^2+2\eta t)^{-2}$ with $s_0$ from $X_0$",
        "symmetric, k > r: e_t = sum_i (1/s_0i^2 + 2 eta t)^-2, s_0 from X_0",
        "e_t / curve from X_0, last two decades",
        of("symmetric", where=over),
        recorded(curve_ratio),
        "equals",
        1.0,
        0.03,
        hypotheses=past_burn_in,
        assumes="horizon of at least 20 burn-ins",
        control=of("symmetric_sensing", where=lambda p: over(p) and p["m"] <= p["n"] ** 2 / 2),
        control_of="m <= n^2 / 2 measurements, which inflate it",
    ),
    Claim(
        "asym-exact",
        PAPER,
        r"asymmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        "asymmetric, k = r: e_T = exp(-Omega(T))",
        "rate / (-2 ln(1 - eta sigma_r))",
        of("asymmetric", where=exact),
        RATE,
        "equals",
        exact_rate,
        0.03,
        hypotheses=small_imbalance,
        assumes="alpha^2 <= 0.04 sigma_r: imbalance slows k = r by alpha^2 / (2 sigma_r)",
        control=of("symmetrised"),
        control_of="symmetrised A_i, blind to the antisymmetric part",
    ),
    Claim(
        "asym/limit",
        DERIVED,
        r"rate $-2\ln(1-\eta\lambda)$, $\lambda$ the smallest curvature at the run's limit",
        "asymmetric: rate -2 ln(1 - eta lambda), curvature lambda at the run's limit",
        "rate / limit rate",
        of("asymmetric", "one_step"),
        RATE,
        "equals",
        limit_rate,
        0.03,
        hypotheses=asymptotic,
        assumes="k = r; or eta alpha^2 t >= 3, alpha^2 <= sigma_r / 4; or the modified step",
        control=of("twin_start"),
        control_of="F_0 = G_0, no imbalance",
    ),
    Claim(
        "asym-over",
        PAPER,
        r"asymmetric, $k>r$, imbalanced start: $e_T=\exp(-\Omega(\alpha^2T))$",
        "asymmetric, k > r, imbalanced start: e_T = exp(-Omega(alpha^2 T))",
        "rate / (eta alpha^2)",
        of("asymmetric", where=over),
        relative(RATE, paper_rate),
        "at least",
        OMEGA,
        hypotheses=long_tail,
        assumes="fitted where eta alpha^2 t >= 3, horizon twice that",
        control=of("twin_start"),
        control_of="F_0 = G_0, no imbalance",
    ),
    Claim(
        "asym-over/rate",
        DERIVED,
        r"rate $=2\eta\min_i|\lambda_i(W^\top D_0W)|$, the start's imbalance",
        "asymmetric, k > r: the imbalance of the start sets the rate",
        "rate / (2 eta min |lambda(W^T D_0 W)|)",
        of("asymmetric", where=over),
        RATE,
        "equals",
        tail_rate,
        0.05,
        hypotheses=separated,
        assumes="eta alpha^2 t >= 3, horizon twice that, alpha^2 <= sigma_r / 4",
        control=of("one_step"),
        control_of="the modified step, which forgets the start",
    ),
    Claim(
        "asym-over/slope",
        DERIVED,
        r"the rate scales as $\alpha^2$: the curse of initialisation",
        "asymmetric, k > r: rate ~ alpha^2, the curse of initialisation",
        "slope of log rate on log alpha^2",
        of("asymmetric", where=over),
        RATE,
        "equals",
        1.0,
        0.04,
        trend=ALPHA_SQUARED,
        mode="in the mean",
        hypotheses=separated,
        assumes="eta alpha^2 t >= 3, horizon twice that, alpha^2 <= sigma_r / 4",
        control=of("one_step"),
        control_of="the modified step, which forgets alpha",
    ),
    Claim(
        "one-step",
        PAPER,
        r"after one modified step: rate $2\eta\min(\beta^2,\sigma_r^2/\beta^2)$",
        "after one modified step: linear at the rate of beta, not of the start",
        "rate / (2 eta min(beta^2, sigma_r^2 / beta^2))",
        of("one_step"),
        RATE,
        "equals",
        modified_rate,
        0.08,
        hypotheses=stable,
        assumes="the step was triggered by the residual at 0.05 sigma_r",
        control=of("asymmetric", where=over),
        control_of="plain GD from the same kind of start",
    ),
    Claim(
        "one-step/alpha",
        PAPER,
        r"the rate after the modified step is independent of $\alpha$",
        "after one modified step: rate independent of alpha",
        "largest / smallest rate over alpha",
        of("one_step"),
        RATE,
        "at most",
        1.0,
        0.1,
        trend=ALPHA_FREE,
        hypotheses=stable,
        assumes="the step was triggered by the residual at 0.05 sigma_r",
        control=of("asymmetric", where=over),
        control_of="plain GD from the same kind of start",
    ),
    Claim(
        "sym-exact/sensing",
        PAPER,
        r"symmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        "symmetric, k = r, m measurements: e_T = exp(-Omega(T))",
        "rate / (-2 ln(1 - eta sigma_r))",
        of("symmetric_sensing", where=exact),
        relative(RATE, exact_rate),
        "at least",
        OMEGA,
        hypotheses=stable,
        assumes="m >= 3 k n",
        control=of("symmetric_sensing", where=over),
        control_of="k > r, which is no exponential",
    ),
    Claim(
        "sym-over/sensing",
        PAPER,
        r"symmetric, $k>r$, $m$ measurements: $e_T\geq\Omega(1/T^2)$",
        "symmetric, k > r, m measurements: e_T >= Omega(1/T^2)",
        "exponent of 1/t",
        of("symmetric_sensing", where=over),
        EXPONENT,
        "at most",
        2.0,
        0.02,
        mode="in the mean",
        hypotheses=past_burn_in,
        assumes="m >= 3 k n, horizon of at least 20 burn-ins",
        control=of("symmetric_sensing", where=exact),
        control_of="k = r, which is no power law",
    ),
    Claim(
        "sym-over/sensing-constant",
        DERIVED,
        r"finite $m$ only inflates $(2\eta T)^2e_T$ above $k-r$",
        "finite m only inflates (2 eta T)^2 e_T above k - r",
        "(2 eta T)^2 e_T / (k - r)",
        of("symmetric_sensing", where=over),
        recorded(scaled_error),
        "at least",
        excess,
        0.03,
        hypotheses=at_limit,
        assumes="m >= 3 k n, horizon of at least 200 burn-ins",
        control=of("asymmetric_sensing", where=over),
        control_of="asymmetric GD from an imbalanced start",
    ),
    Claim(
        "asym-exact/sensing",
        PAPER,
        r"asymmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        "asymmetric, k = r, m measurements: e_T = exp(-Omega(T))",
        "rate / (-2 ln(1 - eta sigma_r))",
        of("asymmetric_sensing", where=exact),
        relative(RATE, exact_rate),
        "at least",
        OMEGA,
        hypotheses=stable,
        assumes="m >= 3 k (n1 + n2) / 2",
        control=of("symmetrised"),
        control_of="symmetrised A_i, blind to the antisymmetric part",
    ),
    Claim(
        "asym-over/sensing",
        PAPER,
        r"asymmetric, $k>r$, $m$ measurements: $e_T=\exp(-\Omega(\alpha^2T))$",
        "asymmetric, k > r, m measurements: e_T = exp(-Omega(alpha^2 T))",
        "rate / (eta alpha^2)",
        of("asymmetric_sensing", where=over),
        relative(RATE, paper_rate),
        "at least",
        OMEGA,
        hypotheses=long_tail,
        assumes="m >= 3 k (n1 + n2) / 2, eta alpha^2 t >= 3",
        control=of("twin_start"),
        control_of="F_0 = G_0, no imbalance",
    ),
    Claim(
        "asym/sensing-limit",
        DERIVED,
        r"$m$ measurements: rate $-2\ln(1-\eta\lambda)$, $\lambda$ of the run's $A^*A$",
        "m measurements: rate -2 ln(1 - eta lambda) with the run's own A*A",
        "rate / limit rate",
        of("asymmetric_sensing", "one_step_sensing"),
        RATE,
        "equals",
        limit_rate,
        0.2,
        mode="in the mean",
        hypotheses=asymptotic,
        assumes="m >= 3 k (n1 + n2) / 2; k = r, or eta alpha^2 t >= 3, or after the modified step",
        control=of("twin_start"),
        control_of="F_0 = G_0, no imbalance",
    ),
    Claim(
        "asym-over/sensing-slope",
        DERIVED,
        r"with $m$ measurements the rate still scales as $\alpha^2$",
        "m measurements: rate ~ alpha^2",
        "slope of log rate on log alpha^2",
        of("asymmetric_sensing", where=over),
        RATE,
        "equals",
        1.0,
        0.1,
        trend=ALPHA_SQUARED,
        mode="in the mean",
        hypotheses=long_tail,
        assumes="m >= 3 k (n1 + n2) / 2, eta alpha^2 t >= 3",
        control=of("one_step_sensing"),
        control_of="the modified step, which forgets alpha",
    ),
    Claim(
        "one-step/sensing",
        PAPER,
        r"with $m$ measurements the rate after the modified step is independent of $\alpha$",
        "m measurements, after the modified step: rate independent of alpha",
        "largest / smallest rate over alpha",
        of("one_step_sensing"),
        RATE,
        "at most",
        1.0,
        0.1,
        trend=ALPHA_FREE,
        mode="in the mean",
        hypotheses=stable,
        assumes="m >= 3 k (n1 + n2) / 2",
        control=of("asymmetric_sensing", where=over),
        control_of="plain GD from the same kind of start",
    ),
)
