"""Each update against a slow textbook version in numpy, and against its invariants."""

import jax
import jax.numpy as jnp
import numpy as np

from matsense.factors import gaussian_start, imbalance, imbalanced_start
from matsense.loops import linear_ticks, log_ticks, run
from matsense.operators import Rows
from matsense.problems import sensing
from matsense.solvers.sensing.asymmetric_gd import Factors, asymmetric_gd
from matsense.solvers.sensing.one_step_gd import one_step_gd, rebalance
from matsense.solvers.sensing.symmetric_gd import symmetric_gd

SIGMA = jnp.array([1.0, 0.5])


def dense_operator(problem: sensing.Sensing) -> np.ndarray:
    """A as an m-by-(n1 n2) matrix on row-major matrices."""
    operator = problem.operator
    assert isinstance(operator, Rows)
    A = np.asarray(jax.vmap(operator.coordinates.unpack)(operator.rows))
    return A.reshape(len(A), -1) / np.sqrt(len(A))


def test_symmetric_gd_is_the_papers_update_written_with_loops() -> None:
    truth = sensing.symmetric_truth(jax.random.key(0), 6, SIGMA)
    problem = sensing.measured(jax.random.key(1), truth, 40, "rows", symmetric=True)
    gram = sensing.measured(jax.random.key(1), truth, 40, "gram", symmetric=True)
    X0 = gaussian_start(jax.random.key(2), 6, 3, 4, 0.5)
    A, Sigma, X = dense_operator(problem), np.asarray(truth.matrix.dense()), np.asarray(X0)
    for _ in range(30):
        gap = [A_i @ (X @ X.T - Sigma).reshape(-1) for A_i in A]
        R = sum(g * A_i for g, A_i in zip(gap, A, strict=True)).reshape(6, 6)
        X = X - 0.1 * R @ X
    for form in (problem, gram):
        solver = symmetric_gd(form, 0.1)
        final, _ = run(solver, solver.init(X0), linear_ticks(30, 7), lambda X: {})
        np.testing.assert_allclose(final, X, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(np.asarray(final)[:, 3], 0.0)


def test_asymmetric_gd_is_simultaneous() -> None:
    truth = sensing.rectangular_truth(jax.random.key(3), (6, 5), SIGMA)
    problem = sensing.measured(jax.random.key(4), truth, 50, "rows")
    F0, G0 = imbalanced_start(jax.random.key(5), (6, 5), 3, 3, 0.5)
    A, Sigma = dense_operator(problem), np.asarray(truth.matrix.dense())
    F, G = np.asarray(F0), np.asarray(G0)
    for _ in range(30):
        R = (A.T @ (A @ (F @ G.T - Sigma).reshape(-1))).reshape(6, 5)
        F, G = F - 0.1 * R @ G, G - 0.1 * R.T @ F
    solver = asymmetric_gd(problem, 0.1)
    final, _ = run(solver, solver.init(F0, G0), log_ticks(30), lambda state: {})
    np.testing.assert_allclose(final.F, F, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(final.G, G, rtol=1e-9, atol=1e-12)


def test_population_step_is_the_gradient_of_the_quarter_loss() -> None:
    """The symmetric step is the gradient of ||X X^T - Sigma||_F^2 / 4, by autodiff."""
    truth = sensing.symmetric_truth(jax.random.key(6), 7, SIGMA)
    problem = sensing.population(truth)
    X = gaussian_start(jax.random.key(7), 7, 3, 3, 0.8)
    gradient = jax.grad(lambda X: jnp.sum((X @ X.T - truth.matrix.dense()) ** 2) / 4)(X)
    stepped = symmetric_gd(problem, 0.1).step(jnp.array(0), X)
    np.testing.assert_allclose(stepped, X - 0.1 * gradient, rtol=1e-12)


def test_imbalance_drifts_by_eta_squared() -> None:
    """D = F^T F - G^T G is conserved by the flow: halving eta at equal time halves its drift."""
    truth = sensing.rectangular_truth(jax.random.key(8), (8, 6), SIGMA)
    start = Factors(*imbalanced_start(jax.random.key(9), (8, 6), 3, 3, 0.4))
    drifts = []
    for eta in (0.02, 0.01):
        solver = asymmetric_gd(sensing.population(truth), eta)
        steps = round(20 / eta)
        final, _ = run(solver, solver.init(*start), linear_ticks(steps, steps), lambda s: {})
        drifts.append(float(jnp.linalg.norm(imbalance(*final) - imbalance(*start))))
    assert 1.9 < drifts[0] / drifts[1] < 2.1


def test_rebalancing_keeps_the_product_and_the_padding() -> None:
    F, G = imbalanced_start(jax.random.key(10), (9, 7), 3, 5, 0.7)
    new = rebalance(Factors(F, G), 0.5, 3)
    np.testing.assert_allclose(
        new.F @ new.G.T, F @ G.T, atol=1e-8 * float(jnp.linalg.norm(F @ G.T))
    )
    expected = np.diag([0.5, 0.5, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(new.F.T @ new.F, expected, atol=1e-12)
    np.testing.assert_array_equal(np.asarray(new.F)[:, 3:], 0.0)
    np.testing.assert_allclose(np.asarray(new.G)[:, 3:], 0.0, atol=1e-14)


def test_modified_step_happens_once_when_the_residual_says_so() -> None:
    truth = sensing.rectangular_truth(jax.random.key(11), (8, 6), SIGMA)
    problem = sensing.population(truth)
    start = imbalanced_start(jax.random.key(12), (8, 6), 3, 3, 0.3)
    trigger = 0.05 * 0.5
    ticks = np.arange(0, 701)
    solver = one_step_gd(problem, 0.1, 3, 0.5, trigger)
    final, recorded = run(
        solver,
        solver.init(*start),
        ticks,
        lambda s: {"misfit": problem.misfit(*s.factors), "at": s.switched_at},
    )
    plain = asymmetric_gd(problem, 0.1)
    _, without = run(plain, plain.init(*start), ticks, lambda s: {"misfit": problem.misfit(*s)})
    looks = ticks[::10]
    first = looks[np.asarray(without["misfit"])[looks] < trigger**2][0]
    assert int(final.switched_at) == first
    np.testing.assert_array_equal(np.unique(recorded["at"]), [-1, first])
    np.testing.assert_array_equal(
        np.asarray(recorded["misfit"])[: first + 1], np.asarray(without["misfit"])[: first + 1]
    )
    assert float(recorded["misfit"][-1]) < 1e-20 < float(without["misfit"][-1])
