"""The laws of `matsense.theory.overparam` against slow recursions, finite differences and runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.factors import gaussian_start, imbalanced_start
from matsense.problems import sensing
from matsense.solvers.asymmetric_gd import asymmetric_gd
from matsense.solvers.symmetric_gd import symmetric_gd
from matsense.theory import overparam as theory
from matsense.trace import linear_ticks, run

SIGMA = jnp.array([1.0, 0.5])


def test_null_block_curve_solves_its_recursion() -> None:
    """s <- s (1 - eta s^2), iterated; the flow differs by O(eta s^2) in the burn-in."""
    s = s0 = np.array([0.3, 0.1, 0.0])
    eta, steps = 0.01, 20_000
    for _ in range(steps):
        s = s * (1 - eta * s**2)
    curve = theory.null_block_curve(jnp.asarray(s0), eta, jnp.asarray([float(steps)]))
    np.testing.assert_allclose(curve, [np.sum(s**4)], rtol=2e-3)


def test_null_block_curve_tends_to_the_count_of_directions() -> None:
    s0 = jnp.array([0.5, 0.2, 0.1, 0.0, 0.0])
    t = jnp.array([1e9])
    np.testing.assert_allclose(
        (2 * 0.1 * t) ** 2 * theory.null_block_curve(s0, 0.1, t), 3, rtol=1e-5
    )


def test_projector_is_onto_the_null_space_inside_the_first_k_columns() -> None:
    rows = jax.random.normal(jax.random.key(0), (2, 6)).at[:, 5:].set(0.0)
    P = np.asarray(theory.null_projector(rows, 5))
    np.testing.assert_allclose(P @ P, P, atol=1e-14)
    np.testing.assert_allclose(rows @ P, 0.0, atol=1e-14)
    assert np.trace(P) == pytest.approx(3)
    np.testing.assert_array_equal(P[5], 0.0)


def test_null_imbalance_is_the_smallest_eigenvalue_over_the_null_space() -> None:
    """Against an explicit basis W from scipy's null_space; padding must not make it 0."""
    from scipy.linalg import null_space

    F, G = imbalanced_start(jax.random.key(1), (9, 7), 4, 6, 0.5)
    rows = jax.random.normal(jax.random.key(2), (2, 6)).at[:, 4:].set(0.0)
    W = null_space(np.asarray(rows)[:, :4])
    D = np.asarray(F.T @ F - G.T @ G)[:4, :4]
    expected = np.min(np.abs(np.linalg.eigvalsh(W.T @ D @ W)))
    np.testing.assert_allclose(theory.null_imbalance(F, G, rows, 4), expected, rtol=1e-10)
    assert float(theory.null_imbalance(F[:, :2], G[:, :2], rows[:, :2], 2)) == 0.0


def test_modified_rate_is_best_at_sigma_r() -> None:
    betas = jnp.linspace(0.1, 2.0, 191)
    rates = jax.vmap(lambda beta: theory.modified_rate(0.1, beta, 0.5))(betas)
    assert float(betas[jnp.argmax(rates)]) == pytest.approx(0.5)
    np.testing.assert_allclose(rates.max(), theory.exact_rate(0.1, 0.5))
    np.testing.assert_allclose(theory.modified_rate(1e-4, 2.0, 0.5), 2e-4 * 0.125, rtol=1e-4)
    np.testing.assert_allclose(theory.imbalance_rate(1e-4, 0.125), 2e-4 * 0.125, rtol=1e-4)


def test_finite_sample_factor_is_the_edge_of_a_wishart_spectrum() -> None:
    """Smallest eigenvalue of X^T X / m, X m-by-d Gaussian, d = n (k - r); within 3% at d = 400."""
    n, excess, m = 200, 2, 4000
    X = np.random.default_rng(0).normal(size=(m, n * excess))
    smallest = np.linalg.eigvalsh(X.T @ X / m)[0]
    assert float(theory.finite_sample_factor(n, excess, float(m))) == pytest.approx(
        smallest, rel=0.03
    )
    assert float(theory.finite_sample_factor(n, excess, 399.0)) == 0.0


@pytest.mark.parametrize("m", [None, 90])
def test_limit_rate_is_the_slowest_mode_of_the_linearised_step(m: int | None) -> None:
    """Against the spectrum of the Jacobian of the whole GD step at the limit, by autodiff."""
    truth = sensing.rectangular_truth(jax.random.key(3), (7, 6), SIGMA)
    problem = (
        sensing.population(truth)
        if m is None
        else sensing.measured(jax.random.key(4), truth, m, "gram")
    )
    solver = asymmetric_gd(problem, 0.1)
    start = imbalanced_start(jax.random.key(5), (7, 6), 3, 3, 0.7)
    final, _ = run(solver, solver.init(*start), linear_ticks(20_000, 20_000), lambda s: {})
    assert float(problem.squared_error(*final)) < 1e-28
    sizes = [final.F.size, final.G.size]

    def step(z: jax.Array) -> jax.Array:
        F, G = jnp.split(z, [sizes[0]])
        stepped = solver.step(jnp.array(0), type(final)(F.reshape(7, 3), G.reshape(6, 3)))
        return jnp.concatenate([stepped.F.reshape(-1), stepped.G.reshape(-1)])

    z = jnp.concatenate([final.F.reshape(-1), final.G.reshape(-1)])
    modes = np.sort(np.abs(np.linalg.eigvals(jax.jacobian(step)(z))))
    slowest = modes[modes < 1 - 1e-6].max()
    gram = None if m is None else np.asarray(problem.operator.gram)  # type: ignore[union-attr]
    rate = theory.limit_rate(0.1, np.asarray(final.F), np.asarray(final.G), 2, gram)
    assert rate == pytest.approx(-2 * np.log(slowest), rel=1e-5)


def test_runs_follow_the_laws_in_the_population() -> None:
    """Law 1 to 1% at its horizon, law 2 to 0.1% and the exact rate 0 of a start at k = r."""
    truth = sensing.symmetric_truth(jax.random.key(6), 12, SIGMA)
    problem, eta = sensing.population(truth), 0.1
    ticks = np.array([0, 250, 260, 20_000])

    def error(X: jax.Array) -> dict[str, jax.Array]:
        return {"e": problem.squared_error(X, X)}

    solver = symmetric_gd(problem, eta)
    X0 = gaussian_start(jax.random.key(7), 12, 4, 4, 0.5)
    over = run(solver, X0, ticks, error)[1]["e"]
    curve = theory.null_block_curve(theory.null_block(X0, truth.U, 4), eta, jnp.array([20_000.0]))
    np.testing.assert_allclose(over[-1:], curve, rtol=0.01)
    exact = run(solver, X0[:, :2], ticks, error)[1]["e"]
    assert float(jnp.log(exact[1] / exact[2])) / 10 == pytest.approx(
        float(theory.exact_rate(eta, 0.5)), rel=1e-3
    )
