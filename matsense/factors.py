"""Factored matrices L R^T, the random starts of the factors, and ranks padded with zero columns."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from matsense.pytree import pytree


@pytree
class LowRank:
    """The matrix left @ right.T, kept in factored form: products with it cost O((n1 + n2) q).

    Differences are factored too (columns side by side), so X X^T - Sigma applied to a thin matrix
    costs O(n k (k + r)) and no n-by-n matrix is ever formed.
    """

    left: Float[Array, "n1 q"]
    right: Float[Array, "n2 q"]

    # A number of numpy's leaves the product with it to this class.
    __array_ufunc__ = None

    def __matmul__(self, thin: Float[Array, "n2 k"]) -> Float[Array, "n1 k"]:
        return self.left @ (self.right.T @ thin)

    def __sub__(self, other: "LowRank") -> "LowRank":
        return LowRank(
            jnp.concatenate([self.left, -other.left], axis=1),
            jnp.concatenate([self.right, other.right], axis=1),
        )

    def __rmul__(self, factor: float | np.floating | Float[Array, ""]) -> "LowRank":
        return LowRank(factor * self.left, self.right)

    @property
    def T(self) -> "LowRank":
        """The transpose, at no cost."""
        return LowRank(self.right, self.left)

    def dense(self) -> Float[Array, "n1 n2"]:
        """The full matrix: for errors at ticks and for dense operators."""
        return self.left @ self.right.T


def columns_below(k: int | Int[Array, ""], width: int) -> Bool[Array, " width"]:
    """Mask of the first k of `width` columns: the columns that a rank-k factor may use.

    A zero column of a factor stays zero under every gradient step, so runs of different rank ride
    in one batch, all padded to the same width.
    """
    return jnp.arange(width) < k


def padded_width(k: int, n1: int, n2: int) -> int:
    """Columns of factors of rank k: the next multiple of 8, so that ranks share a compilation."""
    return min(8 * -(-k // 8), n1, n2)


def gaussian_start(
    key: PRNGKeyArray,
    n: int,
    k: int | Int[Array, ""],
    width: int,
    alpha: float | Float[Array, ""],
) -> Float[Array, "n width"]:
    """Alpha times an n-by-k matrix with entries N(0, 1/n), zero-padded to `width` columns.

    Column j is the same for every k and width (the draw runs column by column), so ranks are
    compared on common random numbers. Scale as in [xiong2024], setting (recalled).
    """
    columns = jax.random.normal(key, (width, n)) / jnp.sqrt(n)
    return jnp.where(columns_below(k, width), alpha * columns.T, 0.0)


def imbalanced_start(
    key: PRNGKeyArray,
    shape: tuple[int, int],
    k: int | Int[Array, ""],
    width: int,
    alpha: float | Float[Array, ""],
    ratio: float | Float[Array, ""] = 1 / 3,
) -> tuple[Float[Array, "n1 width"], Float[Array, "n2 width"]]:
    """(F_0, G_0) = alpha (Gaussian, ratio * Gaussian), independent; ratio 1/3 as in [xiong2024].

    The imbalance F_0^T F_0 - G_0^T G_0, about alpha^2 (1 - ratio^2) times the identity, is what
    drives the null directions to zero (law 3 of `matsense.theory.overparam`).
    """
    key_f, key_g = jax.random.split(key)
    n1, n2 = shape
    return (
        gaussian_start(key_f, n1, k, width, alpha),
        gaussian_start(key_g, n2, k, width, alpha * ratio),
    )


def imbalance(F: Float[Array, "n1 width"], G: Float[Array, "n2 width"]) -> Float[Array, "w w"]:
    """D = F^T F - G^T G, conserved by gradient descent up to O(eta^2) a step (derived)."""
    return F.T @ F - G.T @ G
