"""What attention_svm's claims suppose and read: other programs' answers, closed forms, traces."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.fitting.estimate import Call, decide
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from matsense.problems import attention
from matsense.problems.attention import Attention
from matsense.references.attention import svm
from matsense.theory import attention as theory
from tests.test_attention_paths import claim_of, small


def plain_loss(problem: Attention, W: jax.Array) -> jax.Array:
    """The loss by the textbook softmax."""
    h = jnp.einsum("itd,de,ie->it", problem.X, W, problem.z)
    return jnp.mean(jax.nn.softplus(-jnp.sum(jax.nn.softmax(h, axis=1) * problem.scores, axis=1)))


def steepest_and_least(seed: int, equal: bool) -> tuple[float, float]:
    """The least cos(-grad L, W_mm), by automatic differentiation and descent on the angle from
    random W, and the bound that equal scores have.
    """
    problem = attention.draw(jax.random.key(seed), 3, 4, 5, equal=equal)
    X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
    found = svm.frobenius(X, z, best)
    unit = jnp.asarray(found.W / np.linalg.norm(found.W))

    def cosine(W: jax.Array) -> jax.Array:
        G = jax.grad(lambda V: plain_loss(problem, V))(W)
        return -jnp.sum(G * unit) / jnp.linalg.norm(G)

    def descend(W: jax.Array) -> jax.Array:
        return cosine(jax.lax.fori_loop(0, 60, lambda _, W: W - jax.grad(cosine)(W), W))

    starts = 10.0 * jax.random.normal(jax.random.key(seed + 100), (40, 5, 5))
    least = float(jnp.min(jax.jit(jax.vmap(descend))(starts)))
    return least, theory.descent_cosine(X, z, best, found.norm)


def test_equal_scores_leave_no_stationary_point_and_unequal_ones_may() -> None:
    below_zero = 0
    for seed in range(4):
        least, bound = steepest_and_least(seed, equal=True)
        assert least > bound > 0
        below_zero += steepest_and_least(seed, equal=False)[0] < 0
    assert below_zero > 0


def test_the_bound_on_the_angle_is_attained_by_two_tokens() -> None:
    X, z = np.array([[[2.0, 0.0], [0.0, 1.0]]]), np.array([[1.0, 3.0]])
    found = svm.frobenius(X, z, np.array([0]))
    assert np.isclose(theory.descent_cosine(X, z, np.array([0]), found.norm), 1.0, rtol=1e-12)


def test_a_first_step_separates_where_a_tiny_one_selects_the_best_tokens() -> None:
    """From W = 0 the logits of a short step have the signs of its margins."""
    separating = []
    for seed in range(12):
        problem = attention.draw(jax.random.key(seed), 4, 5, 6, equal=True)
        step = -1e-3 * jax.grad(lambda W, p=problem: plain_loss(p, W))(jnp.zeros((6, 6)))
        X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
        margin = theory.first_step_margin(X, z, best, np.asarray(step))
        separating.append(margin > 0)
        assert separating[-1] == bool((problem.kept(step) == problem.best).all())
    assert 0 < sum(separating) < len(separating)


def test_the_study_tells_equal_scores_from_unequal_ones() -> None:
    runs = [
        run
        for equal in (0, 1)
        for run in small("landscape", seeds=4, n=4, T=4, d=6, equal=equal, steps=200)
    ]
    for name in ("global/landscape", "global/angle"):
        verdict = judge(claim_of(name), runs)
        assert verdict.control is not None
        assert (verdict.call, verdict.control.call) == (Call.CONSISTENT, Call.CONTRADICTED)


SHORT = {"eta": 1e-6, "steps": 10_000, "first": 1_500, "depth": 100.0, "n": 5, "T": 5, "d": 10}


@pytest.mark.parametrize(
    "name",
    [
        "direction", "direction/ngd-rate", "direction/ngd-norm", "direction/local", "local/stays",
        "local/leaves", "global/first-step", "global/unconditional", "global/untrapped",
        "global/trap", "global/trap-lag", "global/trap-direction", "global/dimension", "nonlinear",
    ],
)  # fmt: skip
@pytest.mark.parametrize("eta", [1e-6, 1e6])
def test_a_short_run_is_outside_because_it_is_short(name: str, eta: float) -> None:
    """In distance (a small step), and in steps alone (ten large ones)."""
    steps = 10_000 if eta < 1 else 10
    run = Run("short", "any", {**SHORT, "eta": eta, "steps": steps, "first": 1}, 0)
    unmet = claim_of(name).unmet(run)
    if name in {"local/stays", "local/leaves", "global/trap"} and eta > 1:
        assert unmet.words == "eta <= depth / 10"
    elif eta < 1 or name not in {"global/dimension", "nonlinear"}:
        assert unmet is not None
        assert unmet.kind == "horizon"


def descent(norm: np.ndarray, misalignment: np.ndarray, t: np.ndarray, **params: Any) -> Run:
    quantities = {"t": t, "norm": norm, "misalignment": misalignment, "unit_norm": np.array(2.0),
                  "local": np.array(0.0)}  # fmt: skip
    return Run("made", "ngd", {"eta": 0.1, "steps": int(t[-1]), **params}, 0, "ok", quantities)


def test_a_norm_that_stays_finite_has_no_direction_to_judge() -> None:
    t = np.geomspace(1, 1e4, 49)
    stuck = descent(np.minimum(0.1 * t, 3.0), np.full(49, 0.4), t)
    for name in ("direction", "direction/ngd-rate", "direction/ngd-norm", "direction/local"):
        assert "grew" in claim_of(name).unmet(stuck).words
        assert not judge(claim_of(name), [stuck]).judged
    free = descent(0.1 * t, t**-2.0, t)
    assert claim_of("direction").covers(free)
    # Off its limit by a constant, with a norm that grows: that is a contradiction.
    astray = descent(0.1 * t, np.full(49, 0.4), t)
    assert judge(claim_of("direction"), [astray]).call is Call.CONTRADICTED


def test_an_invariant_that_still_nears_one_is_not_contradicted() -> None:
    t = np.geomspace(2, 1e6, 73)
    drift = claim_of("direction/gd-invariant").estimate
    for invariant, expected in (
        (1 + 0.1 / np.log(9 * t), Call.CONSISTENT),
        (1 - 9 / np.log(9 * t), Call.INCONCLUSIVE),
        (t**0.5, Call.CONTRADICTED),
        (np.log(9 * t) ** 2, Call.CONTRADICTED),
    ):
        norm = 2.0 * np.log(9 * t)
        estimate = drift(descent(norm, invariant / norm**2, t))
        assert decide(estimate, 1.0, "equals", 0.15) is expected, estimate
    assert np.isnan(drift(descent(t[:5], t[:5], t[:5])).value)
