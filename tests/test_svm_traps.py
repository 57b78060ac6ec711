"""Traps of equal scores: a closed form, a general solver, descents that stay in or climb out."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from matsense.loops import linear_ticks, run
from matsense.problems import attention
from matsense.problems.attention import Attention
from matsense.references.attention import svm, traps
from matsense.solvers.attention.ngd import attention_ngd
from tests.test_attention_paths import small


def two_inputs(c: float) -> Attention:
    """Input 0 pulls W z along e_1; input 1, of the same query, has its best token at (-c, 1)."""
    X = jnp.array([[[1.0, 0.0], [0.0, 0.0]], [[-c, 1.0], [0.0, 0.0]]])
    z = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    return Attention(X, z, jnp.ones(2), jnp.array([[1.0, 0.0], [1.0, 0.0]]))


@pytest.mark.parametrize("c", [0.6, 1.5])
def test_a_lag_above_one_is_a_trap_and_a_lag_below_is_not(c: float) -> None:
    """W_S = e_1 e_1^T for S = {0}, along which input 1 falls behind by c; both can be separated."""
    problem = two_inputs(c)
    X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
    one = traps.left_behind(X, z, best, np.array([True, False]))
    np.testing.assert_allclose(one.solution.W, [[1.0, 0.0], [0.0, 0.0]], atol=1e-14)
    assert np.isclose(one.lag, c, rtol=1e-12)
    assert np.isclose(one.undecided(20.0), 20.0 * abs(1 - c), rtol=1e-12)  # ||W_S|| = 1
    assert svm.frobenius(X, z, best).norm > 1
    # The other S: W_S = (-c, 1) / (1 + c^2), where input 0 falls behind by c / (1 + c^2) < c.
    lags = sorted(found.lag for found in traps.every(X, z, best))
    np.testing.assert_allclose(lags, [c / (1 + c**2), c])
    start = 20.0 * jnp.asarray(one.solution.W)
    W = run(attention_ngd(problem, 0.1), start, linear_ticks(3000, 3000), lambda W: {})[0]
    assert list(np.asarray(problem.kept(W))) == [0, int(c > 1)]


def test_lags_are_those_of_a_general_solver() -> None:
    problem = attention.draw(jax.random.key(5), 3, 4, 3, equal=True)
    X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
    lags = []
    for size in (1, 2):
        for inside in itertools.combinations(range(3), size):
            rows = [
                np.outer(X[i, best[i]] - X[i, t], z[i]).ravel()
                for i in inside for t in range(4) if t != best[i]
            ]  # fmt: skip
            A = np.array(rows)
            W = optimize.minimize(
                lambda w: w @ w / 2, 3.0 * A.sum(axis=0), jac=lambda w: w, method="SLSQP",
                constraints={"type": "ineq", "fun": lambda w, A=A: A @ w - 1},
                options={"ftol": 1e-14, "maxiter": 500},
            ).x.reshape(3, 3)  # fmt: skip
            behind = [
                max((X[i, t] - X[i, best[i]]) @ W @ z[i] for t in range(4) if t != best[i])
                for i in range(3) if i not in inside
            ]  # fmt: skip
            lags.append(min(behind))
    found = [left.lag for left in traps.every(X, z, best)]
    np.testing.assert_allclose(sorted(found), sorted(lags), rtol=1e-5)


def test_one_input_has_no_trap() -> None:
    problem = attention.draw(jax.random.key(6), 1, 4, 3, equal=True)
    X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
    assert traps.every(X, z, best) == []


def test_the_sweeps_hold_runs_against_their_traps() -> None:
    """At these seeds some starts are trapped and some are not; c decides which."""
    records = small("trap", seeds=30, n=4, T=4, d=4, left=0, steps=4000)
    seen = [r.quantities for r in records if r.status == "ok"]
    trapped = [float(q["own_lag"]) > 1 for q in seen]
    assert 0 < sum(trapped) < len(seen)
    assert [float(q["best"]) == 0 for q in seen] == trapped
    for record in small("equal", seeds=6, n=4, T=4, d=4, steps=4000):
        q = record.quantities
        assert q["lag"] > 1 or q["best"] == 1
        assert ("own_lag" in q) == (q["best"] == 0)
