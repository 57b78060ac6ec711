"""The sub-gradient methods against slow textbook versions, closed forms and invariants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.loops import linear_ticks, run
from matsense.problems import sensing
from matsense.problems.corruption import Corruptible, Robust, corruptible
from matsense.solvers.robust.scaled_subgm import scaled_subgm
from matsense.solvers.robust.step_sizes import geometric, polyak, proportional
from matsense.solvers.robust.subgm import spectral_start, subgm
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.spectral_norm import spectral_norm
from matsense.theory import residual, sign_rip
from matsense.theory import robust as theory
from matsense.theory.overparam import null_projector

SIGMA = jnp.array([1.0, 0.5])


def drawn(m: int = 60, d: int = 6, sigma: jax.Array = SIGMA) -> Corruptible:
    return corruptible(jax.random.key(0), d, sigma, m, "gaussian")


SPECTRA = {
    "random": lambda d, rng: rng.standard_normal(d),
    "all equal": lambda d, rng: np.ones(d),
    "both signs": lambda d, rng: np.where(np.arange(d) % 2, -3.0, 3.0),
    "rank one": lambda d, rng: -2.0 * (np.arange(d) == 0),
    "two on top": lambda d, rng: np.where(np.arange(d) < 2, 1.0, 0.9),
    "1e-6 apart": lambda d, rng: 1 - 1e-6 * np.arange(d),
    "within 1e-7": lambda d, rng: 1 - 1e-7 * rng.random(d),
    "falling fast": lambda d, rng: 10.0 ** -np.arange(d),
    "tiny": lambda d, rng: 1e-290 * rng.standard_normal(d),
    "huge": lambda d, rng: 1e290 * rng.standard_normal(d),
}


@pytest.mark.parametrize("d", [1, 2, 20, 64])
@pytest.mark.parametrize("name", SPECTRA)
def test_spectral_norm_is_numpys_to_its_certificate(d: int, name: str) -> None:
    rng = np.random.default_rng(d)
    V = np.linalg.qr(rng.standard_normal((d, d)))[0]
    values = SPECTRA[name](d, rng)
    Q = (V * values) @ V.T
    Q = (Q + Q.T) / 2
    found = float(spectral_norm(jnp.asarray(Q)))
    # Beyond 1e-8 only eigenvalues that crowd, down to which squaring stops at ln(d) / 2^23.
    tolerance = 1e-6 if name == "within 1e-7" else 1.1e-8
    np.testing.assert_allclose(found, np.linalg.norm(Q, 2), rtol=tolerance)
    # As a lane beside another one it is the same number.
    lanes = jax.vmap(spectral_norm)(jnp.stack([jnp.eye(d), jnp.asarray(Q)]))
    np.testing.assert_allclose(lanes[1], found, rtol=1e-13)


def test_spectral_norm_of_nothing_is_zero_and_of_a_diverged_matrix_nan() -> None:
    assert float(spectral_norm(jnp.zeros((4, 4)))) == 0.0
    for bad in (jnp.nan, jnp.inf):
        assert np.isnan(float(spectral_norm(jnp.eye(4).at[1, 1].set(bad))))


@pytest.mark.parametrize("rule", ["proportional", "geometric", "polyak"])
def test_subgm_is_the_papers_update_written_with_loops(rule: str) -> None:
    problem = drawn().corrupted(0.2, 3.0, 0.1)
    A = np.asarray(jax.vmap(problem.operator.coordinates.unpack)(problem.operator.rows))
    y, best = np.asarray(problem.y), float(problem.loss_at_truth)
    U0 = spectral_start(problem.start_matrix, 3, 4, 0.1)
    U, travel = np.asarray(U0), 0.0
    for t in range(25):
        r = np.array([np.sum(A_i * (U @ U.T)) for A_i in A]) - y
        Q = sum(np.sign(x) * A_i for x, A_i in zip(r, A, strict=True)) / len(A)
        D = (Q + Q.T) @ U
        f, norm = np.abs(r).mean(), np.linalg.norm(Q, 2)
        eta = {
            "proportional": 0.1 * f,
            "geometric": 0.2 * 0.9**t / norm,
            "polyak": max(f - best, 0.0) / np.sum(D**2),
        }[rule]
        U, travel = U - eta * D, travel + eta * norm
    made = {
        "proportional": proportional(0.2),
        "geometric": geometric(0.2, 0.9),
        "polyak": polyak(best),
    }[rule]
    solver = subgm(problem, made)
    final, _ = run(solver, solver.init(U0), linear_ticks(25, 5), lambda state: {})
    # The geometric rule also carries the norm's certified 1e-8 a step.
    tolerance = 1e-6 if rule == "geometric" else 1e-8
    np.testing.assert_allclose(final.U, U, atol=tolerance)
    np.testing.assert_allclose(final.travel, travel, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(final.U)[:, 3], 0.0)


def test_travel_of_the_tied_rule_is_its_budget() -> None:
    alpha, eta, budget = 1e-4, 0.3, 0.65
    rho = 1 - eta / theory.travel_budget(budget, 1.0, alpha)
    problem = drawn(m=200).corrupted(0.1, 10.0, 0.0)
    solver = subgm(problem, geometric(eta, rho))
    start = spectral_start(problem.start_matrix, 6, 6, alpha)
    final, _ = run(solver, solver.init(start), linear_ticks(2000, 2000), lambda state: {})
    np.testing.assert_allclose(final.travel, budget * np.log(1e4), rtol=1e-6)


def test_spectral_start_is_alpha_squared_times_the_positive_part_of_C() -> None:
    C = np.diag([3.0, -5.0, 1.0, 2.0, -0.1])
    for k, kept in ((2, [3.0, 0, 0, 2.0, 0]), (5, [3.0, 0, 1.0, 2.0, 0])):
        U = spectral_start(jnp.asarray(C), k, 5, 0.1)
        np.testing.assert_allclose(U @ U.T, 0.01 * np.diag(kept), atol=1e-15)
    assert np.count_nonzero(np.abs(spectral_start(jnp.asarray(C), 2, 5, 0.1)).sum(axis=0)) == 2


def test_expected_loss_under_the_noiseless_rule_is_gradient_descent() -> None:
    """eta_t D_t = (2/pi) eta Delta U: GD of the population at step (2/pi) eta."""
    expected = drawn().expected(0.0, 0.0, 0.0)
    U0 = spectral_start(expected.start_matrix, 6, 6, 0.1)
    truth = sensing.Truth(jnp.eye(6, 2), SIGMA, jnp.eye(6, 2))
    ours, plain = (
        subgm(expected, proportional(0.3)),
        symmetric_gd(sensing.population(truth), 0.3 * 2 / np.pi),
    )
    ticks = linear_ticks(200, 200)
    state, _ = run(ours, ours.init(U0), ticks, lambda s: {})
    X, _ = run(plain, plain.init(U0), ticks, lambda s: {})
    np.testing.assert_allclose(state.U, X, atol=1e-12)


def test_population_curve_is_the_residual_blocks() -> None:
    expected = drawn(d=8).expected(0.0, 0.0, 0.0)
    U0 = spectral_start(expected.start_matrix, 8, 8, 0.05)
    s0 = jnp.linalg.svd(U0[2:] @ null_projector(U0[:2], 8), compute_uv=False)
    solver, ticks = subgm(expected, proportional(0.3)), np.array([0, 20_000])
    _, seen = run(solver, solver.init(U0), ticks, lambda s: {"e": expected.gap(s.U)})
    curve = theory.population_curve(s0, 0.3, jnp.asarray([20_000.0]))
    np.testing.assert_allclose(np.linalg.norm(seen["e"][-1]), curve[0], rtol=0.02)


def textbook_scaled(problem: Robust, U: np.ndarray, steps: int, damping: float = 0.0) -> np.ndarray:
    """[tong2021] in its symmetric form, written with inverses on a factor without spare columns."""
    A = np.asarray(jax.vmap(problem.operator.coordinates.unpack)(problem.operator.rows))
    y, best = np.asarray(problem.y), float(np.abs(np.asarray(problem.noise)).mean())
    for _ in range(steps):
        r = np.einsum("mij,ij->m", A, U @ U.T) - y
        D = 2 * np.einsum("m,mij->ij", np.sign(r), A) / len(A) @ U
        above = max(np.abs(r).mean() - best, 0.0)
        inverse = np.linalg.inv(U.T @ U + damping * above * np.eye(U.shape[1]))
        U = U - above / np.trace(D @ inverse @ D.T) * D @ inverse
    return U


@pytest.mark.parametrize("damping", [0.0, 1.0])
def test_scaled_subgm_is_the_published_rule_and_damped_on_request(damping: float) -> None:
    """At k = r, with zero columns beside it or without; the two rules differ widely."""
    problem = drawn(m=300).corrupted(0.1, 3.0, 0.0)
    for width in (2, 4):
        U0 = spectral_start(problem.start_matrix, 2, width, 1.0)
        solver = scaled_subgm(problem, damping) if damping else scaled_subgm(problem)
        final, _ = run(solver, U0, linear_ticks(19, 19), lambda U: {})
        plain = textbook_scaled(problem, np.asarray(U0)[:, :2], 19, damping)
        np.testing.assert_allclose(np.asarray(final)[:, :2], plain, atol=1e-9)
        np.testing.assert_array_equal(np.asarray(final)[:, 2:], 0.0)
        other = textbook_scaled(problem, np.asarray(U0)[:, :2], 19, 1 - damping)
        errors = [np.linalg.norm(problem.gap(jnp.asarray(U))) for U in (plain, other)]
        assert max(errors) > 1.25 * min(errors)


def test_scaled_subgm_does_not_see_kappa() -> None:
    times = []
    for kappa in (1.0, 20.0):
        seen = drawn(m=300, sigma=jnp.array([1.0, 1 / kappa])).corrupted(0.1, 3.0, 0.0)
        start = spectral_start(seen.start_matrix, 2, 2, 1.0)
        solver = scaled_subgm(seen)
        _, trace = run(solver, start, linear_ticks(400, 4), lambda U, s=seen: {"D": s.gap(U)})
        error = np.linalg.norm(trace["D"], axis=(1, 2)) * kappa
        times.append(int(np.argmax(error < 1e-6)))
    assert min(times) > 0
    assert times[1] < 2 * times[0]


def test_residual_blocks_are_those_of_a_factor_made_by_hand() -> None:
    """E has a part 2 on S's row and a part 3 across it; k = 3 of 4 columns."""
    U = jnp.zeros((5, 4)).at[0, 0].set(1.0).at[3, 0].set(2.0).at[4, 1].set(3.0)
    whole, idle = residual.residual_blocks(U, 1, 3)
    np.testing.assert_allclose(whole, np.hypot(4.0, 9.0))
    np.testing.assert_allclose(idle, 9.0)
    np.testing.assert_allclose(residual.learnt(U, 2), [9.0, 5.0])


def test_best_direction_beats_all_sampled_ones_and_is_attained() -> None:
    rng = np.random.default_rng(1)
    M = rng.standard_normal((6, 6))
    M = jnp.asarray(M + M.T)
    size, Y = sign_rip.best_direction(M, 2)
    np.testing.assert_allclose(jnp.sum(M * Y), size, rtol=1e-12)
    assert np.linalg.matrix_rank(Y, tol=1e-10) == 2
    np.testing.assert_allclose(jnp.linalg.norm(Y), 1.0)
    for _ in range(2000):
        other = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 6))
        assert np.sum(np.asarray(M) * other) / np.linalg.norm(other) <= float(size)
    np.testing.assert_allclose(sign_rip.best_direction(M, 6)[0], jnp.linalg.norm(M))


def test_deviation_is_at_least_what_single_directions_show() -> None:
    seen = drawn(m=150).corrupted(0.3, 10.0, 0.0)
    phi = theory.phi_gaussian(0.3, 10.0, 0.0, 1.0)

    @jax.jit
    def searched(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        few = sign_rip.deviation(seen, key, 2, phi, samples=4, rounds=2)
        return few, sign_rip.deviation(seen, key, 2, phi, samples=4, rounds=4)

    delta, more = (float(x) for x in searched(jax.random.key(3)))
    value, _ = sign_rip.directional(seen, jnp.diag(jnp.zeros(6).at[0].set(1.0)))
    assert delta >= abs(float(value - phi)) / float(phi)
    assert more >= delta


def test_growth_of_the_residual_block_is_the_edge_of_the_noise() -> None:
    """sqrt(2 d / m): the top eigenvalue of (1/m) sum +-A_i on symmetric matrices, at d = 200.

    The edge fluctuates by d^(-2/3), 3%; seed fixed.
    """
    d, m = 200, 5000
    G = np.random.default_rng(2).standard_normal((d, d)) / np.sqrt(m)
    edge = np.linalg.eigvalsh((G + G.T) / 2)[-1]
    predicted = theory.exponent_deficit(0.0, m, d, 0.5) * theory.ROOT / 2
    assert edge == pytest.approx(predicted, rel=0.04)


def test_gaussian_limit_is_the_weighted_medians_in_one_dimension() -> None:
    """d = 1: the least-l1 x solves min sum |a_i x - s_i|, the median of s/a with weights |a|.

    2000 repetitions know the root mean square to 1.6%; 5 of these.
    """
    rng, m, nu = np.random.default_rng(3), 2000, 0.1
    squares = []
    for _ in range(2000):
        a, s = rng.standard_normal(m), nu * rng.standard_normal(m)
        order = np.argsort(s / a)
        weight = np.cumsum(np.abs(a)[order])
        squares.append((s / a)[order][np.searchsorted(weight, weight[-1] / 2)] ** 2)
    rms = np.sqrt(np.mean(squares))
    assert rms == pytest.approx(theory.gaussian_limit(nu, m, 1, 1), rel=0.08)
