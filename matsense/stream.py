"""One pass over the stored rows of a matrix, chunk by chunk, in one compiled scan."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.solvers import StreamSolver


def scan(
    solver: StreamSolver,
    state: Any,
    rows: Float[Array, "n d"],
    chunk: int,
    ticks: int = 1,
    record: Callable[[Any], dict[str, Array]] = lambda state: {},
) -> tuple[Any, dict[str, Array]]:
    """One pass over stored rows, `chunk` at a time; `record(state)` is stacked over `ticks` looks.

    The looks are equally spaced, as far as whole chunks allow, and the last one is at the end:
    the stream is filled with zero rows to ticks times a whole number of chunks. Rows are read where
    they lie: only the filled chunks are copies.
    """
    n = rows.shape[0]
    each = -(-n // (chunk * ticks))
    if n < chunk:
        rows = jnp.pad(rows, ((0, chunk - n), (0, 0)))

    def taken(first: Array) -> Float[Array, "chunk d"]:
        return jax.lax.dynamic_slice_in_dim(rows, first, chunk)

    def filled(first: Array) -> Float[Array, "chunk d"]:
        # The slice cannot reach beyond the rows: it starts early, and what was seen is blanked.
        late = jnp.minimum(first - (rows.shape[0] - chunk), chunk)
        fresh = jnp.arange(chunk) < chunk - late
        return jnp.where(fresh[:, None], jnp.roll(rows[-chunk:], -late, 0), 0.0)

    def to_next(state: Any, chunks: Array) -> tuple[Any, dict[str, Array]]:
        def one(state: Any, number: Array) -> tuple[Any, None]:
            first = number * chunk
            if each * ticks * chunk <= rows.shape[0]:
                return solver.step(state, taken(first)), None
            beyond = first + chunk > rows.shape[0]
            return solver.step(state, jax.lax.cond(beyond, filled, taken, first)), None

        state, _ = jax.lax.scan(one, state, chunks)
        return state, record(state)

    return jax.lax.scan(to_next, state, jnp.arange(ticks * each).reshape(ticks, each))
