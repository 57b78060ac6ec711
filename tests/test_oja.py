"""Oja's method: textbook rows, exact blocks, the growth certificate."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from matsense import loops
from matsense.problems import streaming
from matsense.solver import StreamSolver
from matsense.solvers.streaming.oja import (
    Form,
    OjaState,
    Rates,
    best_block,
    fixed,
    harmonic,
    oja,
)
from matsense.theory.streaming import growth_certificate

N, D = 300, 12
ETAS = jnp.array([0.01, 0.3, 1.0, 4.0, 50.0])


@jax.jit
def drawn() -> dict[str, streaming.Stream]:
    """Compiled as one: operation by operation it takes longer than all tests together."""
    keys = jax.random.split(jax.random.key(0), 3)
    heavy_tailed = jax.random.t(keys[2], 1.5, (N, D))
    return {
        "random": streaming.draw(keys[0], N, D, 8.0),
        "sorted": streaming.draw(keys[1], N, D, 3.0, h=5, share=0.8, order="energy"),
        "heavy-tailed": streaming.with_truth(heavy_tailed),
    }


STREAMS = drawn()


def textbook(rows: np.ndarray, v: np.ndarray, etas: np.ndarray) -> tuple[np.ndarray, float]:
    """v <- v + eta a (a . v), written row by row; returns the unit vector and ln of the growth."""
    s = 0.0
    for a, eta in zip(rows, etas, strict=True):
        v = v + eta * a * (a @ v)
        s += np.log(np.linalg.norm(v))
        v = v / np.linalg.norm(v)
    return v, s


def through(solver: StreamSolver, state: OjaState, rows: Array, chunk: int) -> OjaState:
    """The end of one compiled pass."""
    return jax.jit(lambda state, rows: loops.scan(solver, state, rows, chunk)[0])(state, rows)


@functools.cache
def passes(form: Form, schedule: Callable[[Array], Rates]) -> Callable[..., Any]:
    """One compiled pass for all streams: its start, its end, and the certificate at six looks.

    Chunks of 19 do not divide 300, nor blocks of 7 a chunk: shorter blocks and the zero rows that
    fill the last chunk change nothing.
    """
    solver = oja(schedule(ETAS), D, len(ETAS), form, 7)

    @jax.jit
    def one(instance: streaming.Stream, key: Array) -> Any:
        state = jax.jit(solver.init)(key)
        start = jnp.linalg.norm(instance.off(state.V), axis=0)

        def record(state: OjaState) -> dict[str, Array]:
            off = jnp.linalg.norm(instance.off(state.V), axis=0)
            return {"excess": off - growth_certificate(ETAS, instance.lambda2, state.s, start)}

        return state, *loops.scan(solver, state, instance.rows, 19, 6, record)

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
        np.testing.assert_allclose(final.s[lane], s, rtol=1e-12, atol=1e-12)
    # The certificate at every look; the largest rate of eta / t is its first.
    assert seen["excess"].shape == (6, len(ETAS))
    assert np.max(seen["excess"]) <= 1e-12


def test_the_certificate_is_not_empty() -> None:
    """Half of the rate in the bound is too little somewhere on the signed stream's worst order."""
    drawn = jax.jit(lambda key: streaming.signed(key, 4000, 10, 16.0, "signs"))
    instance = drawn(jax.random.key(0))
    eta = jnp.array([5.0]) / instance.lambda1
    solver = oja(fixed(eta), 10, 1)
    state = jax.jit(solver.init)(jax.random.key(1))
    final = through(solver, state, instance.rows, 32)
    ratio = instance.sin2(final.V)[0] / (0.5 * eta[0] * instance.lambda2)
    assert 1 / 3 < ratio <= 1.0


def test_blocks_do_not_overflow_up_to_the_longest() -> None:
    row = jnp.full((1, 4), 0.5)
    B = 25  # 25 ln(1 + 1e6) < 350
    solver = oja(fixed(jnp.array([1e6])), 4, 1, "blocks", B)
    state = jax.jit(solver.init)(jax.random.key(0))
    final = through(solver, state, jnp.tile(row, (B, 1)), B)
    along = float(jnp.abs(state.V[:, 0] @ row[0]))
    np.testing.assert_allclose(final.s[0], B * np.log1p(1e6) + np.log(along), rtol=1e-12)


def test_one_lane_by_itself_is_the_lane_among_others() -> None:
    """The vector form of "rows", on whole chunks: nothing is filled up."""
    instance = STREAMS["sorted"]
    many, one = oja(fixed(ETAS), D, len(ETAS), "rows"), oja(fixed(ETAS[1:2]), D, 1, "rows")
    state = jax.jit(many.init)(jax.random.key(3))
    final = through(many, state, instance.rows, 50)
    begin = OjaState(state.V[:, 1:2], state.s[1:2], state.seen)
    alone = through(one, begin, instance.rows, 50)
    np.testing.assert_allclose(alone.V[:, 0], final.V[:, 1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(alone.s[0], final.s[1], rtol=1e-13)
    assert int(alone.seen) == N


def test_a_chunk_longer_than_the_stream() -> None:
    solver = oja(fixed(ETAS), D, len(ETAS), "blocks", 7)
    state = jax.jit(solver.init)(jax.random.key(3))
    rows = STREAMS["random"].rows[:10]
    final, seen = loops.scan(solver, state, rows, 16, 2, lambda state: {"s": state.s})
    whole = jax.jit(solver.step)(state, rows)
    np.testing.assert_allclose(final.V, whole.V, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(seen["s"][0], seen["s"][1])


def as_float32(state: OjaState) -> OjaState:
    return OjaState(state.V.astype("float32"), state.s.astype("float32"), state.seen)


@pytest.mark.parametrize("form", ["rows", "blocks"])
def test_slow_growth_is_not_lost_in_float32(form: Form) -> None:
    """Each row adds about 1e-9 to s: ln of a norm in float32 would round it to 0 or 1e-7."""
    rows = STREAMS["random"].rows
    eta = jnp.array([3e-8, 3e-6])
    exact = oja(fixed(eta), D, 2, form, 8)
    state = jax.jit(exact.init)(jax.random.key(4))
    s = through(exact, state, rows, 50).s
    short = oja(fixed(eta.astype("float32")), D, 2, form, 8)
    found = through(short, as_float32(state), rows.astype("float32"), 50)
    assert found.s.dtype == np.float32
    assert float(s[0]) < 1e-6
    np.testing.assert_allclose(found.s, s, rtol=1e-5)


def test_blocks_in_float32_up_to_the_longest() -> None:
    """Growth of e^40 in one block: nothing overflows, and s has its 6 digits."""
    B = 8  # 8 ln(1 + 100) < 40
    row = jnp.full((1, 4), 0.5, "float32")
    solver = oja(fixed(jnp.array([100.0], "float32")), 4, 1, "blocks")
    state = as_float32(solver.init(jax.random.key(0)))
    final = jax.jit(solver.step)(state, jnp.tile(row, (B, 1)))
    along = float(jnp.abs(state.V[:, 0] @ row[0]))
    np.testing.assert_allclose(final.s[0], B * np.log1p(100.0) + np.log(along), rtol=1e-6)
    np.testing.assert_allclose(np.abs(final.V[:, 0]), 0.5, rtol=1e-6)


def test_few_lanes_go_row_by_row_and_many_in_blocks() -> None:
    assert best_block(1, 1000) == ("rows", 64)
    assert best_block(32, 1000) == ("blocks", 16)
    assert best_block(1, 1000, "gpu")[0] == "blocks"


def test_products_ask_for_full_precision() -> None:
    """On a GPU the default would be TF32: every product of a step says otherwise, twice."""
    solver = oja(fixed(ETAS), D, len(ETAS), "blocks")
    state = jax.jit(solver.init)(jax.random.key(0))
    text = str(jax.make_jaxpr(solver.step)(state, jnp.ones((8, D))))
    assert text.count("dot_general[") == 5
    assert text.count("HIGHEST") == 10
