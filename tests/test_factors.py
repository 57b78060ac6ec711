"""Factored matrices and starts, against dense arithmetic and against their distribution."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matsense.factors import LowRank, gaussian_start, imbalance, imbalanced_start


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 7), st.integers(2, 7), st.integers(1, 3), st.integers(1, 3))
def test_factored_arithmetic_equals_dense(n1: int, n2: int, q: int, r: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (LowRank(*(jnp.asarray(rng.standard_normal((n, k))) for n in (n1, n2))) for k in (q, r))
    x = jnp.asarray(rng.standard_normal((n2, 2)))
    # Compiled as one program a shape.
    sides = jax.jit(lambda a, b, x: ((a - b).dense(), (a - b) @ x, (a - b).T.dense()))(a, b, x)
    dense = [np.asarray(m.left) @ np.asarray(m.right).T for m in (a, b)]
    difference = dense[0] - dense[1]
    for found, exact in zip(sides, (difference, difference @ x, difference.T), strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-12)
    np.testing.assert_allclose(a.dense(), dense[0], atol=1e-13)
    for half in (0.5, np.float64(0.5), jnp.asarray(0.5)):
        np.testing.assert_allclose((half * a).dense(), 0.5 * dense[0], atol=1e-13)


def test_columns_are_common_to_all_ranks_and_widths() -> None:
    key = jax.random.key(5)
    narrow = gaussian_start(key, 20, 3, 3, 0.5)
    wide = gaussian_start(key, 20, 5, 8, 0.5)
    np.testing.assert_array_equal(narrow, wide[:, :3])
    np.testing.assert_array_equal(wide[:, 5:], 0.0)


def test_start_has_entries_of_variance_alpha_squared_over_n() -> None:
    X = np.asarray(gaussian_start(jax.random.key(6), 400, 50, 50, 0.3))
    # The mean of 20000 squares has relative standard deviation sqrt(2 / 20000) = 0.01; 5 of them
    # give a false alarm in 6e-7 of all seeds.
    assert abs(400 * np.mean(X**2) / 0.09 - 1) < 0.05


def test_imbalanced_start_has_ratio_one_third_and_its_imbalance() -> None:
    F, G = imbalanced_start(jax.random.key(7), (300, 200), 40, 40, 0.6)
    # As above with 12000 and 8000 squares: 5 standard deviations of the ratio are 0.1.
    ratio = float(jnp.mean(G**2) * 200 / (jnp.mean(F**2) * 300))
    assert abs(9 * ratio - 1) < 0.1
    np.testing.assert_allclose(imbalance(F, G), F.T @ F - G.T @ G)
