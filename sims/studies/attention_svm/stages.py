"""Host stages of `attention_svm`: certified references, and what is stored of a run."""

import functools
from typing import Any

import numpy as np

from matsense.errors import Excluded, Infeasible
from matsense.problems.attention import Attention, permuted
from matsense.references import nuclear_svm, svm, token_sets, traps
from matsense.references.svm import Solution
from matsense.theory import attention as theory

Arrays = dict[str, np.ndarray]

# Larger distances are stored as this one: a stored infinity would read as a diverged run.
FARTHEST = 1e6
# Largest 1 - corr of W and W_a at which a run is said to keep the direction that it started in.
SAME_DIRECTION = 0.01


@functools.lru_cache(maxsize=512)
def _solved(kind: str, shape: tuple[int, ...], X: bytes, z: bytes, choice: bytes) -> Solution:
    solve = {"frobenius": svm.frobenius, "nuclear": nuclear_svm.nuclear}[kind]
    return solve(
        np.frombuffer(X).reshape(shape),
        np.frombuffer(z).reshape(shape[0], shape[2]),
        np.frombuffer(choice, dtype=np.int64),
    )


def reference(kind: str, instance: Attention, choice: Any) -> Solution:
    """A certified solution, computed once for all lanes of an instance."""
    choice = np.asarray(choice, dtype=np.int64)
    X, z = np.asarray(instance.X), np.asarray(instance.z)
    return _solved(kind, X.shape, X.tobytes(), z.tobytes(), choice.tobytes())


def best(instance: Attention) -> np.ndarray:
    """The best token of every input."""
    return np.argmax(instance.scores, axis=1)


def judged_choice(instance: Attention, choice: np.ndarray) -> tuple[Solution, float, float]:
    """W_a of a choice; whether the choice is the best one, and whether it is locally optimal."""
    found = reference("frobenius", instance, choice)
    local = svm.locally_optimal(found, np.asarray(instance.scores), choice)
    return found, float((choice == best(instance)).all()), float(local)


def descent(instance: Attention, quantities: Arrays) -> Arrays:
    """Distances to W_a of the choice that the run ends at and to W_mm, from the first step on.

    `first_margin` is positive if the first step separates the best tokens of every input.
    """
    choice = quantities["kept"][-1]
    found, chose_best, local = judged_choice(instance, choice)
    start, *_ = W = quantities["W"].astype(float)
    W = W[1:]
    X, z = np.asarray(instance.X), np.asarray(instance.z)
    stored = {
        "t": quantities["t"][1:],
        "norm": np.linalg.norm(W, axis=(1, 2)),
        "misalignment": np.array([theory.misalignment(one, found.W) for one in W]),
        "unit_norm": np.asarray(found.norm),
        "gap": np.asarray(found.gap),
        "best": np.asarray(chose_best),
        "local": np.asarray(local),
        "rank": np.asarray(np.linalg.matrix_rank(W[-1], rtol=svm.RANK), dtype=float),
        "first_margin": np.asarray(theory.first_step_margin(X, z, best(instance), W[0] - start)),
    }
    try:
        target = reference("frobenius", instance, best(instance))
    except Infeasible:
        return stored  # the run's own choice is feasible, the best one is not
    stored["to_best"] = np.array([theory.misalignment(one, target.W) for one in W])
    return stored


def equal_descent(instance: Attention, quantities: Arrays) -> Arrays:
    """`descent`, whether the instance has a trap, and where the run stands to its own.

    `lag` is that of the set of inputs that leaves the others furthest behind, `undecided` the least
    number of nats by which any set's fate is decided at the norm that the run ends with. Of a run
    that selects the best tokens of some inputs S alone: 1 - corr(W, W_S), the lag of the others
    along W_S and the nats by which that is decided.
    """
    X, z, choice = np.asarray(instance.X), np.asarray(instance.z), best(instance)
    stored = descent(instance, quantities)
    norm = float(stored["norm"][-1])
    sets = traps.every(X, z, choice)
    nats = [traps.undecided(one.lag, norm / one.solution.norm) for one in sets]
    stored["lag"] = np.asarray(max((one.lag for one in sets), default=-FARTHEST))
    stored["undecided"] = np.asarray(min(nats, default=FARTHEST))
    inside = quantities["kept"][-1] == choice
    if inside.any() and not inside.all():
        own = traps.left_behind(X, z, choice, inside)
        stored["to_left"] = np.array(
            [theory.misalignment(one, own.solution.W) for one in quantities["W"][1:]]
        )
        stored["own_lag"] = np.asarray(own.lag)
        stored["own_undecided"] = np.asarray(traps.undecided(own.lag, norm / own.solution.norm))
    return stored


def trapped(instance: Attention, quantities: Arrays, left: int, depth: float) -> Arrays:
    """Whether a run started along W_S, S all inputs but `left`, ends at all best tokens.

    Starts at which the input left out is selected as well, or whose fate is not yet decided at
    this depth, are excluded.
    """
    X, z, choice = np.asarray(instance.X), np.asarray(instance.z), best(instance)
    inside = np.arange(len(choice)) != left
    own = traps.left_behind(X, z, choice, inside)
    if own.lag <= -1:
        raise Excluded("not left behind: the input is selected along with the others")
    if traps.undecided(own.lag, depth) < theory.FAR_OUT:
        raise Excluded("not far out: the lag is nearly 1")
    W = quantities["W"]
    return {
        "t": quantities["t"],
        "stays": (quantities["kept"][:, left] != choice[left]).astype(float),
        "best": np.asarray(float((quantities["kept"][-1] == choice).all())),
        "to_left": np.array([theory.misalignment(one, own.solution.W) for one in W]),
        "off": np.asarray(theory.misalignment(W[0], own.solution.W)),
        "start_norm": np.asarray(np.linalg.norm(W[0])),
        "own_lag": np.asarray(own.lag),
        "gap": np.asarray(own.solution.gap),
    }


def landscape(instance: Attention, quantities: Arrays) -> Arrays:
    """cos(-grad L(W), W_mm) at every W that was looked at, and the least that is derived for it."""
    X, z, choice = np.asarray(instance.X), np.asarray(instance.z), best(instance)
    target = reference("frobenius", instance, choice)
    stored = {"t": quantities["t"]}
    for name in ("iterates", "samples"):
        down = -quantities[name]
        length = np.linalg.norm(down, axis=(1, 2))
        along = np.einsum("kij,ij->k", down, target.W) / target.norm
        # A zero gradient has no angle with anything: not positive, and not above any bound.
        stored[name] = np.divide(along, length, out=np.zeros_like(along), where=length > 0)
    stored["bound"] = np.asarray(theory.descent_cosine(X, z, choice, target.norm))
    stored["gap"] = np.asarray(target.gap)
    return stored


def permuted_descent(instance: Attention, quantities: Arrays) -> Arrays:
    """What `descent` stores, judged by labels that were moved on after training (control)."""
    return descent(permuted(instance), quantities)


def trajectory(instance: Attention, quantities: Arrays) -> Arrays:
    """`descent`, and all that a picture of W(t) z_i needs; infeasible instances are excluded."""
    target = reference("frobenius", instance, best(instance))
    return {
        **descent(instance, quantities),
        "W": quantities["W"][1:],
        "X": np.asarray(instance.X),
        "z": np.asarray(instance.z),
        "scores": np.asarray(instance.scores),
        "W_mm": target.W,
    }


def two_looks(instance: Attention, quantities: Arrays) -> Arrays:
    """Whether the choice is the best, whether it is locally optimal, and ||W||, at both looks."""
    calls = [judged_choice(instance, kept) for kept in quantities["kept"]]
    return {
        "t": quantities["t"],
        "best": np.array([call[1] for call in calls]),
        "local": np.array([call[2] for call in calls]),
        "norm": np.linalg.norm(quantities["W"], axis=(1, 2)),
        "gap": np.array([call[0].gap for call in calls]),
    }


def started(instance: Attention, quantities: Arrays, depth: float) -> Arrays:
    """Whether the chosen direction was locally optimal, and whether the run stayed with it.

    `stays`: with its tokens, at each tick; `remains`: with tokens and direction at the end (a run
    may leave the direction and keep the tokens).

    Starts in a locally optimal direction that are not far out are excluded.
    """
    chosen = quantities["chosen"]
    found, chose_best, local = judged_choice(instance, chosen)
    room = svm.clearance(found, np.asarray(instance.scores), chosen)
    if local and not theory.far_out(depth, room):
        raise Excluded("not far out: a better token is nearly a support token")
    stays = (quantities["kept"] == chosen).all(axis=1)
    off = theory.misalignment(quantities["end"], found.W)
    return {
        "t": quantities["t"],
        "stays": stays.astype(float),
        "remains": np.asarray(float(stays[-1] and off <= SAME_DIRECTION)),
        "best": np.asarray(chose_best),
        "local": np.asarray(local),
        "off": np.asarray(theory.misalignment(quantities["start"], found.W)),
        "start_norm": np.asarray(np.linalg.norm(quantities["start"])),
        "gap": np.asarray(found.gap),
    }


def feasibility(instance: Attention, quantities: Arrays) -> Arrays:
    """Whether the chosen tokens can be separated: here infeasible is the datum."""
    try:
        gap = reference("frobenius", instance, quantities["chosen"]).gap
        feasible = 1.0
    except Infeasible:
        gap = feasible = 0.0
    return {"t": quantities["t"], "feasible": np.asarray(feasible), "gap": np.asarray(gap)}


def ranks(instance: Attention, quantities: Arrays, schatten: int) -> Arrays:
    """Rank, certified bound on it and gap of the solution for the best tokens."""
    kind = {1: "nuclear", 2: "frobenius"}[schatten]
    found = reference(kind, instance, best(instance))
    numbers = {"rank": found.rank, "rank_bound": found.rank_bound, "gap": found.gap}
    return {"t": quantities["t"], **{k: np.asarray(float(v)) for k, v in numbers.items()}}


def path(instance: Attention, quantities: Arrays) -> Arrays:
    """A point of a regularisation path held against both max-margin solutions.

    `apart` is 1 - corr of the two, `gap` the point's own distance from optimality.
    """
    W, choice = quantities["W"], best(instance)
    two, one = (reference(kind, instance, choice) for kind in ("frobenius", "nuclear"))
    return {
        "t": quantities["t"],
        "to_frobenius": np.asarray(theory.misalignment(W, two.W)),
        "to_nuclear": np.asarray(theory.misalignment(W, one.W)),
        "apart": np.asarray(theory.misalignment(one.W, two.W)),
        "kappa_frobenius": np.asarray(quantities["B"] / two.norm),
        "kappa_nuclear": np.asarray(quantities["B"] / one.norm),
        "fills": np.asarray(np.linalg.norm(W, "nuc") / quantities["B"]),
        "gap": np.asarray(quantities["gap"]),
        "reference_gap": np.asarray(max(two.gap, one.gap)),
    }


def key_query(instance: Attention, quantities: Arrays) -> Arrays:
    """Distances of K Q^T to both solutions of the choice that the run ends at."""
    choice = quantities["kept"][-1]
    two, chose_best, local = judged_choice(instance, choice)
    one = reference("nuclear", instance, choice)
    W = quantities["W"][1:]
    return {
        "t": quantities["t"][1:],
        "to_frobenius": np.array([theory.misalignment(w, two.W) for w in W]),
        "to_nuclear": np.array([theory.misalignment(w, one.W) for w in W]),
        "best": np.asarray(chose_best),
        "local": np.asarray(local),
        "gap": np.asarray(max(one.gap, two.gap)),
    }


def nonlinear(instance: Attention, quantities: Arrays, sets: int) -> Arrays:
    """W against W_mm, W_svm and W_fin + C W_svm; runs whose kept tokens are unclear are excluded.

    With sets = 0 the arg-max token of every input is taken for all that it keeps.
    """
    earlier, s = quantities["s"]
    X, z, W = np.asarray(instance.X), np.asarray(instance.z), quantities["W"][-1]
    kept = theory.kept_sets(s, earlier)
    several = (kept.sum(axis=1) > 1).sum()
    if not sets:
        kept = s == s.max(axis=1, keepdims=True)
    margin = token_sets.generalised(X, z, kept)
    fin = token_sets.finite_part(X, z, s, kept)
    single = reference("frobenius", instance, best(instance))
    C = max(float(np.sum((W - fin) * margin.W)) / margin.norm**2, 0.0)
    return {
        "t": quantities["t"],
        "to_best": np.asarray(theory.misalignment(W, single.W)),
        "to_svm": np.asarray(theory.misalignment(W, margin.W)),
        "to_law": np.asarray(theory.misalignment(W, fin + C * margin.W)),
        "several": np.asarray(float(several)),
        "gap": np.asarray(margin.gap),
    }
