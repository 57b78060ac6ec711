"""What `attention_svm` runs: trials of one lane of one instance, host stages, and the grids."""

from contextlib import suppress
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from matsense.errors import Excluded, Infeasible
from matsense.loops import advance
from matsense.problems.attention import Attention, draw, permuted, random_choice, without
from matsense.references.attention import nuclear_svm, svm, token_sets, traps
from matsense.solver import Solver
from matsense.solvers.attention.autodiff import attention_autodiff
from matsense.solvers.attention.gd import attention_gd
from matsense.solvers.attention.key_query import KeyQuery, attention_kq_gd, attention_kq_ngd
from matsense.solvers.attention.max_margin import max_margin_direction
from matsense.solvers.attention.ngd import attention_ngd
from matsense.solvers.attention.paths import into_ball, path_kq, path_w, relative_gap
from matsense.solvers.attention.polyak import attention_polyak
from matsense.theory import attention as theory
from matsense.theory.attention import misalignment
from sims.study import sweep, trace
from sims.study.ranges import Fits, Ranges, Rule, one_of, real, switch, whole

Seen = dict[str, Array]
Stored = dict[str, Any]

# Steps towards a token choice's direction: known to about 1e-2 radians, and to 1e-3 for a start.
NEAR, CLOSE = 1000, 4000
# Norms of the W that the landscape is sampled at, and directions at each: the softmax is nearly
# uniform at the first norm, and one token's mass beyond the range of doubles at the last.
NORMS, SAMPLES = (0.01, 1.0, 10.0, 100.0, 1e3, 1e4), 16
# The lag of inputs of which there are none: a stored infinity would read as a diverged run.
FARTHEST = 1e6
# Largest 1 - corr of W and W_a at which a run is said to keep the direction that it started in.
SAME = 0.01


def descend(instance: Attention, solver: Solver, start: Any, steps: int, **how: Any) -> Seen:
    """W = K Q^T, or W itself, and the token that each input attends to most, along a descent."""

    def matrix(state: Any) -> Array:
        return state.W if isinstance(state, KeyQuery) else state

    record = {"W": matrix, "kept": lambda state: instance.kept(matrix(state))}
    return trace(solver.step, start, steps, record, **{"per_decade": 12, **how})


def on_w(
    instance: Attention, key: Any, eta: Array, steps: int, solver: Any, first: Any = None
) -> Seen:
    """A descent on W from 0, seen all along, or with `first` after that many steps and at last."""
    ticks = None if first is None else np.array([first, steps])
    return descend(instance, solver(instance, eta), instance.zero, steps, ticks=ticks)


def single(instance: Attention, key: Any, eta: Array, steps: int) -> Seen:
    """NGD from 0 by automatic differentiation, in float32 (control)."""
    instance, eta = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (instance, eta))
    return on_w(instance, key, eta, steps, attention_autodiff)


def polyak(instance: Attention, key: Any, longest: Array, steps: int) -> Seen:
    """GD on W from 0 with Polyak's step, at most `longest`."""
    return descend(instance, attention_polyak(instance, longest), instance.zero, steps)


def anywhere(instance: Attention, key: Any, eta: Array, steps: int) -> Seen:
    """NGD from a Gaussian W, whose part orthogonal to all constraints stays (control)."""
    start = jax.random.normal(key, instance.zero.shape)
    return descend(instance, attention_ngd(instance, eta), start, steps)


def landscape(instance: Attention, key: Any, eta: Array, steps: int) -> Seen:
    """Directions of grad L at the iterates of NGD from 0, and at random W of all norms."""
    solver, d = attention_ngd(instance, eta), instance.X.shape[2]
    down = lambda W: -instance.gradient(W).direction  # noqa: E731
    W = jax.random.normal(key, (len(NORMS), SAMPLES, d, d))
    W = W / jnp.linalg.norm(W, axis=(2, 3), keepdims=True) * jnp.array(NORMS)[:, None, None, None]
    seen = trace(solver.step, instance.zero, steps, {"iterates": down}, per_decade=12)
    return {**seen, "samples": jax.vmap(down)(W.reshape(-1, d, d))}


def start(
    instance: Attention, key: Any, choice: Array, depth: Array, eta: Array, steps: int
) -> Seen:
    """NGD started far out, smallest margin `depth`, along W_a of a token choice."""
    # The best tokens first; in the other choices each input keeps its best with probability 0.7.
    share = jnp.where(choice == 0, 1.0, 0.7)
    chosen = random_choice(instance, jax.random.fold_in(key, choice), share)
    W = depth * max_margin_direction(instance, chosen, CLOSE)
    return {"chosen": chosen, **descend(instance, attention_ngd(instance, eta), W, steps)}


def trap(instance: Attention, key: Any, left: Array, depth: Array, eta: Array, steps: int) -> Seen:
    """NGD started far out, smallest margin `depth`, along W_S: S all inputs but one, `left`."""
    others = without(instance, left)
    W = depth * max_margin_direction(others, others.best, CLOSE)
    return descend(instance, attention_ngd(instance, eta), W, steps)


def choose(instance: Attention, key: Any, choice: Array) -> Seen:
    """No descent: a token choice drawn uniformly."""
    return {"chosen": random_choice(instance, jax.random.fold_in(key, choice), 0.0)}


def nothing(instance: Attention, key: Any) -> Seen:
    """No descent: the host stage solves for the best tokens."""
    return {}


def path_of_w(instance: Attention, key: Any, kappa: Array, steps: int) -> Seen:
    """The point of the Frobenius regularisation path at B = kappa ||W_mm||, from near W_mm."""
    near = max_margin_direction(instance, instance.best, NEAR)
    B = kappa * jnp.linalg.norm(near)
    solver = path_w(instance, B)
    W = advance(solver, solver.init(kappa * near), steps).x
    return {"W": W, "B": B, "gap": relative_gap(instance, W, B, nuclear=False)}


def path_of_kq(instance: Attention, key: Any, kappa: Array, m: int, steps: int) -> Seen:
    """The point of the (K, Q) path at B = kappa times about the nuclear optimum."""
    # It starts from the Frobenius direction made full rank: not near the solution.
    U, sigma, Vt = jnp.linalg.svd(max_margin_direction(instance, instance.best, NEAR))
    B, root = kappa * jnp.sum(sigma), jnp.sqrt(sigma + 0.1 * sigma[0])[:m]
    wide = KeyQuery(1e6 * U[:, :m] * root[None], 1e6 * Vt[:m].T * root[None])
    solver = path_kq(instance, B)
    state = solver.init(into_ball(wide, 2.0 * B))
    W = advance(solver, state, steps).x.W
    return {"W": W, "B": B, "gap": relative_gap(instance, W, B, nuclear=True)}


def factored(instance: Attention, key: Any, eta: Array, m: int, steps: int, solver: Any) -> Seen:
    """Descent on (K, Q) from small Gaussian factors: an observation, the theory has no claim."""
    d = instance.X.shape[2]
    state = KeyQuery(*(0.1 * jax.random.normal(key, (2, d, m)) / jnp.sqrt(d)))
    return descend(instance, solver(instance, eta), state, steps)


def relu(instance: Attention, key: Any, eta: Array, steps: int) -> Seen:
    """Plain GD with a ReLU head; the softmax is looked at half-way and at the end."""
    record = {"W": lambda W: W, "s": lambda W: instance.saturation(W).s}
    ticks = np.array([steps // 2, steps])
    return trace(attention_gd(instance, eta).step, instance.zero, steps, record, ticks=ticks)


def arrays(instance: Attention) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, queries and the best token of every input."""
    X, z, scores = map(np.asarray, (instance.X, instance.z, instance.scores))
    return X, z, np.argmax(scores, axis=1)


def solved(instance: Attention, choice: Any = None, solve: Any = svm.frobenius) -> svm.Solution:
    """The certified solution of a token choice, by default the best; or the run is excluded."""
    X, z, best = arrays(instance)
    return svm.remembered(solve, X, z, best if choice is None else choice)


def chosen_by(instance: Attention, choice: np.ndarray) -> tuple[svm.Solution, Stored]:
    """W_a of a choice; whether that is the best one, and whether it is locally optimal."""
    found, scores = solved(instance, choice), np.asarray(instance.scores)
    is_best = np.all(choice == np.argmax(scores, axis=1))
    local = svm.locally_optimal(found, scores, choice)
    return found, {"best": is_best, "local": local, "gap": found.gap}


def to_both(instance: Attention, W: np.ndarray, choice: Any = None) -> Stored:
    """Distances to both max-margin solutions of a choice, by default the best, and their own."""
    two, one = (solved(instance, choice, solve) for solve in (svm.frobenius, nuclear_svm.nuclear))
    own = {"apart": misalignment(one.W, two.W), "reference_gap": max(two.gap, one.gap)}
    return {"to_frobenius": misalignment(W, two.W), "to_nuclear": misalignment(W, one.W), **own}


def descent(instance: Attention, found: Stored) -> Stored:
    """Distances to W_a of the choice that the run ends at and to W_mm, from the first step on."""
    own, stored = chosen_by(instance, found["kept"][-1])
    W = found["W"][1:].astype(float)
    stored |= {
        "t": found["t"][1:],
        "norm": np.linalg.norm(W, axis=(1, 2)),
        "misalignment": misalignment(W, own.W),
        "unit_norm": own.norm,
        "rank": np.linalg.matrix_rank(W[-1], rtol=svm.RANK),
    }
    with suppress(Infeasible):  # the run's own choice is feasible, the best one may not be
        stored["to_best"] = misalignment(W, solved(instance).W)
    return stored


def permuted_descent(instance: Attention, found: Stored) -> Stored:
    """What `descent` stores, judged by labels that were moved on after training (control)."""
    return descent(permuted(instance), found)


def trajectory(instance: Attention, found: Stored) -> Stored:
    """`descent`, and all that a picture of W(t) z_i needs; infeasible instances are excluded."""
    X, z, best = arrays(instance)
    own = {"X": X, "z": z, "chosen": best, "W": found["W"][1:], "W_mm": solved(instance).W}
    return {**descent(instance, found), **own}


def equal_descent(instance: Attention, found: Stored) -> Stored:
    """`descent`, whether the instance has a trap, and where the run stands to its own.

    `lag` is that of the set of inputs that leaves the others furthest behind, `undecided` the least
    number of nats by which any set's fate is decided at the run's last norm; the same of S alone,
    if the run ends at the best tokens of inputs S and no others.
    """
    X, z, best = arrays(instance)
    stored, (zeroth, first, *_, W) = descent(instance, found), found["W"]
    stored["first_margin"] = theory.first_step_margin(X, z, best, first - zeroth)
    sets = traps.every(X, z, best)
    norm = float(np.linalg.norm(W))
    stored["lag"] = max((S.lag for S in sets), default=-FARTHEST)
    stored["undecided"] = min((S.undecided(norm) for S in sets), default=FARTHEST)
    inside = found["kept"][-1] == best
    if inside.any() and not inside.all():
        S = traps.left_behind(X, z, best, inside)
        stored["to_left"] = misalignment(found["W"][1:], S.solution.W)
        stored |= {"own_lag": S.lag, "own_undecided": S.undecided(norm)}
    return stored


def trapped(instance: Attention, found: Stored, left: int, depth: float) -> Stored:
    """Whether a run started along W_S, S all inputs but `left`, ends at all best tokens."""
    X, z, best = arrays(instance)
    S = traps.left_behind(X, z, best, np.arange(len(best)) != left)
    if S.lag <= -1:
        raise Excluded("not left behind: the input is selected along with the others")
    if S.undecided(depth * S.solution.norm) < theory.FAR_OUT:
        raise Excluded("not far out: the lag is nearly 1")
    to_left = misalignment(found["W"], S.solution.W)
    reached, start_norm = np.all(found["kept"][-1] == best), np.linalg.norm(found["W"][0])
    stored = {"best": reached, "own_lag": S.lag, "start_norm": start_norm, "off": to_left[0]}
    return {**stored, "t": found["t"], "to_left": to_left, "gap": S.solution.gap}


def downhill(instance: Attention, found: Stored) -> Stored:
    """cos(-grad L(W), W_mm) at every W that was looked at, and the least that is derived for it."""
    target = solved(instance)
    bound = theory.descent_cosine(*arrays(instance), target.norm)
    seen = {name: theory.cosine(found[name], target.W) for name in ("iterates", "samples")}
    return {"t": found["t"], **seen, "bound": bound, "gap": target.gap}


def looks(instance: Attention, found: Stored) -> Stored:
    """Whether the choice is the best and whether it is locally optimal, at both looks."""
    seen = [chosen_by(instance, kept)[1] for kept in found["kept"]]
    stored = {name: np.array([look[name] for look in seen]) for name in seen[0]}
    return {**stored, "t": found["t"], "norm": np.linalg.norm(found["W"], axis=(1, 2))}


def started(instance: Attention, found: Stored, depth: float) -> Stored:
    """Whether the chosen direction was locally optimal, and whether the run stayed with it.

    `stays`: with its tokens, at each tick; `remains`: with tokens and direction at the end (a run
    may leave the direction and keep the tokens).
    """
    chosen = found["chosen"]
    own, stored = chosen_by(instance, chosen)
    room = svm.clearance(own, np.asarray(instance.scores), chosen)
    if stored["local"] and not theory.far_out(depth, room):
        raise Excluded("not far out: a better token is nearly a support token")
    stays = (found["kept"] == chosen).all(axis=1)
    off, end = misalignment(found["W"][[0, -1]], own.W)
    stored |= {"t": found["t"], "stays": stays, "remains": stays[-1] and end <= SAME}
    return {**stored, "off": off, "start_norm": np.linalg.norm(found["W"][0])}


def feasibility(instance: Attention, found: Stored) -> Stored:
    """Whether the chosen tokens can be separated: here infeasible is the datum."""
    try:
        return {"feasible": True, "gap": solved(instance, found["chosen"]).gap}
    except Infeasible:
        return {"feasible": False, "gap": 0.0}


def ranks(instance: Attention, found: Stored, schatten: int) -> Stored:
    """Rank and gap of the solution for the best tokens in the Schatten-1 or -2 norm."""
    own = solved(instance, None, {1: nuclear_svm.nuclear, 2: svm.frobenius}[schatten])
    return {"rank": own.rank, "gap": own.gap}


def path(instance: Attention, found: Stored) -> Stored:
    """A point of a regularisation path, its own gap, and distances to both solutions."""
    W, B, gap = (found[name] for name in ("W", "B", "gap"))
    return {**to_both(instance, W), "fills": np.linalg.norm(W, "nuc") / B, "gap": gap}


def key_query(instance: Attention, found: Stored) -> Stored:
    """Distances of K Q^T to both solutions of the choice that the run ends at."""
    t, W = found["t"][1:], found["W"][1:]
    return {"t": t, **to_both(instance, W, found["kept"][-1])}


def sets_of_tokens(instance: Attention, found: Stored, sets: int) -> Stored:
    """W against W_mm, W_svm, W_fin + C W_svm; with sets = 0 of the arg-max token of each input."""
    X, z, _ = arrays(instance)
    (earlier, s), W = found["s"], found["W"][-1]
    kept = theory.kept_sets(s, earlier)  # or the run is excluded
    several = np.sum(kept.sum(axis=1) > 1)
    if not sets:
        kept = s == s.max(axis=1, keepdims=True)
    own, fin = token_sets.generalised(X, z, kept), token_sets.finite_part(X, z, s, kept)
    C = max(np.sum((W - fin) * own.W) / own.norm**2, 0.0)
    laws = {"to_best": solved(instance).W, "to_svm": own.W, "to_law": fin + C * own.W}
    to = {name: misalignment(W, law) for name, law in laws.items()}
    return {**to, "t": found["t"], "several": several, "gap": own.gap}


# The grids; `permuted`, `anywhere` and `autograd` are controls.

length = partial(real, least=1e-100, most=1e100, why="norms that grow by it are squared")
RANGES: Ranges = {
    "T": whole("the number of tokens of an input, of which one is chosen,", 2),
    "tokens": one_of("the law of the tokens", ("sphere", "gaussian")),
    "eta": length("a step size"),
    "longest": length("the longest step"),
    "depth": length("the smallest margin of a start"),
    "kappa": real("a norm in units of ||W_mm||", 1e-100, 500, why="exp(-kappa) is a number"),
    "schatten": whole("the Schatten norm", 1, 2, "nuclear or Frobenius"),
    "sets": switch("asking for sets of kept tokens"),
    "equal": switch("equal scores"),
    "choice": whole("the number of a choice", 0, 2**32 - 1, "it is folded into a key"),
}
FEW: Ranges = {**RANGES, "n": whole("the number of inputs", 1, 10, "2^n sets are tried as traps")}
SEVERAL: Ranges = {
    **RANGES,
    "n": whole("the number of inputs", 2, why="one is left out of several"),
}
RULES = (
    Rule("K and Q have at most d columns, m <= d", lambda m, d: m <= d),
    Rule("the first look is not the last, first <= steps", lambda first, steps: first <= steps),
    Rule("the input that is left out is one of n, left < n", lambda left, n: left < n),
    Fits("the constraints of a reference, n (T - 1) matrices,", lambda n, T, d: n * (T - 1) * d**2),
)
equal_scores, relu_head = partial(draw, equal=True), partial(draw, head="relu")
# Tiny instances, many to a block, so that each operation is shared.
grid = partial(sweep, ranges=RANGES, rules=RULES, instances_wide=10, lanes_wide=1, quick_seeds=10)
ngd, gd = (partial(on_w, solver=solver) for solver in (attention_ngd, attention_gd))
# The authors' sizes of the convergence experiment, and small ones for long runs and paths.
AUTHORS, SMALL = {"n": 6, "T": 8, "d": 10, "eta": 0.1}, {"n": 3, "T": 4, "d": 6}
KAPPA = {"kappa": (16.0, 32.0, 64.0, 128.0, 256.0)}

sweeps = (
    grid("ngd", draw, ngd, {**AUTHORS, "queries": ("cross", "self"), "steps": 100_000},
         after=descent, seeds=100, instances_wide=25, quick={"queries": "cross"}, quick_seeds=25),
    grid("losses", draw, ngd, {**SMALL, "tokens": ("sphere", "gaussian"), "steps": 30_000,
         "loss": ("logistic", "exponential", "correlation"), "eta": 0.1},
         after=descent, seeds=20, quick={"tokens": "gaussian", "loss": "exponential"}),
    # With 40 seeds the claim on (1 - corr) ||W||^2 was inconclusive on two fresh sets of three;
    # 0.92 of 240 fresh runs comply, for which 100 decide whether 0.8 do. Chosen after that.
    grid("gd", draw, gd, {**SMALL, "steps": 1_000_000, "eta": 3.0}, after=descent, seeds=100,
         instances_wide=20, quick={"steps": 200_000}, quick_seeds=20),
    grid("shares", draw, ngd, {"n": 5, "T": 5, "d": (4, 6, 8, 10, 15, 20, 30), "eta": 0.1,
         "first": 1_500, "steps": 10_000}, after=looks, seeds=100, instances_wide=50,
         quick={"d": (4, 15)}, quick_seeds=50, tiny={"first": 30}),
    grid("equal", equal_scores, ngd, {**AUTHORS, "steps": 10_000}, after=equal_descent, ranges=FEW,
         seeds=1000, instances_wide=50, quick_seeds=100),  # chosen after 200 met no trap
    grid("landscape", draw, landscape, {**AUTHORS, "equal": (1, 0), "steps": 1_000},
         after=downhill, seeds=50, instances_wide=25, quick_seeds=25),
    grid("trap", equal_scores, trap, {**AUTHORS, "left": range(6), "depth": 100.0, "steps": 10_000},
         riding=("left",), after=trapped, ranges=SEVERAL, seeds=50, lanes_wide=6),
    grid("polyak", draw, polyak, {**SMALL, "queries": ("cross", "self"), "longest": 100.0,
         "steps": 10_000}, after=descent, seeds=30, quick={"queries": "cross"}),
    grid("permuted", equal_scores, ngd, {"n": 10, "T": 5, "d": (10, 20, 40), "eta": 0.1,
         "steps": 3_000}, after=permuted_descent, seeds=200, instances_wide=30,
         quick={"d": (10, 20)}, quick_seeds=30),
    grid("anywhere", draw, anywhere, {**AUTHORS, "steps": 3_000}, after=descent, seeds=20,
         instances_wide=20, quick_seeds=20),
    grid("autograd", draw, single, {**AUTHORS, "steps": 30_000}, after=descent, seeds=50,
         instances_wide=25, quick={"steps": 10_000}, quick_seeds=25),
    grid("published", draw, partial(on_w, solver=attention_autodiff), {**AUTHORS,
         "steps": 100_000}, after=descent, seeds=25, instances_wide=25, quick={"steps": 10_000}),
    grid("start", draw, start, {**AUTHORS, "choice": range(16), "depth": 100.0, "steps": 10_000},
         riding=("choice",), after=started, seeds=30, lanes_wide=16, quick={"choice": range(8)}),
    grid("path_w", draw, path_of_w, {**SMALL, **KAPPA, "steps": 4_000}, after=path, seeds=100,
         lanes_wide=5, quick={"kappa": (64.0, 128.0, 256.0)}),
    grid("path_kq", draw, path_of_kq, {**SMALL, **KAPPA, "m": (3, 6), "steps": 64_000}, after=path,
         seeds=100, lanes_wide=5, quick={"kappa": (64.0, 128.0, 256.0), "m": 6, "steps": 16_000}),
    grid("kq", draw, partial(factored, solver=attention_kq_ngd), {**SMALL, "m": 6, "eta": 0.1,
         "steps": 10_000}, after=key_query, seeds=30),
    # No claim is about it, and its compilation would be felt.
    grid("kq_gd", draw, partial(factored, solver=attention_kq_gd), {**SMALL, "m": 6, "eta": 1.0,
         "steps": 100_000}, after=key_query, seeds=30, quick_seeds=0),
    grid("svm", draw, nothing, {"n": (3, 6, 10), "T": 8, "d": (10, 20), "schatten": (1, 2)},
         riding=("schatten",), after=ranks, seeds=20, lanes_wide=2, quick={"n": 6, "d": 10}),
    grid("feasible", draw, choose, {"n": (4, 8), "T": (4, 9), "d": (2, 3, 4, 6, 8, 10),
         "tokens": "gaussian", "choice": range(8)}, riding=("choice",), after=feasibility,
         lanes_wide=8, quick={"d": (2, 8), "n": 8, "T": 9}),
    grid("nonlinear", relu_head, relu, {"n": 3, "T": 4, "d": (4, 6, 8, 10), "sets": (1, 0),
         "eta": 1.0, "steps": 100_000}, riding=("sets",), after=sets_of_tokens, seeds=60,
         instances_wide=20, lanes_wide=2, quick={"d": 8}, quick_seeds=20),
    grid("plane", draw, ngd, {"n": 2, "T": 3, "d": 2, "eta": 0.1, "steps": 20_000},
         after=trajectory),
)  # fmt: skip
