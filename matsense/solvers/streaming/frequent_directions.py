"""Frequent Directions [liberty2013, ghashami2016]: a mergeable sketch of a stream of rows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.errors import InvalidInput
from matsense.solver import StreamSolver
from matsense.solvers.streaming.block_power import top_right
from matsense.solvers.streaming.row_blocks import direction


class DirectionsState(NamedTuple):
    """B: the sketch, rows from `fill` on are zero."""

    B: Float[Array, "two_l d"]
    fill: Int[Array, ""]


def frequent_directions(l: int, d: int) -> StreamSolver[DirectionsState]:  # noqa: E741 - papers'
    """Frequent Directions with l rows in a buffer of 2 l; one lane, no start.

    A full buffer is shrunk: its squared singular values fall by sigma_l^2, clipped at 0, which
    leaves l - 1 rows at most. Then 0 <= ||A x||^2 - ||B x||^2 <= ||A||_F^2 / l for unit x, and
    B^T B = A^T A if rank A < l [ghashami2016]. `read` shrinks once more and returns the top right
    singular vector of what is left, of unit norm even if that is nothing. Raises `InvalidInput`
    for l < 1.
    """
    if l < 1:
        raise InvalidInput(f"l = {l}", "a sketch has a row or more", "give l = 1 or more")

    def init(key: PRNGKeyArray) -> DirectionsState:
        return DirectionsState(jnp.zeros((2 * l, d)), jnp.array(0))

    def one(state: DirectionsState, row: Float[Array, " d"]) -> tuple[DirectionsState, None]:
        full = state.fill == 2 * l
        B = jax.lax.cond(full, lambda B: shrunk(B, l), lambda B: B, state.B)
        # Row l - 1 and all below are zero after shrinking. A row of zeros takes no place.
        fill = jnp.where(full, l - 1, state.fill)
        B = jax.lax.dynamic_update_slice(B, row[None], (fill, jnp.array(0)))
        return DirectionsState(B, fill + jnp.any(row != 0.0).astype(fill.dtype)), None

    def step(state: DirectionsState, X: Float[Array, "b d"]) -> DirectionsState:
        return jax.lax.scan(one, state, X)[0]

    def read(state: DirectionsState) -> Float[Array, "d 1"]:
        # Nothing may be left (l = 1, or rows of equal weight): then any unit vector answers.
        return direction(top_right(shrunk(state.B, l))[:, None], jnp.full((d, 1), d**-0.5))

    return StreamSolver(init, step, read, lambda state: 2 * l * d)


def shrunk(B: Float[Array, "two_l d"], l: int) -> Float[Array, "two_l d"]:  # noqa: E741
    """The rows sqrt((sigma_i^2 - sigma_l^2)_+) v_i, largest first; sigma, v those of B.

    By the Gram matrix of the rows: B is rotated from the left and its rows made shorter, so what
    rounding may do to a small sigma_i is no more than to B itself.
    """
    values, U = jnp.linalg.eigh(B @ B.T)
    values, U = values[::-1], U[:, ::-1]
    left = jnp.maximum(values - jnp.maximum(values[l - 1], 0.0), 0.0)
    shorter = jnp.where(left > 0, left / jnp.where(left > 0, values, 1.0), 0.0)
    # Exactly zero from row l - 1 on, whatever ties rounding has made of equal values.
    shorter = jnp.where(jnp.arange(B.shape[0]) < l - 1, shorter, 0.0)
    return jnp.sqrt(shorter)[:, None] * (U.T @ B)
