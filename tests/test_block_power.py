"""The block power method and its baselines: textbook loops, chunkings, modes, shared matrices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense import loops
from matsense.errors import InvalidInput
from matsense.problems import streaming
from matsense.solver import StreamSolver
from matsense.solvers.streaming.block_power import (
    block_power,
    chosen,
    kept_weights,
    level_of,
    powers_of_two,
    row_draws,
    top_right,
)
from matsense.solvers.streaming.noisy_power import minibatch_oja, noisy_power
from matsense.solvers.streaming.power_by_labels import power_by_labels, random_labels
from tests import streams

N, D, T = 300, 12, 5
PLAIN = streams.draw(jax.random.key(0), N, D, 6.0)
HEAVY = streams.draw(jax.random.key(1), N, D, 6.0, h=5, share=0.6)
ORACLE = jnp.sum(HEAVY.rows**2)[None]


def one_pass(solver: StreamSolver, instance: streaming.Stream, chunk: int = 7) -> Any:
    start = solver.init(jax.random.key(3))
    return start, jax.jit(lambda: loops.scan(solver, start, instance.rows, chunk)[0])()


def textbook(
    rows: np.ndarray, start: Any, guess: float, blocks: int, capacity: int, c: float, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """z of the block power method and the stored rows, row by row; randomness from the solver."""
    n, d = rows.shape
    D = level_of(d)
    uniform = np.asarray(row_draws(start.key, jnp.arange(n), k)[0])
    z, y, stored = np.asarray(start.Z)[:, 0], np.zeros(d), []
    for i, a in enumerate(rows):
        level = D * (a @ a) / guess
        if level >= 1 and len(stored) < capacity:
            stored.append(a)
        elif uniform[i] < min(1, c * level):
            y = y + a * (a @ z) / min(1, c * level)
        if (i + 1) * blocks // n > i * blocks // n:
            z, y = (y / np.linalg.norm(y) if np.any(y) else z), np.zeros(d)
    return z, np.array(stored)


@pytest.mark.parametrize(("chunk", "capacity"), [(7, 20), (64, 20), (300, 2), (1, 20)])
def test_the_method_is_the_textbook_one_whatever_the_chunks(chunk: int, capacity: int) -> None:
    solver = block_power(N, D, 1, T, ORACLE, capacity, c=2.0, k=6)
    start, final = one_pass(solver, HEAVY, chunk)
    rows = np.asarray(HEAVY.rows)
    z, stored = textbook(rows, start, float(ORACLE[0]), T, capacity, 2.0, 6)
    assert len(stored) == min(5, capacity)
    kept = np.asarray(final.heavy[0])
    np.testing.assert_array_equal(kept[: len(stored)], stored)
    np.testing.assert_array_equal(kept[len(stored) :], 0.0)
    G = np.asarray(row_draws(start.key, jnp.arange(N), 6)[1])
    np.testing.assert_allclose(final.S, G.T @ rows, rtol=0, atol=1e-12)
    u = np.linalg.svd(stored)[2][0]
    best = max((z, u), key=lambda v: np.linalg.norm(G.T @ rows @ v))
    np.testing.assert_allclose(np.abs(solver.read(final)[:, 0] @ best), 1.0, atol=1e-12)
    # Every other chunking ends at the same power vector.
    power = final.Y[:, 0] / jnp.linalg.norm(final.Y[:, 0])
    np.testing.assert_allclose(power, z, rtol=0, atol=1e-10)
    assert solver.stored(final) == D * (len(stored) + 2 + 6) + 1


def test_a_guess_side_by_side_is_that_guess_alone() -> None:
    guesses = powers_of_two(-4, 9)
    many = block_power(N, D, 2, T, guesses, 30)
    final = one_pass(many, HEAVY)[1]
    best = int(chosen(guesses, final.total))
    total = float(ORACLE[0])
    assert total <= guesses[best] < 2 * total
    alone = block_power(N, D, 2, T, guesses[best][None], 30)
    single = one_pass(alone, HEAVY)[1]
    np.testing.assert_allclose(many.read(final), alone.read(single), rtol=0, atol=1e-12)
    # The least guess holds every row for heavy: its buffer is full, and the pass went on.
    assert final.found[0] == N
    rows = np.minimum(np.asarray(final.found), 30).sum()
    assert many.stored(final) == D * (rows + 2 * 2 * len(guesses) + 32) + 1


def test_guesses_that_are_all_too_small_leave_the_largest() -> None:
    assert chosen(jnp.array([1.0, 4.0, 2.0]), jnp.array(9.0)) == 1
    assert chosen(jnp.array([16.0, 8.0, 2.0]), jnp.array(8.0)) == 1


@pytest.mark.parametrize("sampled", [False, True])
def test_trials_that_share_the_matrix_are_passes_over_permuted_rows(sampled: bool) -> None:
    """c D ||a||^2 / ||A||_F^2 is large enough for q = 1, or so small that half are left out."""
    c = 0.5 * N / level_of(D) if sampled else 1e3
    total = jnp.sum(PLAIN.rows**2)[None]
    solver = block_power(N, D, 1, T, total, 0, c=c)
    labels = random_labels(jax.random.key(5), N, 3, T)
    start = solver.init(jax.random.key(3))
    ends, weights = [], []
    for trial in range(3):
        order = jnp.argsort(labels[:, trial])
        rows = PLAIN.rows[order]
        ends.append(loops.scan(solver, start, rows, 10)[0])
        level = c * level_of(D) * jnp.sum(rows**2, axis=1) / total
        uniform = row_draws(start.key, jnp.arange(N), 32)[0]
        weights.append(jnp.zeros(N).at[order].set(kept_weights(uniform, level)))
    W = jnp.stack(weights, axis=1)
    assert (0.3 < float(jnp.mean(W > 0)) < 0.7) == sampled
    Z = power_by_labels(PLAIN.rows, labels, jnp.tile(start.Z, (1, 3)), T, W)
    own = jnp.stack([(e.Y / jnp.linalg.norm(e.Y))[:, 0] for e in ends], axis=1)
    np.testing.assert_allclose(Z, own, rtol=0, atol=1e-10)


def test_an_empty_block_leaves_the_vector() -> None:
    labels = jnp.minimum(random_labels(jax.random.key(5), N, 2, T), jnp.array([[1, 9]]))
    Z0 = PLAIN.rows[:2].T
    Z = power_by_labels(PLAIN.rows, labels, Z0, T)
    two = power_by_labels(PLAIN.rows, labels[:, :1], Z0[:, :1], 2)
    np.testing.assert_allclose(Z[:, :1], two, rtol=0, atol=1e-13)


def test_random_labels_fill_blocks_evenly() -> None:
    labels = np.asarray(random_labels(jax.random.key(0), N, 4, 7))
    for column in labels.T:
        counts = np.bincount(column, minlength=7)
        assert counts.max() - counts.min() <= 1 and counts.sum() == N
    assert not np.array_equal(labels[:, 0], labels[:, 1])


def test_sampling_is_unbiased() -> None:
    """Mean weight 1 to 4 standard errors, a false alarm of 1 in 16000; the seed is fixed."""
    q = jnp.tile(jnp.array([0.05, 0.5, 1.0, 3.0, 0.0]), (40_000, 1))
    uniform = jax.random.uniform(jax.random.key(0), (40_000, 1))
    mean = np.asarray(jnp.mean(kept_weights(uniform, q), axis=0))
    error = np.sqrt(np.array([1 / 0.05 - 1, 1.0, 0.0, 0.0, 0.0]) / 40_000)
    np.testing.assert_array_less(np.abs(mean - [1, 1, 1, 1, 0]), 4 * error + 1e-12)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6)])
def test_top_right_is_lapacks(shape: tuple[int, int]) -> None:
    H = jax.random.normal(jax.random.key(0), shape)
    v = np.linalg.svd(np.asarray(H))[2][0]
    np.testing.assert_allclose(np.abs(top_right(H) @ v), 1.0, atol=1e-12)
    np.testing.assert_array_equal(top_right(jnp.zeros(shape)), 0.0)


def test_baselines_are_their_textbook_loops() -> None:
    noise, eta, batch = jnp.array([0.0, 0.3]), jnp.array([0.2, 3.0]), 40
    power, oja = noisy_power(D, 2, batch, noise), minibatch_oja(D, 2, batch, eta)
    start, powered = one_pass(power, PLAIN)
    rows = np.asarray(PLAIN.rows)
    for lane in range(2):
        v = w = np.asarray(start.V)[:, lane]
        for number, first in enumerate(range(0, N, batch)):
            part = rows[first : first + batch]
            g = np.asarray(jax.random.normal(jax.random.fold_in(start.key, number), (D, 2)))
            y = part.T @ (part @ v) + float(noise[lane]) * g[:, lane]
            v = y / np.linalg.norm(y)
            w = w + float(eta[lane]) * part.T @ (part @ w)
            w = w / np.linalg.norm(w)
        np.testing.assert_allclose(power.read(powered)[:, lane], v, rtol=0, atol=1e-11)
        final = one_pass(oja, PLAIN, 64)[1]
        np.testing.assert_allclose(oja.read(final)[:, lane], w, rtol=0, atol=1e-11)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"blocks = 301.*give 1 to 300"):
        block_power(N, D, 1, N + 1, ORACLE, 4)
    with pytest.raises(InvalidInput, match="batch = 0"):
        noisy_power(D, 1, 0, jnp.zeros(1))
