"""Robust sensing against its definition with loops, its noise laws, and phi in closed form."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.problems.corruption import (
    LAWS,
    Corruptible,
    Expected,
    corruptible,
)
from matsense.theory import robust as theory

SIGMA = jnp.array([1.0, 0.5])
INDEPENDENT = [law for law in LAWS if law != "adversarial"]


def instance(law: str = "gaussian", m: int = 40, d: int = 6) -> Corruptible:
    return corruptible(jax.random.key(0), d, SIGMA, m, law)


@functools.cache
def outliers(seed: int, law: str) -> jax.Array:
    """400000 of a law, drawn once for all tests that ask for the same."""
    return corruptible(jax.random.key(seed), 2, jnp.ones(1), 400_000, law).outliers


def matrices(problem: Corruptible) -> np.ndarray:
    return np.asarray(jax.vmap(problem.operator.coordinates.unpack)(problem.operator.rows))


def test_loss_subgradient_and_start_are_their_definitions_with_loops() -> None:
    drawn = instance()
    seen = drawn.corrupted(0.4, 3.0, 0.2)
    A = matrices(drawn)
    U = np.asarray(jax.random.normal(jax.random.key(1), (6, 3)))
    X = np.diag([1.0, 0.5, 0, 0, 0, 0])
    y = np.array([np.sum(A_i * X) for A_i in A]) + np.asarray(seen.noise)
    r = np.array([np.sum(A_i * (U @ U.T)) for A_i in A]) - y
    f, Q = seen.look(jnp.asarray(U))
    np.testing.assert_allclose(f, np.abs(r).mean(), rtol=1e-12)
    expected = sum(np.sign(x) * A_i for x, A_i in zip(r, A, strict=True)) / len(A)
    np.testing.assert_allclose(Q, expected, atol=1e-13)
    np.testing.assert_allclose(seen.y, y, atol=1e-13)
    np.testing.assert_allclose(seen.loss_at_truth, np.abs(np.asarray(seen.noise)).mean())
    C = sum(np.sign(x) * A_i for x, A_i in zip(y, A, strict=True)) / len(A)
    np.testing.assert_allclose(seen.start_matrix, C, atol=1e-13)


def test_subgradient_is_the_derivative_of_the_loss() -> None:
    seen = instance().corrupted(0.4, 3.0, 0.2)
    U = jax.random.normal(jax.random.key(2), (6, 3))
    _, Q = seen.look(U)
    np.testing.assert_allclose(jax.grad(lambda U: seen.look(U)[0])(U), 2 * Q @ U, atol=1e-12)


def test_least_squares_view_has_the_squared_losss_gradient() -> None:
    """A quarter of the gradient of ||A(U U^T) - y||^2 / m, as in `symmetric_gd`."""
    seen = instance().corrupted(0.4, 3.0, 0.2)
    U = jax.random.normal(jax.random.key(3), (6, 3))
    loss = lambda U: jnp.mean(seen.residual(seen.gap(U)) ** 2) / 4  # noqa: E731
    R = seen.least_squares.residual(U, U)
    np.testing.assert_allclose(jax.grad(loss)(U), R @ U, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(seen.least_squares.misfit(U, U), 4 * loss(U), rtol=1e-10)


def test_small_blocks_are_not_drowned_by_the_signal() -> None:
    """At alpha = 1e-15 the block E E^T (1e-30) keeps its relative accuracy beside U U^T ~ 1."""
    U = jnp.zeros((6, 3)).at[0, 0].set(1.0).at[5, 2].set(1e-15)
    Delta = instance().corrupted(0.0, 0.0, 0.0).gap(U)
    np.testing.assert_allclose(Delta[5, 5], 1e-30, rtol=1e-12)


def test_outliers_have_the_share_and_grow_with_p_on_the_same_dice() -> None:
    """20000 measurements: the share's standard deviation is below 0.0036; 5 of them."""
    drawn = instance(m=20_000, d=3)
    masks = [np.asarray(drawn.corrupted(p, 1.0, 0.0).noise) != 0 for p in (0.2, 0.5, 0.9)]
    for p, mask in zip((0.2, 0.5, 0.9), masks, strict=True):
        assert abs(mask.mean() - p) < 0.018
    assert not np.any(masks[0] & ~masks[1]) and not np.any(masks[1] & ~masks[2])
    assert not np.any(drawn.corrupted(0.0, 5.0, 0.0).noise)


def test_adversarial_measurements_are_those_of_the_wrong_matrix() -> None:
    drawn = instance("adversarial")
    y = drawn.corrupted(0.999999, 1.0, 0.0).y
    wrong = np.diag([0, 0, 0, 0, 1.0, 0.5])
    np.testing.assert_allclose(y, [np.sum(A_i * wrong) for A_i in matrices(drawn)], atol=1e-13)


@pytest.mark.parametrize("law", INDEPENDENT)
@pytest.mark.parametrize("ratio", [0.3, 3.0, 1e6])
def test_survival_is_the_mean_over_draws(law: str, ratio: float) -> None:
    """4e5 draws of a number in [0, 1] with variance below 1/4: 5 standard errors are 0.004."""
    mean = float(np.mean(np.exp(-((ratio * np.asarray(outliers(4, law))) ** 2) / 2)))
    assert theory.survival(law, ratio) == pytest.approx(mean, abs=0.004)


@pytest.mark.parametrize("law", INDEPENDENT)
@pytest.mark.parametrize("noise", [(0.3, 2.0, 0.0), (0.0, 0.0, 1.5), (0.6, 2.0, 0.7)])
def test_phi_is_the_mean_of_the_subgradient(law: str, noise: tuple[float, float, float]) -> None:
    """Directly in numpy: sign(g + n - s) g for the law's s; 4e5 draws, within 5 standard errors
    of sqrt((1 - phi^2) / m), a false alarm in 6e-7 of all seeds.
    """
    p, scale, nu = noise
    m = 400_000
    rng = np.random.default_rng(0)
    norm = 0.8
    g = norm * rng.standard_normal(m)
    s = np.where(rng.random(m) < p, scale * np.asarray(outliers(5, law)), 0.0)
    mean = np.mean(np.sign(g - s + nu * rng.standard_normal(m)) * g / norm)
    phi = theory.phi(law, p, scale, nu, norm)
    assert abs(mean - phi) < 5 * theory.phi_error(phi, m)
    if law == "gaussian":
        np.testing.assert_allclose(theory.phi_gaussian(p, scale, nu, norm), phi, rtol=1e-12)


def test_phi_of_dependent_outliers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="adversarial"):
        theory.phi("adversarial", 0.3, 1.0, 0.0, 1.0)


def test_expected_loss_has_its_gradient_and_is_the_mean_of_the_empirical() -> None:
    drawn = instance(m=200_000, d=4)
    U = 0.7 * jax.random.normal(jax.random.key(6), (4, 2))
    expected = drawn.expected(0.3, 2.0, 0.5)
    f, Q = expected.look(U)
    slope = jax.grad(lambda U: expected.look(U)[0])(U)
    np.testing.assert_allclose(slope, 2 * Q @ U, rtol=1e-10, atol=1e-14)
    mean, Q_m = drawn.corrupted(0.3, 2.0, 0.5).look(U)
    # Entries of Q have variance at most 1 / m, |r| a standard deviation below 3: 5 sigma.
    np.testing.assert_allclose(Q, Q_m, atol=5 / math.sqrt(200_000))
    np.testing.assert_allclose(f, mean, atol=15 / math.sqrt(200_000))
    at_truth = jnp.diag(jnp.sqrt(jnp.array([1.0, 0.5, 0.0, 0.0])))
    np.testing.assert_allclose(expected.look(at_truth)[0], expected.loss_at_truth, rtol=1e-12)
    assert np.isfinite(Expected(SIGMA, jnp.eye(4)).look(at_truth)[1]).all()
