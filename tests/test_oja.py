"""Oja's method: textbook rows, exact blocks, the growth certificate D0."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from matsense import stream
from matsense.problems import streaming
from matsense.solvers.oja import Form, OjaState, Rates, fixed, harmonic, longest_block, oja
from matsense.theory.streaming import growth_certificate

N, D = 300, 12
ETAS = jnp.array([0.01, 0.3, 1.0, 4.0, 50.0])


def heavy_tailed(key: Array) -> streaming.Stream:
    return streaming.with_truth(jax.random.t(key, 1.5, (N, D)))


STREAMS = {
    "random": streaming.draw(jax.random.key(0), N, D, 8.0),
    "sorted": streaming.draw(jax.random.key(1), N, D, 3.0, h=5, share=0.8, order="energy"),
    "heavy-tailed": heavy_tailed(jax.random.key(2)),
}


def textbook(rows: np.ndarray, v: np.ndarray, etas: np.ndarray) -> tuple[np.ndarray, float]:
    """v <- v + eta a (a . v), written row by row; returns the unit vector and ln of the growth."""
    s = 0.0
    for a, eta in zip(rows, etas, strict=True):
        v = v + eta * a * (a @ v)
        s += np.log(np.linalg.norm(v))
        v = v / np.linalg.norm(v)
    return v, s


@functools.cache
def passes(form: Form, schedule: Callable[[Array], Rates]) -> Callable[..., Any]:
    """One compiled pass for all streams: its start, its end, and the certificate at six looks.

    Chunks of 7 do not divide 300: the zero rows that fill the last one change nothing.
    """
    solver = oja(schedule(ETAS), D, len(ETAS), form)

    @jax.jit
    def one(instance: streaming.Stream, key: Array) -> Any:
        state = solver.init(key)
        start = jnp.linalg.norm(instance.off(state.V), axis=0)

        def record(state: OjaState) -> dict[str, Array]:
            off = jnp.linalg.norm(instance.off(state.V), axis=0)
            return {"excess": off - growth_certificate(ETAS, instance.lambda2, state.s, start)}

        return state, *stream.scan(solver, state, instance.rows, 7, 6, record)

    return one


@pytest.mark.parametrize("form", ["rows", "blocks"])
@pytest.mark.parametrize("schedule", [fixed, harmonic])
@pytest.mark.parametrize("name", STREAMS)
def test_every_form_is_the_textbook_method(
    name: str, schedule: Callable[[Array], Rates], form: Form
) -> None:
    instance = STREAMS[name]
    state, final, seen = passes(form, schedule)(instance, jax.random.key(3))
    steps = np.asarray(schedule(ETAS)(jnp.arange(N)))
    for lane in range(len(ETAS)):
        v, s = textbook(np.asarray(instance.rows), np.asarray(state.V[:, lane]), steps[:, lane])
        np.testing.assert_allclose(final.V[:, lane], v, rtol=0, atol=1e-12)
        np.testing.assert_allclose(final.s[lane], s, rtol=1e-11, atol=1e-12)
    # D0 at every look; the largest rate of eta / t is its first.
    assert seen["excess"].shape == (6, len(ETAS))
    assert np.max(seen["excess"]) <= 1e-12


def test_the_certificate_is_not_empty() -> None:
    """Half of the rate in the bound is too little somewhere on the signed stream's worst order."""
    instance = streaming.signed(jax.random.key(0), 4000, 10, 16.0, "signs")
    eta = jnp.array([5.0]) / instance.lambda1
    solver = oja(fixed(eta), 10, 1)
    state = solver.init(jax.random.key(1))
    final, _ = stream.scan(solver, state, instance.rows, 32)
    ratio = instance.sin2(final.V)[0] / (0.5 * eta[0] * instance.lambda2)
    assert 1 / 3 < ratio <= 1.0


def test_blocks_do_not_overflow_up_to_the_longest() -> None:
    row = jnp.full((1, 4), 0.5)
    B = longest_block(1e6, 1.0)
    assert B == 25
    solver = oja(fixed(jnp.array([1e6])), 4, 1, "blocks")
    state = solver.init(jax.random.key(0))
    final, _ = stream.scan(solver, state, jnp.tile(row, (B, 1)), B)
    along = float(jnp.abs(state.V[:, 0] @ row[0]))
    np.testing.assert_allclose(final.s[0], B * np.log1p(1e6) + np.log(along), rtol=1e-12)
