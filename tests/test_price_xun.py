"""Price and Xun's rule against a version written row by row, rate by rate."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from matsense import loops
from matsense.solvers.streaming.price_xun import chosen, price_xun, rates
from tests import streams

N, D = 240, 8


def textbook(
    rows: np.ndarray, start: np.ndarray, etas: np.ndarray, C: float
) -> tuple[np.ndarray, str]:
    """All rates one after another; the smallest accepted rate's vector, or the largest row."""
    x = rows[np.argmax(np.linalg.norm(rows, axis=1))]
    for eta in etas:
        v, s = start.copy(), 0.0
        for a in rows:
            v = v + eta * a * (a @ v)
            s += math.log(np.linalg.norm(v))
            v = v / np.linalg.norm(v)
        if s >= C * math.log(rows.shape[1]):
            return (v, "v") if eta * (x @ x) < 1 else (x / np.linalg.norm(x), "x")
    return x / np.linalg.norm(x), "x"


def test_the_answer_is_the_textbook_s_for_every_rule() -> None:
    """Small C: a vector; large C: only rates with eta ||x||^2 >= 1 grow enough, or none does."""
    light = streams.draw(jax.random.key(0), N, D, 6.0)
    heavy = streams.draw(jax.random.key(1), N, D, 6.0, h=3, share=0.9)
    etas = rates(1 / 8, 8.0, per_octave=2)
    kinds = set()
    for instance in (light, heavy):
        solver = price_xun(etas, D, starts=3)
        begin = solver.init(jax.random.key(2))
        final = jax.jit(lambda state, rows: loops.scan(solver, state, rows, 16)[0])(  # noqa: B023
            begin, instance.rows
        )
        for C in (0.5, 4.0, 40.0):
            answer = chosen(etas, final, C)
            for start in range(3):
                begins = np.asarray(begin.oja.V[:, start])
                v, kind = textbook(np.asarray(instance.rows), begins, np.asarray(etas), C)
                np.testing.assert_allclose(answer.V[:, start], v, rtol=0, atol=1e-12)
                assert bool(answer.fallback[start]) == (kind == "x")
                kinds.add(kind)
    assert kinds == {"v", "x"}


def test_rates_are_a_grid_of_quarter_octaves_that_reaches_its_end() -> None:
    grid = rates(0.5, 27.0)
    np.testing.assert_allclose(grid[1:] / grid[:-1], 2**0.25)
    assert grid[0] == 0.5 and grid[-1] <= 27.0 < grid[-1] * 2**0.25
    np.testing.assert_allclose(rates(1.0, 8.0, 1), [1, 2, 4, 8])


def test_rates_of_one_start_begin_at_the_same_vector_and_memory_is_counted() -> None:
    solver = price_xun(rates(1.0, 4.0, 1), D, starts=2)
    state = solver.init(jax.random.key(0))
    np.testing.assert_array_equal(state.oja.V[:, :2], state.oja.V[:, 4:])
    assert solver.stored(state) == 3 * 2 * (D + 1) + D


def test_a_stream_of_zeros_answers_with_its_start() -> None:
    solver = price_xun(rates(1.0, 4.0, 1), D)
    state = solver.init(jax.random.key(0))
    final, _ = loops.scan(solver, state, jnp.zeros((20, D)), 4)
    assert np.isfinite(solver.read(final)).all()
