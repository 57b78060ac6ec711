"""How over-parameterization slows down gradient descent in matrix sensing, [xiong2024].

Problem: recover Sigma (rank r, sigma_1 = 1, condition number kappa) from A(Sigma), in the
population (A*A = identity) and from m Gaussian measurements.
Algorithms: symmetric GD, asymmetric GD, asymmetric GD with one modified step; search rank k >= r.
Guarantees: the paper's five, stated there up to constants, and the sharper laws derived from the
updates in `matsense.theory.overparam`; each run is held against its own instance and start.
Example: `python -m sims.sweep overparam_gd --set k=3,4 --set alpha=0.3`.
"""

from functools import partial
from math import nan
from typing import Any

import jax.numpy as jnp
import numpy as np

from matsense.factors import gaussian_start, imbalanced_start
from matsense.judging.conditions import Condition
from matsense.judging.laws import Law
from matsense.operators import entries, normal_matrix
from matsense.problems import sensing
from matsense.problems.sensing import Sensing
from matsense.solvers.asymmetric_gd import asymmetric_gd
from matsense.solvers.one_step_gd import one_step_gd
from matsense.solvers.symmetric_gd import symmetric_gd
from matsense.theory import overparam as theory
from matsense.trace import linear_ticks, run
from sims.ranges import Fits
from sims.study import (
    claim,
    exponent,
    final,
    given,
    happened,
    lasting,
    law,
    pace,
    paper,
    rate,
    recorded,
    runs,
    sweep,
    trace,
)

Found = dict[str, Any]
LANES = 8  # the form of A*A is chosen for so many: vector registers hold 8


def square(key: Any, n: int, r: int, kappa: float, m: int = 0, steps: int = 1) -> Sensing:
    """A PSD truth; m = 0: the population, otherwise m Gaussian measurements."""
    truth = sensing.symmetric_truth(key, n, sensing.geometric_spectrum(r, kappa))
    return sensing.seen(key, truth, m, steps * LANES, symmetric=True)


def rectangle(
    key: Any, r: int, kappa: float, n: int = 0, n1: int = 0, n2: int = 0, m: int = 0, steps: int = 1
) -> Sensing:
    """An n1 x n2 truth; or a square one, not symmetric, seen through symmetric A_i (control)."""
    sigma = sensing.geometric_spectrum(r, kappa)
    truth = sensing.rectangular_truth(key, (n1 or n, n2 or n), sigma)
    return sensing.seen(key, truth, m, steps * LANES, symmetric=n > 0)


def symmetric(
    problem: Sensing, key: Any, k: Any, alpha: Any, eta: Any, steps: int, width: int
) -> Found:
    """Symmetric GD from alpha times a Gaussian, with the null-space block that law 1 is about."""
    U = problem.truth.U
    record = {
        "squared_error": lambda X: problem.squared_error(X, X),
        "null_block": lambda X: theory.null_block(X, U, k),
    }
    start = gaussian_start(key, len(U), k, width, alpha)
    return trace(symmetric_gd(problem, eta).step, start, steps, record)


def asymmetric(
    problem: Sensing,
    key: Any,
    k: Any,
    alpha: Any,
    eta: Any,
    steps: int,
    width: int,
    balance: Any = None,
    trigger: Any = None,
    twin: bool = False,
) -> Found:
    """Asymmetric GD from the paper's imbalanced start, or from F_0 = G_0 (control); with a
    `balance` the modified step, beta^2 = balance * sigma_r, at a residual of trigger * sigma_r.
    """
    U, sigma, V = problem.truth.U, problem.truth.sigma, problem.truth.V
    X = gaussian_start(key, len(U), k, width, alpha)
    start = (X, X) if twin else imbalanced_start(key, (len(U), len(V)), k, width, alpha)
    solver = asymmetric_gd(problem, eta)
    if balance is not None:
        solver = one_step_gd(problem, eta, k, balance * sigma[-1], trigger * sigma[-1])

    def error(state: Any) -> Found:
        return {"squared_error": problem.squared_error(*state.factors)}

    # Every 5th step early, where k = r converges, and every 50th to the end.
    ticks = np.union1d(linear_ticks(min(steps, 1500), 5), linear_ticks(steps, 50))
    state, errors = run(solver, solver.init(*start), ticks, error)
    factors = {"F": state.factors.F, "G": state.factors.G}
    imbalances = theory.imbalances(start, state.factors, U, V, k)
    at = {} if balance is None else {"switched_at": state.switched_at}
    return {"t": jnp.asarray(ticks), **errors, **imbalances, **factors, **at}


def without_factors(problem: Sensing, found: Found) -> Found:
    """All that a run found but its final factors."""
    return {name: value for name, value in found.items() if name not in ("F", "G")}


def with_limit(problem: Sensing, found: Found, k: int, r: int, eta: float) -> Found:
    """In place of the final factors, what they say of the limit that they are near."""
    Sigma, normal = np.asarray(problem.truth.matrix.dense()), normal_matrix(problem.operator)
    curvatures = theory.limit_curvatures(found["F"][:, :k], found["G"][:, :k], Sigma, r, normal)
    since = np.maximum(found["t"] - np.maximum(found.get("switched_at", 0), 0), 0.0)
    return {**without_factors(problem, found), **theory.approach(eta, curvatures, since)}


def width(k: int, n: int = 10**9, n1: int = 10**9, n2: int = 10**9) -> int:
    """Factors are padded to the next multiple of 8 columns, so that ranks share a compilation."""
    return min(8 * -(-k // 8), n, n1, n2)


grid = partial(
    sweep,
    riding=("k",),
    rules=(
        *("k >= r", "k <= n", "k <= min(n1, n2)", "kappa >= 1", "kappa == 1 or r >= 2"),
        Fits("a matrix", lambda n: n * n),
        Fits("a matrix", lambda n1, n2: n1 * n2),
        Fits("the operator", lambda m, n, steps: entries(m, n * (n + 1) // 2, steps * LANES)),
        Fits("the operator", lambda m, n1, n2, steps: entries(m, n1 * n2, steps * LANES)),
    ),
)
# An operator stays in cache while its lanes use it.
alone = partial(grid, instances_wide=1)
BASE = dict(r=3, kappa=1.0, eta=0.1, width=width)
BOTH = dict(BASE, kappa=(1.0, 3.0))
SMALL, SMALLER = dict(BASE, n1=40, n2=30), dict(n1=24, n2=20, m=600)
sweeps = (
    grid(
        "symmetric", square, symmetric,
        dict(BOTH, n=50, k=(3, 4, 5, 8), alpha=(0.5, 0.2, 0.1), steps=300_000),
        quick=dict(kappa=1.0, alpha=(0.5, 0.2), steps=30_000),
    ),
    grid(
        "asymmetric", rectangle, asymmetric,
        dict(BOTH, n1=50, n2=40, k=(3, 4, 5), alpha=(0.5, 0.35, 0.25, 0.15, 0.1), steps=20_000),
        after=with_limit, lanes_wide=16, quick=dict(kappa=1.0),
    ),
    grid(
        "one_step", rectangle, asymmetric,
        dict(BOTH, n1=50, n2=40, k=(4, 5), alpha=(0.5, 0.35, 0.2, 0.1), balance=(0.5, 1.0, 2.0),
             trigger=0.05, steps=3_000),
        after=with_limit, quick=dict(kappa=1.0, balance=1.0),
    ),
    alone(
        "symmetric_sensing", square, symmetric,
        dict(BASE, n=50, m=(625, 1250, 2500, 12_500), k=(3, 4, 5), alpha=(0.5, 0.2), steps=10_000),
        quick=dict(n=30, m=450),
    ),
    alone(
        "asymmetric_sensing", rectangle, asymmetric,
        dict(SMALL, m=(750, 1500, 6000), k=(3, 4, 5), alpha=(0.5, 0.35, 0.25, 0.2), steps=10_000),
        after=with_limit, lanes_wide=16, quick=SMALLER,
    ),
    alone(
        "one_step_sensing", rectangle, asymmetric,
        dict(SMALL, m=1500, k=(4, 5), alpha=(0.5, 0.35, 0.2), balance=1.0, trigger=0.05,
             steps=3_000),
        after=with_limit, quick=SMALLER,
    ),
    grid(
        "twin_start", square, partial(asymmetric, twin=True),
        dict(BASE, n=50, k=(4, 5), alpha=(0.5, 0.35), steps=10_000), after=without_factors,
    ),
    alone(
        "symmetrised", rectangle, asymmetric,
        dict(BASE, n=30, m=900, k=(3, 4), alpha=(0.5, 0.35), steps=3_000), after=without_factors,
    ),
)  # fmt: skip

# Laws, in nats a step of the squared error; the paper's Omega(.) hides constants: ours is a tenth.
OMEGA = 0.1
PAPERS = law(r"\eta\alpha^2", "eta * alpha**2")
EXACT = law(r"-2\ln(1-\eta\sigma_r)", lambda eta, kappa: theory.exact_rate(eta, 1 / kappa))
MODIFIED = law(
    r"-2\ln(1-\eta\min(\beta^2,\sigma_r^2/\beta^2))",
    lambda eta, kappa, balance=1.0: theory.modified_rate(eta, balance / kappa, 1 / kappa),
)
OF_F = law("of F", lambda null_of_F: theory.least_imbalance(null_of_F))
OF_G = law("of G", lambda null_of_G: theory.least_imbalance(null_of_G))
TAIL = law(
    r"-2\ln(1-\eta\min_i|\lambda_i(W^TD_0W)|)",
    lambda eta, of_F=OF_F, of_G=OF_G: theory.imbalance_rate(eta, of_F, of_G),
)
LIMITS = law(  # controls have none of linear convergence: they are held against k = r
    r"-2\ln(1-\eta\lambda)",
    lambda near_limit=None, limit_rate=nan, exact=EXACT: (
        exact if near_limit is None else limit_rate
    ),
)
CURVE = law(
    r"\sum_i(1/s_{0,i}^2+2\eta t)^{-2}",
    lambda t, null_block, eta: np.asarray(
        theory.null_block_curve(jnp.asarray(null_block[0]), eta, jnp.asarray(t))
    ),
)
# The tick from which a law is sought: the modified step, or eta alpha^2 t = 3 for the tail of
# asymmetric GD (rectangular truths) with k > r; the data's choice elsewhere.
START = law(
    "start",
    lambda k, r, n1=0, switched_at=None, scale=PAPERS: (
        max(switched_at, 0) if switched_at is not None else 3 / scale if n1 and k > r else 0
    ),
)
LEFT = law(
    "steps after the signal's growth",
    lambda steps, alpha, eta, kappa, n=0, n1=0, n2=0: (
        steps - theory.growth_steps(alpha, eta, 1 / kappa, max(n, n1, n2))
    ),
)
FLOOR = 1e-24  # squared errors below are rounding (they end near 1e-31), no failure to converge
SPEED = rate("squared_error", START, FLOOR)
POWER = exponent("squared_error", START, FLOOR)
# exp(-Omega(T)) speaks of every T that was run, not of a limit.
PACE = pace("squared_error", START, FLOOR)
LAST = final("squared_error")
TO_EXCESS = LAST / law(r"(k-r)/(2\eta T)^2", "(k - r) / (2 * eta * steps) ** 2")


def over_curve(t: Any, squared_error: Any, curve: Any = CURVE) -> float:
    """Geometric mean of e_t over law 1's curve from X_0, over the last two decades of ticks."""
    late = t >= t[-1] / 100
    return float(np.exp(np.mean(np.log(squared_error[late] / curve[late]))))


# Whom the claims are about, how long a run must last, what must have happened in it.
STABLE = ("eta <= 0.3", "alpha <= 0.5")
MEASURED = given(
    "m >= 3 k (n1 + n2) / 2", lambda m, k, n=0, n1=0, n2=0: m >= 1.5 * k * (2 * n + n1 + n2)
)
SENSED = (*STABLE, MEASURED)
OUTSIDE = given(
    "r < min(n1, n2): the laws are those of rows outside the signal",
    lambda r, n=10**9, n1=10**9, n2=10**9: r < min(n, n1, n2),
)
SLOWER = given(
    "k > r: alpha^2 <= sigma_r / 4, so that the null directions are slower than the signal",
    lambda k, r, alpha, kappa, balance=0: k == r or balance or alpha**2 <= 0.25 / kappa,
)
SHORT_STEP = given(
    "eta <= 2 / (beta^2 + 1 / beta^2 + min(beta^2, sigma_r^2 / beta^2)) with a modified step",
    lambda eta, kappa, balance=0: (
        not balance or eta <= theory.modified_step_limit(balance / kappa, 1 / kappa)
    ),
)
# A fit of a rate needs 3.5 nats of decay, which sets in more slowly than the laws have it.
LASTS = lasting(
    "7 nats after the signal's growth, ln(n sigma_r / alpha^2) / (2 eta sigma_r), at k = r or with"
    " a modified step; else eta alpha^2 T >= 6, the tail being fitted from 3 on",
    lambda k, r, steps, balance=0, left=LEFT, speed=MODIFIED, scale=PAPERS: (
        speed * left >= 7 if k == r or balance else scale * steps >= 6
    ),
)
LASTS_AT_BOUND = lasting(
    "7 nats at the claimed bound after the signal's growth",
    lambda left=LEFT, speed=EXACT: OMEGA * speed * left >= 7,
)
TRIGGERED = happened("a modified step, if any, is taken", lambda switched_at=0: switched_at >= 0)
IMBALANCED = happened(
    "D_0 >= alpha^2 / 4 on the null space of the signal rows, F's and G's",
    lambda null_of_F, null_of_G, alpha: np.min([null_of_F, null_of_G]) >= alpha**2 / 4,
)
DEFINITE = happened(
    "D_0 is definite on the null spaces of F's and of G's signal rows, alike to 5%",
    lambda of_F=OF_F, of_G=OF_G: np.maximum(of_F, of_G) <= 1.05 * np.minimum(of_F, of_G),
)
NEAR = happened(
    "it comes near a limit of linear convergence: ||F G^T - Sigma||_2 <= 0.1 s^2, s the least of"
    " the k + r singular values that its factors keep",
    "near_limit > 0",
)


def gone(decades: float) -> Condition:
    """The signal is nothing beside a power law."""
    return lasting(
        f"the signal has grown and then fallen by 15 nats {decades:g} decades before the end",
        lambda steps, left=LEFT, speed=EXACT: steps - left + 15 / speed <= steps / 10**decades,
    )


def burnt_in(times: int) -> Condition:
    """A power law has lasted."""
    return lasting(
        f"T >= {times} / (2 eta s^2), s the least singular value of X_0 on the null space",
        lambda null_block, k, r, eta, steps: (
            2 * eta * min(null_block[0, : k - r]) ** 2 * steps >= times
        ),
    )


def nats(speed: Law) -> Condition:
    """A rate has lasted."""
    return lasting(
        f"7 nats at the rate {speed.formula} where it is fitted",
        lambda near_limit, steps, start=START, speed=speed: speed * (steps - start) >= 7,
    )


def settled(percent: float) -> Condition:
    """The slowest mode is alone, by the run's own curvatures, at the middle of what is fitted.

    A claim on a rate asks for a third of its tolerance. One on the scaling with alpha^2 asks for
    twice as much as half its tolerance: the run with the least alpha is the least settled, and
    moves the slope through four alphas between 0.5 and 0.2 by 0.44 of its own deviation.
    """
    return happened(
        f"at the middle of the fit faster modes of the limit add {percent:g}% to the rate at most",
        lambda t, squared_error, settled=0.0, start=START: (
            np.interp((start + t[squared_error > FLOOR].max(initial=0)) / 2, t, settled + 0 * t)
            >= 1 / (1 + percent / 100)
        ),
    )


LIMIT = (SLOWER, SHORT_STEP, LASTS, TRIGGERED, NEAR, nats(LIMITS))
START_SETS = (*STABLE, SLOWER, LASTS, DEFINITE, nats(TAIL), NEAR, settled(1))
STEP_TAKEN = (SHORT_STEP, "trigger <= 0.05", LASTS, TRIGGERED, nats(MODIFIED))

FROM_UPDATES = "derived from the updates: matsense.theory.overparam"
derived = partial(claim, source="derived", cite=FROM_UPDATES)
sharper = partial(derived, cite=f"{FROM_UPDATES}; xiong2024, abstract, has the order")
stated = partial(claim, source="abstract", cite="xiong2024, abstract")
hidden = partial(stated, cite="xiong2024, abstract; the constant in its Omega is ours")
step_recalled = partial(stated, cite="xiong2024, abstract; the form of the step is recalled")
SYM_EXACT, SYM_OVER = (runs("symmetric", where=where) for where in ("k == r", "k > r"))
ASYM_OVER = runs("asymmetric", where="k > r")
SYM_M, ASYM_M = (runs(f"{name}_sensing", where="k > r") for name in ("symmetric", "asymmetric"))
SYM_EXACT_M = runs("symmetric_sensing", where="k == r")
FORGETS = "the modified step, which forgets the start"
ONE_STEP, ONE_STEP_M = runs("one_step", words=FORGETS), runs("one_step_sensing", words=FORGETS)
TWIN = runs("twin_start", words="F_0 = G_0, no imbalance")
BLIND = runs("symmetrised", words="symmetrised A_i, blind to the antisymmetric part")
claims = (
    sharper(
        "sym-exact",
        r"symmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        SPEED.equals(EXACT, 0.03),
        about=SYM_EXACT,
        given=(*STABLE, OUTSIDE, LASTS),
        control=SYM_OVER,
    ),
    stated(
        "sym-over",
        r"symmetric, $k>r$: $e_T\geq\Omega(1/T^2)$, the curse of symmetry",
        POWER.at_most(2, 0.02),
        about=SYM_OVER,
        given=(*STABLE, gone(1.5), burnt_in(20)),
        control=SYM_EXACT,
    ),
    derived(
        "sym-over/constant",
        r"symmetric, $k>r$: $(2\eta T)^2e_T\to k-r$, whatever $\alpha,\sigma,\kappa,n$, seed",
        TO_EXCESS.equals(1, 0.03),
        about=SYM_OVER,
        given=(*STABLE, gone(1.5), burnt_in(200)),
        control=ASYM_OVER,
    ),
    derived(
        "sym-over/curve",
        r"symmetric, $k>r$: $e_t=\sum_i(1/s_{0,i}^2+2\eta t)^{-2}$ with $s_0$ from $X_0$",
        recorded(over_curve, "e_t / curve from X_0, last two decades").equals(1, 0.03),
        about=SYM_OVER,
        given=(*STABLE, gone(2), burnt_in(20)),
        control=runs("symmetric_sensing", where="k > r and m <= n**2 / 2"),
    ),
    sharper(
        "asym-exact",
        r"asymmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        SPEED.equals(EXACT, 0.03),
        about=runs("asymmetric", where="k == r"),
        given=("eta <= 0.3", OUTSIDE, LASTS, happened("imbalance <= 0.05 / kappa")),
        control=BLIND,
    ),
    derived(
        "asym/limit",
        r"asymmetric: rate $-2\ln(1-\eta\lambda)$, $\lambda$ the least curvature at the run's limit",
        SPEED.equals(LIMITS, 0.03).in_the_mean(),
        about=runs("asymmetric", "one_step"),
        given=(*STABLE, *LIMIT, settled(1)),
        control=TWIN,
    ),
    hidden(
        "asym-over",
        r"asymmetric, $k>r$, imbalanced start: $e_T=\exp(-\Omega(\alpha^2T))$",
        (SPEED / PAPERS).at_least(OMEGA),
        about=ASYM_OVER,
        given=(*STABLE, LASTS, IMBALANCED, nats(TAIL)),
        control=TWIN,
    ),
    derived(
        "asym-over/rate",
        r"rate $-2\ln(1-\eta\min_i|\lambda_i(W^TD_0W)|)$, the start's imbalance",
        SPEED.equals(TAIL, 0.05),
        about=ASYM_OVER,
        given=START_SETS,
        control=ONE_STEP,
        remark="the mean of that with W the null space of F's signal rows, and of G's",
    ),
    derived(
        "asym-over/slope",
        r"asymmetric, $k>r$: the rate scales as $\alpha^2$, the curse of initialisation",
        SPEED.scaling("alpha", 2).equals(1, 0.04).in_the_mean(),
        about=ASYM_OVER,
        given=START_SETS,
        control=ONE_STEP,
    ),
    sharper(
        "one-step",
        r"after one modified step: rate $-2\ln(1-\eta\min(\beta^2,\sigma_r^2/\beta^2))$",
        SPEED.equals(MODIFIED, 0.08),
        about=ONE_STEP,
        given=(
            *STABLE,
            "k < n1 and r < n2",
            "trigger <= min(balance, 1 / balance) / 10",
            *STEP_TAKEN,
        ),
        control=ASYM_OVER,
    ),
    step_recalled(
        "one-step/alpha",
        r"after one modified step the rate is independent of $\alpha$",
        SPEED.spread("alpha").at_most(1, 0.1),
        about=ONE_STEP,
        given=(*STABLE, *STEP_TAKEN),
        control=ASYM_OVER,
    ),
    hidden(
        "sym-exact/sensing",
        r"symmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        (PACE / EXACT).at_least(OMEGA),
        about=SYM_EXACT_M,
        given=(*SENSED, LASTS_AT_BOUND),
        control=SYM_M,
    ),
    stated(
        "sym-over/sensing",
        r"symmetric, $k>r$, $m$ measurements: $e_T\geq\Omega(1/T^2)$",
        POWER.at_most(2, 0.02).in_the_mean(),
        about=SYM_M,
        given=(*SENSED, gone(1.5), burnt_in(20)),
        control=SYM_EXACT_M,
    ),
    derived(
        "sym-over/sensing-constant",
        r"finite $m$ only inflates $(2\eta T)^2e_T$ above $k-r$",
        TO_EXCESS.at_least(1, 0.03),
        about=SYM_M,
        given=(*SENSED, gone(1.5), burnt_in(200)),
        control=ASYM_M,
    ),
    hidden(
        "asym-exact/sensing",
        r"asymmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        (PACE / EXACT).at_least(OMEGA),
        about=runs("asymmetric_sensing", where="k == r"),
        given=(*SENSED, LASTS_AT_BOUND),
        control=BLIND,
    ),
    hidden(
        "asym-over/sensing",
        r"asymmetric, $k>r$, $m$ measurements: $e_T=\exp(-\Omega(\alpha^2T))$",
        (PACE / PAPERS).at_least(OMEGA),
        about=ASYM_M,
        given=(*SENSED, LASTS, IMBALANCED, nats(TAIL)),
        control=TWIN,
    ),
    derived(
        "asym/sensing-limit",
        r"$m$ measurements: rate $-2\ln(1-\eta\lambda)$, $\lambda$ of the run's own $A^*A$",
        SPEED.equals(LIMITS, 0.2).in_the_mean(),
        about=runs("asymmetric_sensing", "one_step_sensing"),
        given=(*SENSED, *LIMIT, settled(7)),
        control=TWIN,
    ),
    derived(
        "asym-over/sensing-slope",
        r"with $m$ measurements the rate still scales as $\alpha^2$",
        SPEED.scaling("alpha", 2).equals(1, 0.1).in_the_mean(),
        about=ASYM_M,
        given=(*SENSED, LASTS, IMBALANCED, NEAR, nats(LIMITS), settled(10)),
        control=ONE_STEP_M,
    ),
    step_recalled(
        "one-step/sensing",
        r"with $m$ measurements the rate after the modified step is independent of $\alpha$",
        SPEED.spread("alpha").at_most(1, 0.1).in_the_mean(),
        about=ONE_STEP_M,
        given=(*SENSED, *STEP_TAKEN),
        control=ASYM_M,
    ),
)
study = paper(
    "How over-parameterization slows down gradient descent in matrix sensing",
    "Xiong, Ding, Du, ICLR 2024, arXiv 2310.01769",
    cite="xiong2024",
    sweeps=sweeps,
    claims=claims,
)
