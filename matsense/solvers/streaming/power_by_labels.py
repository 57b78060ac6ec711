"""The power method on blocks of rows, for many orders of one matrix at a time.

The order inside a block does not matter, so an order is the label of the block that each row falls
into: `block_power` on permuted rows, without a copy of the matrix for each trial.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.solvers.streaming.row_blocks import direction


def power_by_labels(
    rows: Float[Array, "n d"],
    labels: Int[Array, "n trials"],
    Z: Float[Array, "d trials"],
    blocks: Int[Array, ""] | int,
    weights: Float[Array, "n trials"] | None = None,
) -> Float[Array, "d trials"]:
    """The power method of many trials that share the rows but not their order.

    `blocks` pairs of products with the whole matrix serve all trials.
    A block without rows leaves its trial's vector as it is, so that trials of fewer blocks may
    stand beside others. `weights` are those of `kept_weights`; a weight of 0 leaves a row out.
    """

    def one(b: Array, Z: Array) -> Array:
        inner = rows @ Z
        own = inner if weights is None else weights * inner
        return direction(rows.T @ jnp.where(labels == b, own, 0.0), Z)

    return jax.lax.fori_loop(0, blocks, one, Z)


def random_labels(
    key: PRNGKeyArray, n: int, trials: int, blocks: Int[Array, ""] | int
) -> Int[Array, "n trials"]:
    """Labels of uniformly random orders of n rows, one order a trial."""
    place = jax.vmap(lambda k: jax.random.permutation(k, n))(jax.random.split(key, trials))
    return (place * blocks // n).T
