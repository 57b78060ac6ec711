"""The laws of `matsense.theory.overparam` against slow recursions, finite differences and runs."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import null_space

from matsense.factors import gaussian_start, imbalanced_start
from matsense.loops import linear_ticks, run
from matsense.operators import normal_matrix
from matsense.problems import sensing
from matsense.solvers.sensing.asymmetric_gd import Factors, asymmetric_gd
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory import overparam as theory

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


def test_null_imbalances_are_the_extreme_eigenvalues_over_the_null_space() -> None:
    """Against an explicit basis W from scipy's null_space; padding must not add a 0."""
    F, G = imbalanced_start(jax.random.key(1), (9, 7), 4, 6, 0.5)
    rows = jax.random.normal(jax.random.key(2), (2, 6)).at[:, 4:].set(0.0)
    for F0, G0 in ((F, G), (G[:, ::-1], F[:, ::-1])):  # definite, then of the other sign
        F0, G0 = (jnp.where(jnp.arange(6) < 4, M, 0.0) for M in (F0, G0))
        W = null_space(np.asarray(rows)[:, :4])
        D = np.asarray(F0.T @ F0 - G0.T @ G0)[:4, :4]
        expected = np.linalg.eigvalsh(W.T @ D @ W)
        found = theory.null_imbalances(F0, G0, rows, 4)
        np.testing.assert_allclose(found, expected[[0, -1]], rtol=1e-10, atol=1e-14)
    assert theory.null_imbalances(F[:, :2], G[:, :2], rows[:, :2], 2) == (0.0, 0.0)


def test_modified_rate_is_best_at_sigma_r() -> None:
    betas = jnp.linspace(0.1, 2.0, 191)
    rates = jax.vmap(lambda beta: theory.modified_rate(0.1, beta, 0.5))(betas)
    assert float(betas[jnp.argmax(rates)]) == pytest.approx(0.5)
    np.testing.assert_allclose(rates.max(), theory.exact_rate(0.1, 0.5))
    np.testing.assert_allclose(theory.modified_rate(1e-4, 2.0, 0.5), 2e-4 * 0.125, rtol=1e-4)
    np.testing.assert_allclose(theory.imbalance_rate(1e-4, 0.1, 0.15), 2e-4 * 0.125, rtol=1e-4)


def test_finite_sample_factor_is_the_edge_of_a_wishart_spectrum() -> None:
    """Smallest eigenvalue of X^T X / m, X m-by-d Gaussian, d = n (k - r); within 3% at d = 400."""
    n, excess, m = 200, 2, 4000
    X = np.random.default_rng(0).normal(size=(m, n * excess))
    smallest = np.linalg.eigvalsh(X.T @ X / m)[0]
    assert float(theory.finite_sample_factor(n, excess, float(m))) == pytest.approx(
        smallest, rel=0.03
    )
    assert float(theory.finite_sample_factor(n, excess, 399.0)) == 0.0


class Descent(NamedTuple):
    """A run of asymmetric GD: problem, start, end, ticks and squared errors."""

    problem: sensing.Sensing
    start: Factors
    final: Factors
    t: np.ndarray
    error: np.ndarray

    @property
    def late_rate(self) -> float:
        """The slope of -ln e_t over the last fifth of the ticks above rounding."""
        above = np.flatnonzero(self.error > 1e-26)
        last, first = above[-1], above[int(0.8 * len(above))]
        return float(np.log(self.error[first] / self.error[last]) / (self.t[last] - self.t[first]))

    def curvatures(self, r: int) -> np.ndarray:
        Sigma = np.asarray(self.problem.truth.matrix.dense())
        normal = normal_matrix(self.problem.operator)
        F, G = (np.asarray(factor) for factor in self.final)
        return theory.limit_curvatures(F, G, Sigma, r, normal)

    def null_imbalances(self, k: int) -> list[tuple[float, float]]:
        truth = self.problem.truth
        rows = truth.U.T @ self.final.F, truth.V.T @ self.final.G
        return [
            (float(low), float(high))
            for low, high in (theory.null_imbalances(*self.start, x, k) for x in rows)
        ]


def descend(
    shape: tuple[int, int],
    r: int,
    k: int,
    alpha: float,
    steps: int,
    seed: int,
    ratio: float = 1 / 3,
    eta: float = 0.1,
    m: int | None = None,
) -> Descent:
    keys = jax.random.split(jax.random.key(seed), 3)
    truth = sensing.rectangular_truth(keys[0], shape, sensing.geometric_spectrum(r, 1.0))
    problem = (
        sensing.population(truth) if m is None else sensing.measured(keys[2], truth, m, "gram")
    )
    start = Factors(*imbalanced_start(keys[1], shape, k, k, alpha, ratio))
    solver = asymmetric_gd(problem, eta)
    ticks = linear_ticks(steps, max(steps // 500, 1))

    def record(state: Factors) -> dict[str, jax.Array]:
        return {"error": problem.squared_error(*state)}

    final, recorded = run(solver, solver.init(*start), ticks, record)
    return Descent(problem, start, final, ticks, np.asarray(recorded["error"]))


def modes_of(descent: Descent, eta: float) -> np.ndarray:
    """|eigenvalues| of the Jacobian of the whole GD step at the end of a run, by autodiff."""
    solver, (F, G) = asymmetric_gd(descent.problem, eta), descent.final

    def step(z: jax.Array) -> jax.Array:
        f, g = jnp.split(z, [F.size])
        stepped = solver.step(jnp.array(0), Factors(f.reshape(F.shape), g.reshape(G.shape)))
        return jnp.concatenate([stepped.F.reshape(-1), stepped.G.reshape(-1)])

    z = jnp.concatenate([F.reshape(-1), G.reshape(-1)])
    return np.sort(np.abs(np.linalg.eigvals(jax.jacobian(step)(z))))


@pytest.mark.parametrize(
    ("k", "ratio", "m"),
    [(2, 1 / 3, None), (3, 1 / 3, None), (3, 1 / 3, 90), (5, 1.0, None), (5, 1.0, 150)],
)
def test_limit_rate_is_the_slowest_mode_of_the_linearised_step(
    k: int, ratio: float, m: int | None
) -> None:
    """Against the spectrum of the step's Jacobian; with equal scales both factors keep directions
    of the null space (the imbalance is indefinite), and the count of modes must still agree.
    """
    run_ = descend((7, 6), 2, k, 0.7, 20_000, 3, ratio, m=m)
    assert run_.error[-1] < 1e-24
    curvatures = run_.curvatures(2)
    modes = modes_of(run_, 0.1)
    moving = modes[modes < 1 - 1e-6]
    assert len(moving) == len(curvatures)
    rate = theory.limit_rate(0.1, curvatures)
    assert rate == pytest.approx(-2 * np.log(moving.max()), rel=1e-5)
    if k == 5:
        low, high = run_.null_imbalances(k)[0]
        assert low < 0 < high


@pytest.mark.parametrize(
    ("shape", "k", "ratio", "steps", "seed"),
    [
        ((40, 40), 24, 1 / 3, 40_000, 1),
        ((40, 30), 5, 1.0, 40_000, 2),
        ((25, 61), 7, 1 / 3, 5_000, 0),
    ],
)
def test_limit_rate_is_what_a_long_run_shows(
    shape: tuple[int, int], k: int, ratio: float, steps: int, seed: int
) -> None:
    """The late local rate of e_t, to 0.5%; a kernel of J counted from k and r alone gave 1e-16 for
    the first of these runs.
    """
    long = descend(shape, 3, k, 0.5, steps, seed, ratio)
    curvatures = long.curvatures(3)
    assert theory.limit_rate(0.1, curvatures) == pytest.approx(long.late_rate, rel=5e-3)
    # In the population the curvatures are sums of squares: the least is that of one factor.
    pooled = np.concatenate([np.linalg.svd(np.asarray(f), compute_uv=False) for f in long.final])
    assert curvatures[0] == pytest.approx(np.sort(pooled)[::-1][k + 3 - 1] ** 2, rel=1e-9)


def test_limit_rate_is_known_before_the_run_is_over_or_not_at_all() -> None:
    """At every stage of a run the answer is either refused or that of its end to 1%."""
    truth = sensing.rectangular_truth(jax.random.key(3), (20, 15), SIGMA)
    solver = asymmetric_gd(sensing.population(truth), 0.1)
    start = Factors(*imbalanced_start(jax.random.key(4), (20, 15), 5, 5, 0.5))
    ticks = np.array([0, 1, 10, 50, 100, 200, 400, 800, 1600, 20_000])
    stages = run(solver, start, ticks, lambda state: {"F": state.F, "G": state.G})[1]
    Sigma = np.asarray(truth.matrix.dense())
    rates = np.array(
        [
            theory.limit_rate(0.1, theory.limit_curvatures(F, G, Sigma, 2))
            for F, G in zip(np.asarray(stages["F"]), np.asarray(stages["G"]), strict=True)
        ]
    )
    answered = np.isfinite(rates)
    assert not answered[:4].any() and answered[-2:].all()
    np.testing.assert_allclose(rates[answered], rates[-1], rtol=0.01)


def test_a_limit_of_lower_rank_has_no_limit_rate() -> None:
    """F_0 = G_0 keeps no null direction: e_t falls as 1/t^2, and so it is refused."""
    truth = sensing.symmetric_truth(jax.random.key(6), 12, SIGMA)
    problem = sensing.population(truth)
    X = gaussian_start(jax.random.key(7), 12, 4, 4, 0.5)
    solver = asymmetric_gd(problem, 0.1)
    (F, G), _ = run(solver, Factors(X, X), np.array([0, 20_000]), lambda state: {})
    found = theory.limit_curvatures(
        np.asarray(F), np.asarray(G), np.asarray(truth.matrix.dense()), 2
    )
    assert found.size == 0
    assert math.isnan(theory.limit_rate(0.1, found))


def test_too_few_measurements_and_unstable_steps_have_no_limit_rate() -> None:
    ending = descend((7, 6), 2, 3, 0.7, 20_000, 3)
    curvatures = ending.curvatures(2)
    assert math.isnan(theory.limit_rate(2.1 / curvatures[-1], curvatures))
    # At most 20 directions are seen by 20 measurements, J has more.
    rows = np.random.default_rng(0).normal(size=(20, 42)) / np.sqrt(20)
    F, G = (np.asarray(factor) for factor in ending.final)
    Sigma = np.asarray(ending.problem.truth.matrix.dense())
    assert theory.limit_curvatures(F, G, Sigma, 2, rows.T @ rows).size == 0


def test_settled_share_is_the_limit_rate_over_the_local_one() -> None:
    """Against finite differences of ln sum_i (1 - eta lambda_i)^(2 t)."""
    eta, curvatures = 0.1, np.array([0.2, 0.23, 0.4])
    t = np.array([0.0, 30.0, 200.0, 1000.0])

    def log_error(t: np.ndarray) -> np.ndarray:
        return np.log(((1 - eta * curvatures[:, None]) ** (2 * t)).sum(axis=0))

    local = (log_error(t - 0.5) - log_error(t + 0.5)) / 1.0
    expected = theory.limit_rate(eta, curvatures) / local
    np.testing.assert_allclose(theory.settled_share(eta, curvatures, t), expected, rtol=1e-4)
    assert expected[0] < 0.8 < 0.999 < expected[-1]


@pytest.mark.parametrize(("shape", "k", "seed"), [((50, 40), 5, 0), ((25, 61), 7, 1)])
def test_imbalance_rate_lies_between_its_factors_and_to_second_order_in_the_middle(
    shape: tuple[int, int], k: int, seed: int
) -> None:
    """The factors' null spaces differ by 10% at (25, 61), k = 7, alpha = 0.5; by alpha^2 in the
    end, so that half the alpha more than halves it.
    """
    gaps = []
    for alpha, steps in ((0.5, 6_000), (0.25, 20_000)):
        long = descend(shape, 3, k, alpha, steps, seed)
        (low, high), (low_G, high_G) = long.null_imbalances(k)
        assert 0 < low <= high and 0 < low_G <= high_G
        truth = theory.limit_rate(0.1, long.curvatures(3))
        assert theory.imbalance_rate(0.1, low, low) < truth
        assert theory.imbalance_rate(0.1, low_G, low_G) > truth
        gaps.append(low_G / low - 1)
        middle = float(theory.imbalance_rate(0.1, low, low_G))
        assert abs(middle / truth - 1) < 0.15 * gaps[-1] + 1e-3
    assert gaps[1] < gaps[0] / 2


def test_modified_step_limit_is_where_the_fastest_mode_becomes_the_slowest() -> None:
    """Against the whole spectrum of the step's Jacobian just after an exact rebalancing."""
    beta_squared, kappa = 0.3, 2.0
    truth = sensing.rectangular_truth(
        jax.random.key(3), (7, 6), sensing.geometric_spectrum(2, kappa)
    )
    limit = theory.modified_step_limit(beta_squared, 1 / kappa)
    # F = beta times three orthonormal columns, the first two of which are the truth's.
    U = np.column_stack([truth.U, null_space(np.asarray(truth.U).T)[:, 0]])
    G = np.zeros((6, 3))
    G[:, :2] = np.asarray(truth.V * truth.sigma[None]) / np.sqrt(beta_squared)
    factors = Factors(jnp.asarray(U * np.sqrt(beta_squared)), jnp.asarray(G))
    problem = sensing.population(truth)
    assert float(problem.squared_error(*factors)) < 1e-28
    at = Descent(problem, factors, factors, np.empty(0), np.empty(0))
    for eta, follows in ((0.95 * limit, True), (1.05 * limit, False)):
        modes = modes_of(at, eta)
        slowest = -2 * np.log(modes[modes < 1 - 1e-9].max())
        law = float(theory.modified_rate(eta, beta_squared, 1 / kappa))
        assert (abs(slowest / law - 1) < 1e-6) == follows


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
