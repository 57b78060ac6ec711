"""One pass over the rows of a matrix, chunk by chunk: a stored one in one compiled scan, or any
iterator of chunks with nothing but the solver's state in memory.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.solvers import StreamSolver


def chunked(rows: Float[Array, "n d"], chunk: int) -> Float[Array, "chunks chunk d"]:
    """The rows in order, in chunks of equal length; the last one is filled with zero rows."""
    n, d = rows.shape
    count = -(-n // chunk)
    return jnp.pad(rows, ((0, count * chunk - n), (0, 0))).reshape(count, chunk, d)


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
    the stream is filled with zero rows to ticks times a whole number of chunks.
    """
    X = chunked(rows, chunk)
    each = -(-X.shape[0] // ticks)
    X = jnp.pad(X, ((0, each * ticks - X.shape[0]), (0, 0), (0, 0)))

    def to_next(state: Any, part: Float[Array, "each chunk d"]) -> tuple[Any, dict[str, Array]]:
        state, _ = jax.lax.scan(lambda s, x: (solver.step(s, x), None), state, part)
        return state, record(state)

    return jax.lax.scan(to_next, state, X.reshape(ticks, each, chunk, -1))
