"""Instances: their truths have the wanted spectrum, their residuals and losses are y's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.operators import Rows
from matsense.problems import sensing


def test_truths_have_the_wanted_spectrum() -> None:
    sigma = sensing.geometric_spectrum(3, 9.0)
    np.testing.assert_allclose(sigma, [1.0, 1 / 3, 1 / 9])
    np.testing.assert_allclose(sensing.geometric_spectrum(1, 9.0), [1.0])
    for truth in (
        sensing.symmetric_truth(jax.random.key(0), 8, sigma),
        sensing.rectangular_truth(jax.random.key(0), (8, 6), sigma),
    ):
        values = np.linalg.svd(truth.matrix.dense(), compute_uv=False)
        np.testing.assert_allclose(values[:3], sigma, rtol=1e-12)
        np.testing.assert_allclose(values[3:], 0.0, atol=1e-14)
    assert np.linalg.eigvalsh(sensing.symmetric_truth(jax.random.key(0), 8, sigma).matrix.dense())[
        0
    ] == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("form", ["rows", "gram"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_residual_and_misfit_are_those_of_the_measurements(form: str, noise: float) -> None:
    """R = A*(A(F G^T) - y) and ||A(F G^T) - y||^2, with y written out from the same draws."""
    m, key = 60, jax.random.key(1)
    truth = sensing.rectangular_truth(jax.random.key(2), (5, 4), jnp.array([1.0, 0.5]))
    problem = sensing.measured(key, truth, m, form, noise=noise)  # type: ignore[arg-type]
    rows = sensing.measured(key, truth, m, "rows").operator
    assert isinstance(rows, Rows)
    xi = noise * jax.random.normal(jax.random.split(key)[1], (m,)) / np.sqrt(m)
    A = np.asarray(rows.rows) / np.sqrt(m)
    y = A @ np.asarray(truth.matrix.dense()).reshape(-1) + np.asarray(xi)
    F, G = (
        jax.random.normal(jax.random.key(3), (5, 2)),
        jax.random.normal(jax.random.key(4), (4, 2)),
    )
    gap = A @ np.asarray(F @ G.T).reshape(-1) - y
    np.testing.assert_allclose(problem.residual(F, G), (A.T @ gap).reshape(5, 4), atol=1e-12)
    np.testing.assert_allclose(problem.misfit(F, G), gap @ gap, rtol=1e-11)


def test_noise_has_the_stated_size() -> None:
    """Sum of m squares of N(0, s^2/m) is s^2 (1 +- 5 sqrt(2/m)); false alarm 6e-7."""
    truth = sensing.symmetric_truth(jax.random.key(5), 3, jnp.array([1.0]))
    problem = sensing.measured(jax.random.key(6), truth, 5000, "gram", noise=0.7)
    assert problem.noise is not None
    assert abs(float(problem.noise.energy) / 0.49 - 1) < 5 * np.sqrt(2 / 5000)


def test_squared_error_is_exact_near_the_truth() -> None:
    truth = sensing.symmetric_truth(jax.random.key(7), 6, jnp.array([1.0, 0.5]))
    X = truth.U * jnp.sqrt(truth.sigma)[None]
    problem = sensing.population(truth)
    assert float(problem.squared_error(X, X)) < 1e-30
    assert float(problem.misfit(X, X)) == float(problem.squared_error(X, X))
