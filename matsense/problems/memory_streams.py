"""Streams whose heavy rows have to be remembered: accuracy against memory.

Both are reconstructions: the second of the instance of the lower bound of [kacham2024], whose text
was not at hand. What forgetting costs on them: `kept_share_error` and `forgotten_row_error` of
`matsense.theory.streaming`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from matsense.errors import InvalidInput
from matsense.problems.streaming import Stream, with_truth


def shared_direction(h: int, d: int, R: float | Float[Array, ""]) -> Stream:
    """h rows sqrt(R / h) e_1 + f_i, with f_i = e_{i+1} orthonormal; d >= h + 1.

    A^T A has the eigenvalues R + 1, 1 (h - 1 times) and 0: the gap is R + 1. Every row points as
    much along v1 as any other.
    """
    _check(h, d, d - 1, R)
    along = jnp.full((h, 1), 1.0) * jnp.sqrt(jnp.asarray(R, float) / h)
    return with_truth(jnp.concatenate([along, jnp.eye(h, d - 1)], axis=1))


def special_row(key: PRNGKeyArray, h: int, q: int, R: float | Float[Array, ""]) -> Stream:
    """h rows (e_i, f_i) in h + q coordinates, f_i random signs / sqrt(q), and a last row
    (sqrt(R) e_{i*}, 0); i* is the first, which by symmetry is any.

    v1 is e_{i*} tilted by 1 / R towards f_{i*}: whoever did not keep row i* cannot know where to.
    R is the energy of the last row; the gap lambda_1 / lambda_2 is smaller, since the other rows
    have an eigenvalue between 2 and 2 + 2 sqrt(h / q) + h / q, or nearly so.
    """
    _check(h, h, h, R)
    if q < 1:
        raise InvalidInput(f"q = {q}", "tails have a coordinate or more", "give q = 1 or more")
    f = jax.random.rademacher(key, (h, q), float) / jnp.sqrt(q)
    rows = jnp.concatenate([jnp.eye(h), f], axis=1)
    last = jnp.zeros(h + q).at[0].set(jnp.sqrt(jnp.asarray(R, float)))
    return with_truth(jnp.concatenate([rows, last[None]]))


def kept_blindly(key: PRNGKeyArray, n: int, s: float | Float[Array, ""]) -> Bool[Array, " n"]:
    """A uniformly random set of round(s n) of n rows: what a reservoir keeps of a stream."""
    return jax.random.permutation(key, n).astype(float) < jnp.round(jnp.asarray(s, float) * n)


def of_kept(
    instance: Stream, kept: Bool[Array, " n"]
) -> tuple[Float[Array, " d"], Float[Array, ""]]:
    """Top right singular vector of the rows that were kept, and sigma_1^2 of these rows."""
    rows = jnp.where(kept[:, None], instance.rows, 0.0)
    values, vectors = jnp.linalg.eigh(rows.T @ rows)
    return vectors[:, -1], values[-1]


def _check(h: int, d: int, most: int, R: float | Float[Array, ""]) -> None:
    if not 1 <= h <= most:
        raise InvalidInput(f"h = {h}", f"d = {d} holds 1 to {most} tails", f"give 1 to {most}")
    if isinstance(R, float) and not R > 1:
        raise InvalidInput(f"R = {R}", "v1 is only defined by a gap R > 1", "give R > 1")
