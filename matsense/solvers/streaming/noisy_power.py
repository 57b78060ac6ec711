"""Mini-batches: a power step or an Oja step on the sum over a batch of rows; baselines."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.errors import InvalidInput
from matsense.solver import StreamSolver
from matsense.solvers.streaming.row_blocks import Finish, accumulate, direction, sphere


class BatchState(NamedTuple):
    """V: unit vectors. Y: the batch's sum so far. batch: its number. seen: rows so far."""

    V: Float[Array, "d lanes"]
    Y: Float[Array, "d lanes"]
    batch: Int[Array, ""]
    seen: Int[Array, ""]
    key: PRNGKeyArray


def noisy_power(
    d: int, lanes: int, batch: int, noise: Float[Array, " lanes"]
) -> StreamSolver[BatchState]:
    """v <- y + noise g, normalised, y = sum (a . v) a over a batch, g standard Gaussian.

    The noisy power method [hardt2014] on batches of a stream; `noise` is in units of y, one lane
    a noise. Every batch is a fresh sample of the rows, which is the method's own noise.
    Raises `InvalidInput` for batch < 1, as does `minibatch_oja`.
    """

    def finish(key: PRNGKeyArray) -> Finish:
        def noisy(number: Array, V: Array, Y: Array) -> Array:
            g = jax.random.normal(jax.random.fold_in(key, number), V.shape)
            silent = jnp.all(Y == 0.0, axis=0)
            return direction(jnp.where(silent, 0.0, Y + noise[None] * g), V)

        return noisy

    return _batched(d, lanes, batch, finish)


def minibatch_oja(
    d: int, lanes: int, batch: int, eta: Float[Array, " lanes"]
) -> StreamSolver[BatchState]:
    """v <- v + eta sum (a . v) a over a batch, normalised at its end; one lane a rate.

    Not Oja's method on the rows one by one, which `oja` computes exactly in blocks.
    """

    def finish(key: PRNGKeyArray) -> Finish:
        return lambda number, V, Y: direction(V + eta[None] * Y, V)

    return _batched(d, lanes, batch, finish)


def _batched(
    d: int, lanes: int, batch: int, finish: Callable[[PRNGKeyArray], Finish]
) -> StreamSolver[BatchState]:
    if batch < 1:
        raise InvalidInput(f"batch = {batch}", "a batch has a row or more", "give 1 or more")

    def init(key: PRNGKeyArray) -> BatchState:
        start, own = jax.random.split(key)
        V = sphere(start, d, lanes)
        return BatchState(V, jnp.zeros_like(V), jnp.array(0), jnp.array(0), own)

    def step(state: BatchState, X: Float[Array, "b d"]) -> BatchState:
        labels = (state.seen + jnp.arange(X.shape[0])) // batch
        V, Y, number = accumulate(
            X, labels, jnp.ones((X.shape[0], 1)), (state.V, state.Y, state.batch),
            finish(state.key),
        )  # fmt: skip
        return BatchState(V, Y, number, state.seen + X.shape[0], state.key)

    def read(state: BatchState) -> Float[Array, "d lanes"]:
        return finish(state.key)(state.batch, state.V, state.Y)

    return StreamSolver(init, step, read, lambda state: 2 * d * lanes)
