"""The split U = V S + V_perp E along the range of the truth: what is learnt, what is left over."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matsense.theory.overparam import null_projector


def residual_blocks(
    U: Float[Array, "d width"], r: int, k: int | Int[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """||E E^T||_F, and the same of the part of E orthogonal to the row space of S, [ma2023] setup.

    The range of the truth is the first r coordinate axes, so S = U[:r], E = U[r:]. The signal never
    pulls the second part back: its slow growth is the alpha^(2 - O(delta)) of Thm 22 and 27.
    """
    S, E = U[:r], U[r:]
    idle = E @ null_projector(S, k)
    return jnp.linalg.norm(E @ E.T), jnp.linalg.norm(idle @ idle.T)


def learnt(U: Float[Array, "d width"], count: int) -> Float[Array, " count"]:
    """The `count` largest eigenvalues of U U^T, descending."""
    return jnp.linalg.svd(U, compute_uv=False)[:count] ** 2
