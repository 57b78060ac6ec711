"""Frequent Directions: the textbook by SVD, its guarantee, exactness, rows of zeros."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from matsense import loops
from matsense.errors import InvalidInput
from matsense.solvers.streaming.frequent_directions import frequent_directions, shrunk
from tests import streams

N, D = 203, 10
STREAMS = {
    "flat": streams.draw(jax.random.key(0), N, D, 3.0).rows,
    "sorted": streams.draw(jax.random.key(1), N, D, 3.0, h=5, order="energy").rows,
    "heavy-tailed": jax.random.t(jax.random.key(2), 1.5, (N, D)),
    "repeated": jnp.tile(jnp.eye(D), (N // D, 1)),
}


def sketch(rows: Array, l: int, chunk: int = 9) -> np.ndarray:  # noqa: E741
    solver = frequent_directions(l, rows.shape[1])
    begin = solver.init(jax.random.key(0))
    state = jax.jit(lambda state, rows: loops.scan(solver, state, rows, chunk)[0])(begin, rows)
    return np.asarray(shrunk(state.B, l))


def textbook(rows: np.ndarray, l: int) -> np.ndarray:  # noqa: E741
    """B^T B by singular value decompositions, with a list for a buffer."""

    def shrink(B: list[np.ndarray]) -> list[np.ndarray]:
        _, sigma, Vt = np.linalg.svd(np.array(B), full_matrices=False)
        cut = sigma[l - 1] ** 2 if len(sigma) >= l else 0.0
        left = np.sqrt(np.clip(sigma**2 - cut, 0.0, None))
        return [s * v for s, v in zip(left, Vt, strict=True)][: l - 1]

    B: list[np.ndarray] = []
    for row in rows:
        if len(B) == 2 * l:
            B = shrink(B)
        B.append(row)
    final = np.array(shrink(B)).reshape(-1, rows.shape[1])
    return np.asarray(final.T @ final)


@pytest.mark.parametrize("l", [2, 4])
@pytest.mark.parametrize("name", STREAMS)
def test_the_sketch_is_the_textbook_one_and_keeps_its_guarantee(name: str, l: int) -> None:  # noqa: E741
    rows = np.asarray(STREAMS[name])
    B = sketch(STREAMS[name], l)
    energy = np.sum(rows**2)
    np.testing.assert_array_equal(B[l - 1 :], 0.0)
    # 0 <= ||A x||^2 - ||B x||^2 <= ||A||_F^2 / l for every unit x.
    gap = np.linalg.eigvalsh(rows.T @ rows - B.T @ B)
    assert gap[0] >= -1e-12 * energy
    assert gap[-1] <= energy / l * (1 + 1e-12)
    if name != "repeated":  # Ties leave the choice of vectors to rounding.
        np.testing.assert_allclose(B.T @ B, textbook(rows, l), rtol=0, atol=1e-11 * energy)


def test_a_matrix_of_low_rank_is_kept_exactly() -> None:
    left = jax.random.normal(jax.random.key(0), (N, 3))
    rows = left @ jax.random.normal(jax.random.key(1), (3, D))
    B = sketch(rows, 4)
    np.testing.assert_allclose(B.T @ B, rows.T @ rows, rtol=0, atol=1e-11 * np.sum(rows**2))
    lossy = sketch(rows, 3)
    assert np.abs(lossy.T @ lossy - rows.T @ rows).max() > 1e-3


def test_rows_of_zeros_and_chunks_change_nothing() -> None:
    rows = STREAMS["flat"]
    holes = jnp.zeros((2 * N, D)).at[::2].set(rows)
    plain = sketch(rows, 3)
    np.testing.assert_array_equal(sketch(holes, 3), plain)
    np.testing.assert_array_equal(sketch(rows, 3, chunk=N), plain)


def test_read_is_the_sketchs_top_vector_and_memory_is_two_l_d() -> None:
    rows = streams.draw(jax.random.key(4), N, D, 40.0)
    solver = frequent_directions(3, D)
    state = loops.scan(solver, solver.init(jax.random.key(0)), rows.rows, 9)[0]
    v = np.linalg.svd(sketch(rows.rows, 3))[2][0]
    np.testing.assert_allclose(np.abs(solver.read(state)[:, 0] @ v), 1.0, atol=1e-12)
    assert rows.sin2(solver.read(state))[0] < 0.1
    assert solver.stored(state) == 2 * 3 * D


def test_a_sketch_that_is_empty_answers_with_a_unit_vector() -> None:
    """sin^2 of a zero vector would read as perfect."""
    solver = frequent_directions(1, D)
    state = loops.scan(solver, solver.init(jax.random.key(0)), STREAMS["flat"], 9)[0]
    np.testing.assert_array_equal(shrunk(state.B, 1), 0.0)
    np.testing.assert_allclose(np.linalg.norm(solver.read(state)), 1.0, rtol=1e-12)


def test_a_sketch_has_a_row() -> None:
    with pytest.raises(InvalidInput, match=r"l = 0.*give l = 1"):
        frequent_directions(0, D)
