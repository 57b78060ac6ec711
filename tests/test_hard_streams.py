"""The sparse hard instances, diagonal and mixed, Oja on them, and the closed form of failure."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from matsense import loops
from matsense.problems.sparse_streams import SparseStream, diagonal, mixed
from matsense.solvers.streaming.oja import OjaState, fixed, oja
from matsense.solvers.streaming.oja_sparse import oja_sparse
from matsense.theory import streaming as theory

D, M, MOST = 24, 5, 8
INSTANCES = {
    "diagonal": diagonal(jax.random.key(0), D, 5.0, M, MOST),
    "mixed": mixed(jax.random.key(1), D, 5.0, M, MOST),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_the_stated_truth_is_that_of_the_dense_rows(name: str) -> None:
    instance = INSTANCES[name]
    rows = np.asarray(instance.dense())
    values, vectors = np.linalg.eigh(rows.T @ rows)
    np.testing.assert_allclose(values[-1], 5.0, rtol=1e-12)
    np.testing.assert_allclose(values[-2], 1.0, rtol=1e-12)
    np.testing.assert_allclose([instance.lambda1, instance.lambda2], values[[-1, -2]], rtol=1e-12)
    np.testing.assert_allclose(abs(vectors[:, -1] @ instance.v1), 1.0, rtol=1e-12)
    norms = np.linalg.norm(rows, axis=1)
    largest = np.asarray(instance.largest)
    assert (np.abs(rows - largest).sum(axis=1) == 0).any() or name == "diagonal"
    np.testing.assert_allclose(np.linalg.norm(instance.largest), norms.max())


@pytest.mark.parametrize("name", INSTANCES)
def test_sparse_oja_is_oja_on_the_dense_rows(name: str) -> None:
    instance = INSTANCES[name]
    eta = jnp.array([0.1, 0.7, 3.0])
    solver = oja(fixed(eta), D, 3, "rows")
    state = solver.init(jax.random.key(2))
    sparse = oja_sparse(eta, state, instance.columns, instance.values)
    dense, _ = loops.scan(solver, state, instance.dense(), 16)
    np.testing.assert_allclose(sparse.V, dense.V, rtol=0, atol=1e-13)
    np.testing.assert_allclose(sparse.s, dense.s, rtol=1e-12)


def test_the_exponential_update_is_the_product_of_matrix_exponentials() -> None:
    instance = INSTANCES["mixed"]
    start = jnp.ones((D, 1)) / math.sqrt(D)
    state = OjaState(start, jnp.zeros(1), jnp.array(0))
    final = oja_sparse(jnp.array([0.3]), state, instance.columns, instance.values, exponential=True)
    v = np.asarray(start[:, 0])
    for a in np.asarray(instance.dense()):
        values, vectors = np.linalg.eigh(0.3 * np.outer(a, a))
        v = (vectors * np.exp(values)) @ (vectors.T @ v)
    np.testing.assert_allclose(final.V[:, 0], v / np.linalg.norm(v), rtol=0, atol=1e-13)
    np.testing.assert_allclose(final.s[0], math.log(np.linalg.norm(v)), rtol=1e-12)


def test_failures_on_the_diagonal_instance_follow_the_closed_form() -> None:
    """Exact binomial tests at level 1e-4 for eight rates: a false alarm once in 1250 seeds."""
    starts, eta = 2000, np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
    instance = INSTANCES["diagonal"]
    V = jax.random.normal(jax.random.key(3), (D, starts))
    V = jnp.tile(V / jnp.linalg.norm(V, axis=0, keepdims=True), len(eta))
    state = OjaState(V, jnp.zeros(V.shape[1]), jnp.array(0))
    lanes = jnp.repeat(jnp.asarray(eta), starts)
    final = oja_sparse(lanes, state, instance.columns, instance.values)
    failing = np.asarray(instance.sin2(final.V) > 0.5).reshape(len(eta), starts).sum(axis=1)
    closed = theory.hard_failure(math.log(D), 5.0, eta, M)
    assert closed.min() < 0.01 and closed.max() > 0.5
    for seen, p in zip(failing, closed, strict=True):
        assert stats.binomtest(int(seen), starts, float(p)).pvalue > 1e-4


def test_the_closed_form_at_values_known_beforehand() -> None:
    """d = 1024: 1.00 at R = 3 and .42 at R = 5, at the best rate R - 1, many light rows."""
    log_d = math.log(1024)
    np.testing.assert_allclose(theory.best_hard_failure(log_d, 3.0), 1.0, atol=0.005)
    np.testing.assert_allclose(theory.best_hard_failure(log_d, 5.0), 0.42, atol=0.005)
    grid = np.geomspace(0.1, 40, 4000)
    for m in (32, math.inf):
        np.testing.assert_allclose(
            theory.best_hard_failure(log_d, 5.0, m),
            theory.hard_failure(log_d, 5.0, grid, m).min(),
            rtol=1e-4,
        )


@pytest.mark.parametrize("exponent", [6, 20, 160])
def test_the_threshold_is_where_a_unit_normal_decides(exponent: int) -> None:
    log_d = exponent * math.log(2)
    R = theory.hard_threshold(log_d)
    assert R * math.log(R) - R + 1 == pytest.approx(log_d / 2, rel=1e-12)
    share = float(theory.best_hard_failure(log_d, R))
    assert share == pytest.approx(1 - theory.AT_THRESHOLD, abs=0.01)


def test_both_branches_of_the_closed_form_meet() -> None:
    """An F(1, d - 1) variable is nearly a chi-square at d = 10^6."""
    below, above = math.log(1e6 - 1), math.log(1e6 + 1)
    values = [theory.hard_failure(x, 7.0, 6.0) for x in (below, above)]
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_a_row_of_the_mixed_instance_is_no_answer() -> None:
    instance: SparseStream = INSTANCES["mixed"]
    row = instance.largest / jnp.linalg.norm(instance.largest)
    np.testing.assert_allclose(instance.sin2(row[:, None])[0], theory.largest_row_error(5.0))
