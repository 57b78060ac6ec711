"""Power steps on blocks of consecutive rows, whose ends need not be the ends of chunks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

# finish(block, Z, Y): the vectors after the block of that number has been summed up in Y.
Finish = Callable[[Int[Array, ""], Float[Array, "d m"], Float[Array, "d m"]], Float[Array, "d m"]]


def accumulate(
    X: Float[Array, "b d"],
    labels: Int[Array, " b"],
    weights: Float[Array, " b #m"],
    vectors: tuple[Float[Array, "d m"], Float[Array, "d m"], Int[Array, ""]],
    finish: Finish,
) -> tuple[Float[Array, "d m"], Float[Array, "d m"], Int[Array, ""]]:
    """Takes a chunk of rows into (Z, Y, block): Y += sum_i weight_i a_i (a_i . Z) over its block.

    `labels`, ascending, number the blocks that the rows belong to; where a new one begins, Z
    becomes finish(block, Z, Y) and Y starts at 0. One pair of products for each block that the
    chunk touches.
    """
    Z, Y, block = vectors

    def one(b: Array, vectors: tuple[Array, Array]) -> tuple[Array, Array]:
        Z, Y = jax.lax.cond(
            b > block,
            lambda Z, Y: (finish(b - 1, Z, Y), jnp.zeros_like(Y)),
            lambda Z, Y: (Z, Y),
            *vectors,
        )
        own = jnp.where((labels == b)[:, None], weights, 0.0)
        return Z, Y + X.T @ (own * (X @ Z))

    Z, Y = jax.lax.fori_loop(labels[0], labels[-1] + 1, one, (Z, Y))
    return Z, Y, labels[-1]


def direction(Y: Float[Array, "d m"], Z: Float[Array, "d m"]) -> Float[Array, "d m"]:
    """Y with columns of unit norm; the column of Z where Y's is zero."""
    norm = jnp.linalg.norm(Y, axis=0, keepdims=True)
    return jnp.where(norm > 0, Y / jnp.where(norm > 0, norm, 1.0), Z)


def sphere(key: Array, d: int, m: int) -> Float[Array, "d m"]:
    """m starts, uniform on the sphere."""
    V = jax.random.normal(key, (d, m))
    return V / jnp.linalg.norm(V, axis=0, keepdims=True)
