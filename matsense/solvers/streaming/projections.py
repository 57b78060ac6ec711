"""M Omega, M = A^T A, for a Gaussian Omega: what one pass can know of M without trusting any v."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Projections(NamedTuple):
    """Omega with independent N(0, 1) entries, or the identity; Y = M Omega; energy = tr M."""

    Omega: Float[Array, "d k"]
    Y: Float[Array, "d k"]
    energy: Float[Array, ""]


def projections(key: PRNGKeyArray, d: int, k: int) -> Projections:
    """The state before the first row: k Gaussian columns, or all of M if d <= k."""
    Omega = jnp.eye(d) if d <= k else jax.random.normal(key, (d, k))
    return Projections(Omega, jnp.zeros_like(Omega), jnp.zeros(()))


def project(state: Projections, X: Float[Array, "b d"]) -> Projections:
    """The state after the rows of X. It is linear in M: the order of rows does not matter."""
    exact = jax.lax.Precision.HIGHEST
    inner = jnp.matmul(X, state.Omega, precision=exact)
    Y = state.Y + jnp.matmul(X.T, inner, precision=exact)
    return Projections(state.Omega, Y, state.energy + jnp.sum(X * X))
