"""Problems and trials of `robust_subgm`: what is run, one lane of one instance at a time.

Factors are d-by-d whatever the search rank: columns beyond k are zero and stay zero, and the
products with A, which do not see the width, cost nearly everything.
"""

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from matsense.factors import gaussian_start
from matsense.loops import Ticks, linear_ticks, log_ticks, run
from matsense.problems.corruption import Corruptible, Expected, Robust, corruptible
from matsense.problems.sensing import geometric_spectrum
from matsense.solver import Solver
from matsense.solvers.robust.scaled_subgm import scaled_subgm
from matsense.solvers.robust.step_sizes import geometric, polyak, proportional
from matsense.solvers.robust.subgm import SubGMState, spectral_start, subgm
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory import residual, sign_rip
from matsense.theory import robust as theory
from matsense.theory.overparam import null_projector

Quantities = dict[str, Array]

# The paper's truth has eigenvalues 10, 5, 1; everywhere else sigma_1 = 1 is the unit.
PAPER_SPECTRUM = (10.0, 5.0, 1.0)
TICKS = 100
# Of GD on the l2 loss, in units of 1 / sigma_1: half of what is stable (matsense.solvers).
L2_STEP = 0.15


def instance(key: PRNGKeyArray, d: int, r: int, kappa: float, m: int, law: str) -> Corruptible:
    """A truth with eigenvalues from 1 to 1/kappa, seen through m corruptible measurements."""
    return corruptible(key, d, geometric_spectrum(r, kappa), m, law)


def paper_instance(key: PRNGKeyArray, d: int, m: int, law: str) -> Corruptible:
    """The truth of the paper's figures."""
    return corruptible(key, d, jnp.array(PAPER_SPECTRUM), m, law)


def descend(
    problem: Robust | Expected,
    solver: Solver,
    start: Array,
    r: int,
    k: Array,
    ticks: Ticks,
    spectrum: bool = False,
) -> Quantities:
    """Runs a method and records, at the ticks, everything that the claims and figures ask for.

    With `spectrum` also the r + 1 largest eigenvalues of U U^T, which cost more than the rest.
    """

    def record(state: SubGMState | Array) -> Quantities:
        U = state.U if isinstance(state, SubGMState) else state
        Delta = problem.gap(U)
        left_over, idle = residual.residual_blocks(U, r, k)
        travel = {"travel": state.travel} if isinstance(state, SubGMState) else {}
        learnt = {"learnt": residual.learnt(U, r + 1)} if spectrum else {}
        return {
            "error": jnp.linalg.norm(Delta),
            "spectral_error": jnp.max(jnp.abs(jnp.linalg.eigvalsh(Delta))),
            "loss": problem.look(U)[0],
            "left_over": left_over,
            "idle": idle,
            **travel,
            **learnt,
        }

    recorded = run(solver, solver.init(start), ticks, record)[1]
    idle = start[r:] @ null_projector(start[:r], k)
    return {
        "t": jnp.asarray(ticks),
        "loss_at_truth": jnp.asarray(problem.loss_at_truth),
        "idle_start": jnp.linalg.svd(idle, compute_uv=False),
        **recorded,
    }


def even_ticks(steps: int) -> Ticks:
    """About TICKS ticks at equal distances."""
    return linear_ticks(steps, max(steps // TICKS, 1))


def tied_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    p: Array,
    scale: Array,
    nu: Array,
    alpha: Array,
    k: Array,
    eta: Array,
    budget: Array,
    kappa: Array,
    steps: int,
) -> Quantities:
    """SubGM with the rule for noise, its rho tied to alpha as in Thm 27, from Algorithm 2."""
    rho = theory.tied_rho(eta, budget, kappa, alpha)
    return rho_trial(problem, key, p, scale, nu, alpha, k, eta, rho, steps)


def rho_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    p: Array,
    scale: Array,
    nu: Array,
    alpha: Array,
    k: Array,
    eta: Array,
    rho: Array | float,
    steps: int,
) -> Quantities:
    """The same with a rho that is given, whatever alpha."""
    seen = problem.corrupted(p, scale, nu)
    start = spectral_start(seen.start_matrix, k, seen.d, alpha)
    solver = subgm(seen, geometric(eta, rho))
    return descend(seen, solver, start, problem.sigma.shape[0], k, even_ticks(steps))


def paper_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    p: Array,
    scale: Array,
    nu: Array,
    alpha: Array,
    k: Array,
    eta: Array,
    travel: Array,
    steps: int,
) -> Quantities:
    """SubGM at the paper's sizes, its travel B = eta / (1 - rho) given in place of rho.

    Ticks are logarithmic: the eigenvalues are learnt in the first few hundred steps.
    """
    seen = problem.corrupted(p, scale, nu)
    start = spectral_start(seen.start_matrix, k, seen.d, alpha)
    solver = subgm(seen, geometric(eta, 1 - eta / travel))
    r = problem.sigma.shape[0]
    return descend(seen, solver, start, r, k, log_ticks(steps), spectrum=True)


def paper_method_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    p: Array,
    scale: Array,
    nu: Array,
    alpha: Array,
    k: Array,
    eta: Array,
    travel: Array,
    method: str,
    steps: int,
) -> Quantities:
    """`method_trial` at the paper's sizes, travel given."""
    budget, kappa = travel / jnp.log(1 / alpha), jnp.array(1.0)
    return method_trial(problem, key, p, scale, nu, alpha, k, eta, budget, kappa, method, steps)


def method_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    p: Array,
    scale: Array,
    nu: Array,
    alpha: Array,
    k: Array,
    eta: Array,
    budget: Array,
    kappa: Array,
    method: str,
    steps: int,
) -> Quantities:
    """One of the methods on the same kind of instance, from Algorithm 2.

    "tied" and "noiseless" are the paper's two step rules, "polyak" and "scaled" (ScaledSM) are
    told the loss at the truth, "l2" is GD on the squared loss. ScaledSM is damped where k > r,
    which its published rule does not cover.
    """
    seen = problem.corrupted(p, scale, nu)
    start = spectral_start(seen.start_matrix, k, seen.d, alpha)
    rho = theory.tied_rho(eta, budget, kappa, alpha)
    solver = {
        "tied": lambda: subgm(seen, geometric(eta, rho)),
        "noiseless": lambda: subgm(seen, proportional(eta)),
        "polyak": lambda: subgm(seen, polyak(seen.loss_at_truth)),
        "scaled": lambda: scaled_subgm(seen, jnp.where(k > problem.sigma.shape[0], 1.0, 0.0)),
        "l2": lambda: symmetric_gd(seen.least_squares, L2_STEP / problem.sigma[0]),
    }[method]()
    return descend(seen, solver, start, problem.sigma.shape[0], k, even_ticks(steps))


def expected_trial(
    problem: Corruptible,
    key: PRNGKeyArray,
    alpha: Array,
    k: Array,
    eta: Array,
    start: str,
    steps: int,
) -> Quantities:
    """SubGM on the noiseless expected loss, rule of Thm 18 (eta_t proportional to the loss).

    `start` is "spectral" (Algorithm 2 on the instance's measurements) or "random".
    """
    expected = problem.expected(0.0, 0.0, 0.0)
    U0 = (
        gaussian_start(key, expected.d, k, expected.d, alpha)
        if start == "random"
        else spectral_start(expected.start_matrix, k, expected.d, alpha)
    )
    r = problem.sigma.shape[0]
    ticks = log_ticks(steps, per_decade=20)
    return descend(expected, subgm(expected, proportional(eta)), U0, r, k, ticks)


def scaling_trial(
    problem: Corruptible, key: PRNGKeyArray, p: Array, scale: Array, nu: Array
) -> Quantities:
    """<Q, X / ||X||> at one X of unit norm, for comparison with phi in closed form.

    X is X* - X', X' the wrong matrix of the adversarial law, which is blind to most others; for
    noise independent of A all X of one norm are alike (rotation invariance).
    """
    r = problem.sigma.shape[0]
    X = jnp.zeros(problem.operator.coordinates.shape[0]).at[:r].set(1.0).at[-r:].set(-1.0)
    seen = problem.corrupted(p, scale, nu)
    value, _ = sign_rip.directional(seen, jnp.diag(X / jnp.linalg.norm(X)))
    return {"t": jnp.zeros(1), "phi": value}


def deviation_trial(
    problem: Corruptible, key: PRNGKeyArray, p: Array, scale: Array, k: Array, loss: str
) -> Quantities:
    """Sign-RIP's delta, searched (a lower bound); of the l2 loss's gradient with loss = "l2"."""
    seen = problem.corrupted(p, scale, 0.0)
    phi = theory.phi_gaussian(p, scale, 0.0, 1.0)
    delta = sign_rip.deviation(seen, key, k, phi, squared=loss == "l2")
    return {"t": jnp.zeros(1), "delta": delta}
