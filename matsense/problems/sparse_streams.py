"""Sparse streams on which Oja's method is hard pressed: reconstructions of [price2024]'s instance.

The pseudocode and the instances of the paper are not at hand: on these R = lambda_1 / lambda_2 is
exact, v1 is known, and `matsense.theory.streaming` has laws: `hard_failure` on the diagonal one,
`mixed_threshold` and `largest_row_error` on the mixed one.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.pytree import pytree, static


@pytree
class SparseStream:
    """Rows with k entries each: `values` (n, k) at `columns` (n, k), distinct in a row.

    A row of zero values is no row: it changes nothing. `largest` is a row of the largest norm.
    """

    columns: Int[Array, "n k"]
    values: Float[Array, "n k"]
    v1: Float[Array, " d"]
    lambda1: Float[Array, ""]
    lambda2: Float[Array, ""]
    largest: Float[Array, " d"]
    d: int = static()

    def dense(self) -> Float[Array, "n d"]:
        """The rows written out: for small instances."""
        n = self.values.shape[0]
        rows = jnp.zeros((n, self.d))
        return rows.at[jnp.arange(n)[:, None], self.columns].add(self.values)

    def off(self, V: Float[Array, "d lanes"]) -> Float[Array, "d lanes"]:
        """P V with P = I - v1 v1^T."""
        return V - self.v1[:, None] * (self.v1 @ V)[None]

    def sin2(self, V: Float[Array, "d lanes"]) -> Float[Array, " lanes"]:
        """Error of unit vectors, ||P v||^2."""
        return jnp.sum(self.off(V) ** 2, axis=0)


def diagonal(
    key: PRNGKeyArray, d: int, R: float | Float[Array, ""], m: int, most: int = 16
) -> SparseStream:
    """In random order: R copies of e_1, R <= `most` a whole number; m rows e_j / sqrt(m) for
    each of the d - 1 other coordinates. lambda_1 = R, lambda_2 = 1.
    """
    first = jnp.where(jnp.arange(most, dtype=float) < R, 1.0, 0.0)
    values = jnp.concatenate([first, jnp.full(m * (d - 1), m**-0.5)])
    columns = jnp.concatenate([jnp.zeros(most, int), 1 + jnp.repeat(jnp.arange(d - 1), m)])
    order = jax.random.permutation(key, values.shape[0])
    e1 = jnp.zeros(d).at[0].set(1.0)
    lambda1 = jnp.asarray(R, float)
    return SparseStream(columns[order, None], values[order, None], e1, lambda1, jnp.ones(()), e1, d)


def mixed(
    key: PRNGKeyArray, d: int, R: float | Float[Array, ""], m: int, most: int = 16
) -> SparseStream:
    """In random order: k = R - 1 rows e_1 + f_i, k <= `most` a whole number; m rows
    e_j / sqrt(m) for each of the d - 1 - most coordinates beyond the f_i.

    lambda_1 = R with v1 = (k e_1 + sum f_i) / sqrt(k^2 + k), lambda_2 = 1. The largest rows,
    e_1 + f_i, have sin^2 = (k - 1) / (2 k): no better than a constant.
    """
    tail = d - 1 - most
    present = jnp.where(jnp.arange(most, dtype=float) < R - 1.0, 1.0, 0.0)
    heavy = jnp.stack([present, present], axis=1)
    light = jnp.stack([jnp.full(m * tail, m**-0.5), jnp.zeros(m * tail)], axis=1)
    at_heavy = jnp.stack([jnp.zeros(most, int), 1 + jnp.arange(most)], axis=1)
    # The second entry of a light row is a zero in the first coordinate.
    at_light = jnp.stack(
        [1 + most + jnp.repeat(jnp.arange(tail), m), jnp.zeros(m * tail, int)], axis=1
    )
    order = jax.random.permutation(key, most + m * tail)
    columns = jnp.concatenate([at_heavy, at_light])[order]
    values = jnp.concatenate([heavy, light])[order]
    k = R - 1.0
    v1 = jnp.concatenate([jnp.reshape(k, 1), present, jnp.zeros(tail)]) / jnp.sqrt(k * k + k)
    x = jnp.zeros(d).at[:2].set(1.0)
    return SparseStream(columns, values, v1, jnp.asarray(R, float), jnp.ones(()), x, d)
