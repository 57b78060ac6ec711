"""Problems and trials of `overparam_gd`: what is run, one lane of one instance at a time."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from matsense.factors import gaussian_start, imbalance, imbalanced_start
from matsense.loops import Ticks, linear_ticks, log_ticks, run
from matsense.operators import cheaper_form, normal_matrix
from matsense.problems import sensing
from matsense.problems.sensing import Sensing
from matsense.solvers.sensing.asymmetric_gd import Factors, asymmetric_gd
from matsense.solvers.sensing.one_step_gd import OneStepState, one_step_gd
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory import overparam as theory

Quantities = dict[str, Array]

# Blocks are this many lanes wide (vector registers hold 8); the cheaper form of A*A is counted for
# a full block.
LANES = 8


def symmetric_population(key: PRNGKeyArray, n: int, r: int, kappa: float) -> Sensing:
    """A PSD truth seen through A*A = identity."""
    sigma = sensing.geometric_spectrum(r, kappa)
    return sensing.population(sensing.symmetric_truth(key, n, sigma))


def symmetric_measured(
    key: PRNGKeyArray, n: int, r: int, kappa: float, m: int, steps: int
) -> Sensing:
    """A PSD truth seen through m Gaussian measurements (the symmetric part of the A_i)."""
    truth = symmetric_population(key, n, r, kappa).truth
    form = cheaper_form(m, n * (n + 1) // 2, steps * LANES)
    return sensing.measured(key, truth, m, form, symmetric=True)


def asymmetric_population(key: PRNGKeyArray, n1: int, n2: int, r: int, kappa: float) -> Sensing:
    """A rectangular truth seen through A*A = identity."""
    sigma = sensing.geometric_spectrum(r, kappa)
    return sensing.population(sensing.rectangular_truth(key, (n1, n2), sigma))


def asymmetric_measured(
    key: PRNGKeyArray, n1: int, n2: int, r: int, kappa: float, m: int, steps: int
) -> Sensing:
    """A rectangular truth seen through m Gaussian measurements."""
    truth = asymmetric_population(key, n1, n2, r, kappa).truth
    return sensing.measured(key, truth, m, cheaper_form(m, n1 * n2, steps * LANES))


def symmetrised_measured(
    key: PRNGKeyArray, n: int, r: int, kappa: float, m: int, steps: int
) -> Sensing:
    """A square truth that is not symmetric, seen through symmetric A_i (control)."""
    truth = asymmetric_population(key, n, n, r, kappa).truth
    form = cheaper_form(m, n * (n + 1) // 2, steps * LANES)
    return sensing.measured(key, truth, m, form, symmetric=True)


def symmetric_trial(
    problem: Sensing, key: Any, k: Array, alpha: Array, eta: Array, steps: int, width: int
) -> Quantities:
    """Symmetric GD from alpha times a Gaussian, with the null-space block that law 1 is about."""
    U = problem.truth.U
    solver = symmetric_gd(problem, eta)
    start = gaussian_start(key, U.shape[0], k, width, alpha)

    def record(X: Array) -> Quantities:
        return {
            "squared_error": problem.squared_error(X, X),
            "misfit": problem.misfit(X, X),
            "null_block": theory.null_block(X, U, k),
        }

    ticks = log_ticks(steps, per_decade=30)
    return {"t": jnp.asarray(ticks), **run(solver, solver.init(start), ticks, record)[1]}


def asymmetric_trial(
    problem: Sensing, key: Any, k: Array, alpha: Array, eta: Array, steps: int, width: int
) -> Quantities:
    """Asymmetric GD from the paper's imbalanced start."""
    return _descend(problem, _start(problem, key, k, width, alpha), k, eta, steps)


def twin_trial(
    problem: Sensing, key: Any, k: Array, alpha: Array, eta: Array, steps: int, width: int
) -> Quantities:
    """Asymmetric GD from F_0 = G_0: the imbalance is zero and stays zero (control)."""
    X = gaussian_start(key, problem.truth.U.shape[0], k, width, alpha)
    return _descend(problem, Factors(X, X), k, eta, steps)


def one_step_trial(
    problem: Sensing,
    key: Any,
    k: Array,
    alpha: Array,
    eta: Array,
    balance: Array,
    trigger: Array,
    steps: int,
    width: int,
) -> Quantities:
    """Asymmetric GD with the modified step, beta^2 = balance * sigma_r, at trigger * sigma_r."""
    sigma_r = problem.truth.sigma[-1]
    start = _start(problem, key, k, width, alpha)
    solver = one_step_gd(problem, eta, k, balance * sigma_r, trigger * sigma_r)

    def record(state: OneStepState) -> Quantities:
        return _errors(problem, state.factors)

    ticks = _exponential_ticks(steps)
    final, recorded = run(solver, solver.init(*start), ticks, record)
    return {
        "t": jnp.asarray(ticks),
        **_imbalance(problem, start, final.factors, k),
        "switched_at": final.switched_at,
        "F": final.factors.F,
        "G": final.factors.G,
        **recorded,
    }


def without_factors(problem: Sensing, quantities: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Host stage: what is stored of a run, which is not its final factors."""
    return {name: value for name, value in quantities.items() if name not in ("F", "G")}


def limit_rate(
    problem: Sensing, quantities: dict[str, np.ndarray], k: int, r: int, eta: float
) -> dict[str, np.ndarray]:
    """Host stage: in place of the final factors, the linear rate at the limit that they are near.

    `near_limit` is 0 for a run that is not near one of linear convergence; it has no limit rate.
    `settled` is the share that the limit's rate has in the local rate at each tick, counted from
    the modified step where there is one.
    """
    F, G = quantities["F"][:, :k], quantities["G"][:, :k]
    Sigma = np.asarray((problem.truth.U * problem.truth.sigma) @ problem.truth.V.T)
    curvatures = theory.limit_curvatures(F, G, Sigma, r, normal_matrix(problem.operator))
    rate = theory.limit_rate(eta, curvatures)
    stored = without_factors(problem, quantities)
    if not np.isfinite(rate):
        return {**stored, "near_limit": np.asarray(0.0)}
    begun = np.maximum(quantities.get("switched_at", 0), 0)
    since = np.maximum(quantities["t"] - begun, 0).astype(float)
    return {
        **stored,
        "near_limit": np.asarray(1.0),
        "limit_rate": np.asarray(rate),
        "settled": theory.settled_share(eta, curvatures, since),
    }


def _start(problem: Sensing, key: Any, k: Array, width: int, alpha: Array) -> Factors:
    shape = problem.truth.U.shape[0], problem.truth.V.shape[0]
    return Factors(*imbalanced_start(key, shape, k, width, alpha))


def _descend(problem: Sensing, start: Factors, k: Array, eta: Array, steps: int) -> Quantities:
    solver = asymmetric_gd(problem, eta)
    D0 = imbalance(*start)

    def record(state: Factors) -> Quantities:
        drift = jnp.linalg.norm(imbalance(*state) - D0)
        return {**_errors(problem, state), "imbalance_drift": drift}

    ticks = _exponential_ticks(steps)
    final, recorded = run(solver, solver.init(*start), ticks, record)
    return {
        "t": jnp.asarray(ticks),
        **_imbalance(problem, start, final, k),
        "F": final.F,
        "G": final.G,
        **recorded,
    }


def _imbalance(problem: Sensing, start: Factors, final: Factors, k: Array) -> Quantities:
    """||D_0||_2, and the extreme eigenvalues of D_0 on the null spaces of the signal rows."""
    of_F = theory.null_imbalances(*start, problem.truth.U.T @ final.F, k)
    of_G = theory.null_imbalances(*start, problem.truth.V.T @ final.G, k)
    return {
        "imbalance": jnp.linalg.norm(imbalance(*start), 2),
        "null_of_F": jnp.stack(of_F),
        "null_of_G": jnp.stack(of_G),
    }


def _errors(problem: Sensing, state: Factors) -> Quantities:
    return {"squared_error": problem.squared_error(*state), "misfit": problem.misfit(*state)}


def _exponential_ticks(steps: int) -> Ticks:
    """Every 5th step early, where k = r converges, and every 50th to the end."""
    return np.union1d(linear_ticks(min(steps, 1500), 5), linear_ticks(steps, 50))
