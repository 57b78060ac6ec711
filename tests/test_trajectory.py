"""A trajectory in one call, against loops written out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.loops import trace


def halve(t: Any, x: Any) -> Any:
    return 0.5 * x


def test_named_numbers_of_the_state_are_recorded_at_the_ticks() -> None:
    found = trace(halve, jnp.ones(2), 40, {"first": lambda x: x[0], "both": lambda x: x})
    t = np.asarray(found["t"])
    assert t[0] == 0 and t[-1] == 40
    np.testing.assert_array_equal(found["first"], 0.5**t)
    np.testing.assert_array_equal(found["both"], 0.5 ** t[:, None] * np.ones(2))
    linear = trace(halve, jnp.ones(2), 7, {"x": lambda x: x[0]}, every=3)
    np.testing.assert_array_equal(linear["t"], [0, 3, 6, 7])
    given = trace(halve, jnp.ones(2), 4, {"x": lambda x: x[0]}, ticks=np.array([0, 2, 4]))
    np.testing.assert_array_equal(given["x"], [1, 0.25, 0.0625])
    alike = trace(halve, jnp.ones(2), 4, lambda x: {"x": x[0]}, every=2)
    np.testing.assert_array_equal(alike["x"], given["x"])
    final = trace(halve, jnp.ones(2), 4, {}, last=lambda x: {"end": x})
    np.testing.assert_array_equal(final["end"], 0.0625 * np.ones(2))


def test_each_step_draws_afresh_and_each_chain_for_itself() -> None:
    def walk(t: Any, x: Any, key: Any) -> Any:
        return x + jax.random.normal(key)

    key, ticks = jax.random.key(3), np.arange(6)
    found = trace(walk, jnp.zeros(()), 5, {"x": lambda x: x}, key=key, ticks=ticks)
    x = [0.0]
    for t in range(5):
        x.append(x[-1] + float(jax.random.normal(jax.random.fold_in(key, t))))
    np.testing.assert_allclose(found["x"], x, rtol=1e-14)
    mean = trace(walk, jnp.zeros(()), 5, {"x": lambda x: x}, key=key, chains=4, ticks=ticks)
    own = [
        trace(walk, jnp.zeros(()), 5, {"x": lambda x: x}, key=k, ticks=ticks)["x"]
        for k in jax.random.split(key, 4)
    ]
    np.testing.assert_allclose(mean["x"], np.mean(own, axis=0), rtol=1e-14, atol=1e-15)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="give key="):
        trace(lambda t, x, key: x, jnp.ones(1), 5, {"x": lambda x: x})
    with pytest.raises(ValueError, match="are alike"):
        trace(halve, jnp.ones(1), 5, {"x": lambda x: x}, key=jax.random.key(0), chains=2)
    with pytest.raises(ValueError, match="are the ticks"):
        trace(halve, jnp.ones(1), 5, {"t": lambda x: x})
