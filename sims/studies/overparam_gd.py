"""How over-parameterization slows down gradient descent in matrix sensing, [xiong2024].

Problem: recover Sigma (rank r, sigma_1 = 1, condition number kappa) from A(Sigma), in the
population (A*A = identity) and from m Gaussian measurements.
Algorithms: symmetric GD, asymmetric GD, asymmetric GD with one modified step; search rank k >= r.
Guarantees: the paper's five, stated there up to constants, and the sharper laws derived from the
updates in `matsense.theory.overparam`; each run is held against its own instance and start.
Example: `python -m sims.sweep overparam_gd --set k=3,4 --set alpha=0.3`.
"""

from functools import partial
from typing import Any

import numpy as np
from scipy.stats import gmean

from matsense.factors import gaussian_start, imbalanced_start, padded_width
from matsense.loops import linear_ticks
from matsense.operators import normal_matrix
from matsense.problems import sensing
from matsense.solvers.sensing.asymmetric_gd import asymmetric_gd
from matsense.solvers.sensing.one_step_gd import one_step_gd
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory import overparam as theory
from sims.study import (
    along,
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
    traces,
)
from sims.study.ranges import Fits, whole


def symmetric(problem: Any, key: Any, k: Any, alpha: Any, eta: Any, steps: int, width: int) -> Any:
    """Symmetric GD from alpha times a Gaussian, with the null-space block that law 1 is about."""
    U, descent = problem.truth.U, symmetric_gd(problem, eta)
    record = {
        "squared_error": lambda X: problem.squared_error(X, X),
        "null_block": lambda X: theory.null_block(X, U, k),
    }
    return trace(descent.step, gaussian_start(key, len(U), k, width, alpha), steps, record)


def asymmetric(
    problem: Any, key: Any, k: Any, alpha: Any, eta: Any, steps: int, width: int,
    balance: Any = None, trigger: Any = None, twin: bool = False,
) -> Any:  # fmt: skip
    """Asymmetric GD from the paper's imbalanced start, or from F_0 = G_0 (control); with a
    `balance` the modified step, beta^2 = balance * sigma_r, at a residual of trigger * sigma_r.
    """
    U, sigma, V = problem.truth.U, problem.truth.sigma, problem.truth.V
    X = gaussian_start(key, len(U), k, width, alpha)
    start = (X, X) if twin else imbalanced_start(key, (len(U), len(V)), k, width, alpha)
    solver: Any = asymmetric_gd(problem, eta)
    if balance is not None:
        solver = one_step_gd(problem, eta, k, balance * sigma[-1], trigger * sigma[-1])

    def last(state: Any) -> Any:
        at = {} if balance is None else {"switched_at": state.switched_at}
        return state.factors._asdict() | theory.imbalances(start, state.factors, U, V, k) | at

    # Every 5th step early, where k = r converges, and every 50th to the end.
    ticks = np.union1d(linear_ticks(min(steps, 1500), 5), linear_ticks(steps, 50))
    record = {"squared_error": lambda state: problem.squared_error(*state.factors)}
    return trace(solver.step, solver.init(*start), steps, record, ticks=ticks, last=last)


def with_limit(problem: Any, found: Any, k: int, r: int, eta: float) -> Any:
    """In place of the last factors, what they say of the limit that they are near."""
    F, G = found.pop("F")[:, :k], found.pop("G")[:, :k]
    truth, normal = problem.truth, normal_matrix(problem.operator)
    Sigma = np.asarray((truth.U * truth.sigma) @ truth.V.T)
    since = np.maximum(found["t"] - np.maximum(found.get("switched_at", 0), 0), 0.0)
    return found | theory.approach(eta, theory.limit_curvatures(F, G, Sigma, r, normal), since)


grid = partial(
    sweep,
    riding=("k",),
    rules=(
        *("k >= r", "k <= n", "k <= min(n1, n2)", "kappa >= 1", "kappa == 1 or r >= 2"),
        Fits("a matrix", lambda n: n * n),
        Fits("a matrix", lambda n1, n2: n1 * n2),
        Fits("the operator", lambda m, n, steps: sensing.entries(m, n * (n + 1) // 2, steps)),
        Fits("the operator", lambda m, n1, n2, steps: sensing.entries(m, n1 * n2, steps)),
    ),
)
alone = partial(grid, instances_wide=1)  # an operator stays in cache while its lanes use it
BASE = dict(r=3, kappa=1.0, eta=0.1, width=padded_width)
SQUARE = dict(BASE, n=50, n1=lambda n: n, n2=lambda n: n, width=lambda k, n: padded_width(k, n, n))
LARGE, SMALL = dict(BASE, n1=50, n2=40, kappa=(1.0, 3.0)), dict(BASE, n1=40, n2=30)
STEP, STEPS = (dict(balance=beta, trigger=0.05) for beta in (1.0, (0.5, 1.0, 2.0)))
SIDE, EACH = whole("the side of a matrix", 2), whole("steps", 1, 10**7, "every 50th is recorded")
PLAIN, DENSE, SIDES = dict(n=SIDE), dict(n=SIDE, steps=EACH), dict(n1=SIDE, n2=SIDE, steps=EACH)
ENDED: dict[str, Any] = dict(after=with_limit, ranges=SIDES)
STARTS, LESS = (0.5, 0.35, 0.25, 0.2), dict(n1=24, n2=20, m=600)
sweeps = (
    grid(
        "symmetric", sensing.square, symmetric, ranges=PLAIN,
        axes=dict(SQUARE, kappa=(1.0, 3.0), k=(3, 4, 5, 8), alpha=(0.5, 0.2, 0.1), steps=300_000),
        quick=dict(kappa=1.0, alpha=(0.5, 0.2), steps=30_000),
    ),
    grid(
        "asymmetric", sensing.rectangle, asymmetric, **ENDED, lanes_wide=16, quick=dict(kappa=1.0),
        axes=dict(LARGE, k=(3, 4, 5), alpha=(0.5, 0.35, 0.25, 0.15, 0.1), steps=20_000),
    ),
    grid(
        "one_step", sensing.rectangle, asymmetric, **ENDED,
        axes=dict(LARGE, **STEPS, k=(4, 5), alpha=(0.5, 0.35, 0.2, 0.1), steps=3_000),
        quick=dict(kappa=1.0, balance=1.0),
    ),
    alone(
        "symmetric_sensing", sensing.square, symmetric, quick=dict(n=30, m=450), ranges=PLAIN,
        axes=dict(SQUARE, m=(625, 1250, 2500, 12_500), k=(3, 4, 5), alpha=(0.5, 0.2), steps=10_000),
    ),
    alone(
        "asymmetric_sensing", sensing.rectangle, asymmetric, **ENDED, lanes_wide=16, quick=LESS,
        axes=dict(SMALL, m=(750, 1500, 6000), k=(3, 4, 5), alpha=STARTS, steps=10_000),
    ),
    alone(
        "one_step_sensing", sensing.rectangle, asymmetric, **ENDED, quick=LESS,
        axes=dict(SMALL, **STEP, m=1500, k=(4, 5), alpha=(0.5, 0.35, 0.2), steps=3_000),
    ),
    grid(
        "twin_start", sensing.square, partial(asymmetric, twin=True), ranges=DENSE,
        axes=dict(SQUARE, k=(4, 5), alpha=(0.5, 0.35), steps=10_000),
    ),
    alone(
        "symmetrised", sensing.rectangle, asymmetric, ranges=DENSE,
        axes=dict(SQUARE, n=30, m=900, k=(3, 4), alpha=(0.5, 0.35), steps=3_000),
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
LEAST = law("least imbalances", theory.least_imbalances)
TAIL = law(
    r"-2\ln(1-\eta\min_i|\lambda_i(W^TD_0W)|)",
    lambda eta, least=LEAST: theory.imbalance_rate(eta, *least),
)
LIMITS = law(  # controls, which have none of linear convergence, are held against k = r
    r"-2\ln(1-\eta\lambda)",
    lambda near_limit=None, limit_rate=0, bare=EXACT: bare if near_limit is None else limit_rate,
)
CURVE = law(
    r"\sum_i(1/s_{0,i}^2+2\eta t)^{-2}",
    lambda t, null_block, eta: theory.null_block_curve(null_block[0], eta, t),
)
# The tick from which a law is sought: the modified step, or eta alpha^2 t = 3 for the tail of
# asymmetric GD with k > r; the data's choice elsewhere, and for controls.
START = law(
    "start",
    lambda k, r, near_limit=None, switched_at=None, u=PAPERS: (
        (near_limit is not None and k > r) * 3 / u if switched_at is None else max(switched_at, 0)
    ),
)
GROWTH = law("steps of the signal's growth", theory.growth_steps)
FLOOR = 1e-24  # squared errors below are rounding (they end near 1e-31), no failure to converge
SPEED, POWER, PACE = (reads("squared_error", START, FLOOR) for reads in (rate, exponent, pace))
SCALED = final("squared_error") / law(r"(k-r)/(2\eta T)^2", "(k - r) / (2 * eta * steps) ** 2")
SLOWEST = law("least singular value", lambda null_block, k, r: min(null_block[0, : k - r]))
OVER_CURVE = law(
    "geometric mean of e_t / curve from X_0 over two decades",
    lambda t, squared_error, curve=CURVE: gmean((squared_error / curve)[t >= t[-1] / 100]),
)

# Steps, starts and measurements; horizons; what must have happened.
STABLE = ("eta <= 0.3", "alpha <= 0.5")
SENSED = (*STABLE, "m >= 1.5 * k * (n1 + n2)")
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
LASTS = lasting(  # a fit needs half of that; the decay sets in more slowly than the laws have it
    "k = r or a modified step: 7 nats after the signal's growth; otherwise eta alpha^2 T >= 6",
    lambda k, r, steps, balance=0, growth=GROWTH, speed=MODIFIED, scale=PAPERS: (
        speed * (steps - growth) >= 7 if k == r or balance else scale * steps >= 6
    ),
)
LASTS_AT_BOUND = lasting(
    "7 nats at the claimed bound after the signal's growth",
    lambda steps, growth=GROWTH, speed=EXACT: OMEGA * speed * (steps - growth) >= 7,
)
TRIGGERED = happened("a modified step, if any, is taken", lambda switched_at=0: switched_at >= 0)
IMBALANCED = happened(
    "D_0 >= alpha^2 / 4 on the null space of the signal rows, F's and G's",
    lambda null_of_F, null_of_G, alpha: np.min([null_of_F, null_of_G]) >= alpha**2 / 4,
)
DEFINITE = happened(
    "D_0 is definite on the null spaces of F's and of G's signal rows, alike to 5%",
    lambda least=LEAST: np.max(least) <= 1.05 * np.min(least),
)
NEAR = happened(
    "near a limit: ||F G^T - Sigma||_2 <= 0.1 s^2, s the (k + r)th singular value of its factors",
    "near_limit > 0",
)


def _power_law(decades: float, burn_ins: int) -> Any:
    """The signal is nothing beside it early enough, and the slowest null direction sets in."""
    gone = lasting(
        f"the signal has grown and then fallen by 15 nats {decades:g} decades before the end",
        lambda steps, growth=GROWTH, speed=EXACT: growth + 15 / speed <= steps / 10**decades,
    )
    return gone, lasting(
        f"T >= {burn_ins} / (2 eta s^2), s the least singular value of X_0 on the null space",
        lambda eta, steps, s=SLOWEST: 2 * eta * s**2 * steps >= burn_ins,
    )


def _nats(speed: Any) -> Any:
    return lasting(
        f"7 nats at the rate {speed.formula} where it is fitted",
        lambda near_limit, steps, start=START, speed=speed: speed * (steps - start) >= 7,
    )


def _settled(percent: float) -> Any:
    """By the run's own curvatures; a third of a rate's tolerance. The slope through four alphas
    between 0.5 and 0.2 moves by 0.44 of the deviation of the least: twice half its tolerance.
    """
    return happened(
        f"at the middle of the fit faster modes of the limit add {percent:g}% to the rate at most",
        lambda t, squared_error, settled=0.0, start=START: (
            np.interp((start + t[squared_error > FLOOR].max(initial=0)) / 2, t, settled + 0 * t)
            >= 1 / (1 + percent / 100)
        ),
    )


LIMIT = (SLOWER, SHORT_STEP, LASTS, TRIGGERED, NEAR, _nats(LIMITS))
START_SETS = (*STABLE, SLOWER, LASTS, DEFINITE, _nats(TAIL), NEAR, _settled(1))
STEP_TAKEN = (SHORT_STEP, "trigger <= 0.05", LASTS, TRIGGERED, _nats(MODIFIED))
SQUARE_STEP = ("k < n1 and r < n2", "trigger <= min(balance, 1 / balance) / 10")

FROM_UPDATES = "derived from the updates: matsense.theory.overparam"
derived = partial(claim, source="derived", cite=FROM_UPDATES)
sharper = partial(derived, cite=f"{FROM_UPDATES}; xiong2024, abstract, has the order")
stated = partial(claim, source="abstract", cite="xiong2024, abstract")
hidden = partial(stated, cite="xiong2024, abstract; the constant in its Omega is ours")
step_recalled = partial(stated, cite="xiong2024, abstract; the form of the step is recalled")
SYM, ASYM, SYM_M, ASYM_M = (
    {sign: runs(name, where=f"k {sign} r") for sign in ("==", ">")}
    for name in ("symmetric", "asymmetric", "symmetric_sensing", "asymmetric_sensing")
)
FORGETS = "the modified step, which forgets the start"
ONE_STEP, ONE_STEP_M = runs("one_step", words=FORGETS), runs("one_step_sensing", words=FORGETS)
TWIN = runs("twin_start", words="F_0 = G_0, no imbalance")
BLIND = runs("symmetrised", words="symmetrised A_i, blind to the antisymmetric part")
claims = (
    sharper(
        "sym-exact", r"symmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        SPEED.equals(EXACT, 0.03), given=(*STABLE, "r < min(n1, n2)", LASTS),
        about=SYM["=="], control=SYM[">"],
    ),
    stated(
        "sym-over", r"symmetric, $k>r$: $e_T\geq\Omega(1/T^2)$, the curse of symmetry",
        POWER.at_most(2, 0.02), given=(*STABLE, *_power_law(1.5, 20)),
        about=SYM[">"], control=SYM["=="],
    ),
    derived(
        "sym-over/constant", r"symmetric, $k>r$: $(2\eta T)^2e_T\to k-r$, whatever the start",
        SCALED.equals(1, 0.03), given=(*STABLE, *_power_law(1.5, 200)),
        about=SYM[">"], control=ASYM[">"],
    ),
    derived(
        "sym-over/curve", r"$k>r$: $e_t=\sum_i(1/s_{0,i}^2+2\eta t)^{-2}$ with $s_0$ from $X_0$",
        recorded(OVER_CURVE).equals(1, 0.03), given=(*STABLE, *_power_law(2, 20)),
        about=SYM[">"], control=runs("symmetric_sensing", where="k > r and m <= n**2 / 2"),
    ),
    sharper(
        "asym-exact", r"asymmetric, $k=r$: $e_T=\exp(-\Omega(T))$; rate $-2\ln(1-\eta\sigma_r)$",
        SPEED.equals(EXACT, 0.03), about=ASYM["=="], control=BLIND,
        given=("eta <= 0.3", "r < min(n1, n2)", LASTS, happened("imbalance <= 0.05 / kappa")),
    ),
    derived(
        "asym/limit", r"rate $-2\ln(1-\eta\lambda)$, $\lambda$ the curvature at the run's limit",
        SPEED.equals(LIMITS, 0.03).in_the_mean(), given=(*STABLE, *LIMIT, _settled(1)),
        about=runs("asymmetric", "one_step"), control=TWIN,
    ),
    hidden(
        "asym-over", r"asymmetric, $k>r$, imbalanced start: $e_T=\exp(-\Omega(\alpha^2T))$",
        (SPEED / PAPERS).at_least(OMEGA), given=(*STABLE, LASTS, IMBALANCED, _nats(TAIL)),
        about=ASYM[">"], control=TWIN,
    ),
    derived(
        "asym-over/rate", r"rate $-2\ln(1-\eta\min_i|\lambda_i(W^TD_0W)|)$, the start's imbalance",
        SPEED.equals(TAIL, 0.05), given=START_SETS, about=ASYM[">"], control=ONE_STEP,
        remark="the mean of that with W the null space of F's signal rows, and of G's",
    ),
    derived(
        "asym-over/slope", r"$k>r$: the rate scales as $\alpha^2$, the curse of initialisation",
        SPEED.scaling("alpha", 2).equals(1, 0.04).in_the_mean(), given=START_SETS,
        about=ASYM[">"], control=ONE_STEP,
    ),
    sharper(
        "one-step", r"one modified step: rate $-2\ln(1-\eta\min(\beta^2,\sigma_r^2/\beta^2))$",
        SPEED.equals(MODIFIED, 0.08), given=(*STABLE, *SQUARE_STEP, *STEP_TAKEN),
        about=ONE_STEP, control=ASYM[">"],
    ),
    step_recalled(
        "one-step/alpha", r"after one modified step the rate is independent of $\alpha$",
        SPEED.spread("alpha").at_most(1, 0.1), given=(*STABLE, *STEP_TAKEN),
        about=ONE_STEP, control=ASYM[">"],
    ),
    hidden(
        "sym-exact/sensing", r"symmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        (PACE / EXACT).at_least(OMEGA), given=(*SENSED, LASTS_AT_BOUND),
        about=SYM_M["=="], control=SYM_M[">"],
    ),
    stated(
        "sym-over/sensing", r"symmetric, $k>r$, $m$ measurements: $e_T\geq\Omega(1/T^2)$",
        POWER.at_most(2, 0.02).in_the_mean(), given=(*SENSED, *_power_law(1.5, 20)),
        about=SYM_M[">"], control=SYM_M["=="],
    ),
    derived(
        "sym-over/sensing-constant", r"finite $m$ only inflates $(2\eta T)^2e_T$ above $k-r$",
        SCALED.at_least(1, 0.03), given=(*SENSED, *_power_law(1.5, 200)),
        about=SYM_M[">"], control=ASYM_M[">"],
    ),
    hidden(
        "asym-exact/sensing", r"asymmetric, $k=r$, $m$ measurements: $e_T=\exp(-\Omega(T))$",
        (PACE / EXACT).at_least(OMEGA), given=(*SENSED, LASTS_AT_BOUND),
        about=ASYM_M["=="], control=BLIND,
    ),
    hidden(
        "asym-over/sensing", r"asymmetric, $k>r$, $m$ measurements: $e_T=\exp(-\Omega(\alpha^2T))$",
        (PACE / PAPERS).at_least(OMEGA), given=(*SENSED, LASTS, IMBALANCED, _nats(TAIL)),
        about=ASYM_M[">"], control=TWIN,
    ),
    derived(
        "asym/sensing-limit", r"$m$ measurements: rate $-2\ln(1-\eta\lambda)$, $\lambda$ of $A^*A$",
        SPEED.equals(LIMITS, 0.2).in_the_mean(), given=(*SENSED, *LIMIT, _settled(7)),
        about=runs("asymmetric_sensing", "one_step_sensing"), control=TWIN,
    ),
    derived(
        "asym-over/sensing-slope", r"$m$ measurements: the rate still scales as $\alpha^2$",
        SPEED.scaling("alpha", 2).equals(1, 0.1).in_the_mean(), about=ASYM_M[">"],
        given=(*SENSED, LASTS, IMBALANCED, NEAR, _nats(LIMITS), _settled(10)), control=ONE_STEP_M,
    ),
    step_recalled(
        "one-step/sensing", r"$m$ measurements, a modified step: rate independent of $\alpha$",
        SPEED.spread("alpha").at_most(1, 0.1).in_the_mean(), given=(*SENSED, *STEP_TAKEN),
        about=ONE_STEP_M, control=ASYM_M[">"],
    ),
)  # fmt: skip

SCALE = law(r"(2\eta t)^2/(k-r)", lambda t, eta, k, r: (2 * eta * t) ** 2 / (k - r))
study = paper(
    "How over-parameterization slows down gradient descent in matrix sensing",
    "Xiong, Ding, Du, ICLR 2024, arXiv 2310.01769",
    cite="xiong2024", sweeps=sweeps, claims=claims, panels=(
        traces(
            law(r"(2\eta t)^2e_t/(k-r)", lambda squared_error, scale=SCALE: squared_error * scale),
            of=runs("symmetric", where="k > r and kappa == 1 and alpha == 0.2"), by="k",
            law=(law("from X_0", lambda curve=CURVE, scale=SCALE: curve * scale), 1.0),
            title="symmetric GD, k > r",
        ),
        along("alpha", SPEED, of=runs("asymmetric", "one_step", where="k == 4 and kappa == 1"),
              by={"GD": runs("asymmetric"), "one step": runs("one_step", where="balance == 1")},
              power=2, law=LIMITS, title="one modified step frees the rate"),
        along("m", SCALED, of=runs("symmetric_sensing", where="k > r and alpha == 0.5"), by="k",
              law=1.0, title="symmetric GD from m measurements"),
        along("m", SPEED / TAIL, of=runs("asymmetric_sensing", where="k > r and alpha == 0.5"),
              by="k", law=lambda m, n2, k, r: theory.finite_sample_factor(n2, k - r, m),
              title="asymmetric GD from m measurements", y="rate / that of the population"),
    ),
)  # fmt: skip
