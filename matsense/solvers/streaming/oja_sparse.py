"""Oja's method on sparse rows: only the coordinates that a row touches are read and written."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matsense.solvers.streaming.oja import OjaState


def oja_sparse(
    eta: Float[Array, " lanes"],
    state: OjaState,
    columns: Int[Array, "n k"],
    values: Float[Array, "n k"],
    exponential: bool = False,
) -> OjaState:
    """One pass at fixed rates over rows with k entries, O(k lanes) a row whatever d is.

    Between the two ends of the pass vectors are not normalised: sum over rows that share a
    coordinate of ln(1 + eta ||a||^2) must stay below 350 (as in `oja`).

    The `exponential` update v <- exp(eta a a^T) v, whose growth in large rows is not cut to a
    factor 1 + eta ||a||^2, is Oja's with the rate (e^{eta ||a||^2} - 1) / ||a||^2 (derived).
    """
    k = values.shape[1]
    norm2 = jnp.sum(values * values, axis=1)

    def one(V: Array, row: tuple[Array, Array, Array]) -> tuple[Array, None]:
        at, a, size = row
        grown = jnp.expm1(eta * size) / jnp.where(size > 0.0, size, 1.0) if exponential else eta

        # One slice and one update of V in each loop: with two, or with gather and scatter, the
        # compiler copies V for every row.
        def read(j: Array, c: Array) -> Array:
            return c + a[j] * jax.lax.dynamic_slice_in_dim(V, at[j], 1)

        def write(j: Array, V: Array) -> Array:
            moved = jax.lax.dynamic_slice_in_dim(V, at[j], 1) + a[j] * c
            return jax.lax.dynamic_update_slice_in_dim(V, moved, at[j], 0)

        c = grown[None] * jax.lax.fori_loop(0, k, read, jnp.zeros((1, eta.shape[0])))
        return jax.lax.fori_loop(0, k, write, V), None

    V, _ = jax.lax.scan(one, state.V, (columns, values, norm2))
    norm = jnp.linalg.norm(V, axis=0)
    return OjaState(V / norm[None], state.s + jnp.log(norm), state.seen + values.shape[0])
