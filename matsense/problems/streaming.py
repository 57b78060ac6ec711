"""Rows a_1 .. a_n of a matrix A in their order of arrival, with the truth of this very A.

Setting of [kacham2024] and [price2024]: lambda_i are the eigenvalues of
A^T A, R = lambda_1 / lambda_2, v1 the top right singular vector. Rows are never centred.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.pytree import pytree

Order = Literal["random", "energy", "ascending", "descending", "signs", "blocks", "given"]
Tail = Literal["flat", "decaying"]


@pytree
class Stream:
    """One instance: the rows as they arrive, v1, lambda_1 and lambda_2 of these rows."""

    rows: Float[Array, "n d"]
    v1: Float[Array, " d"]
    lambda1: Float[Array, ""]
    lambda2: Float[Array, ""]

    @property
    def gap(self) -> Float[Array, ""]:
        """R, of the finite matrix."""
        return self.lambda1 / self.lambda2

    def off(self, V: Float[Array, "d lanes"]) -> Float[Array, "d lanes"]:
        """P V with P = I - v1 v1^T."""
        return V - self.v1[:, None] * (self.v1 @ V)[None]

    def sin2(self, V: Float[Array, "d lanes"]) -> Float[Array, " lanes"]:
        """Error of unit vectors, ||P v||^2: 1 - <v, v1>^2 would cancel."""
        return jnp.sum(self.off(V) ** 2, axis=0)


def with_truth(rows: Float[Array, "n d"]) -> Stream:
    """The instance of given rows: eigenvalues and v1 of their Gram matrix."""
    values, vectors = jnp.linalg.eigh(rows.T @ rows)
    return Stream(rows, vectors[:, -1], values[-1], values[-2])


def spectrum(R: float | Float[Array, ""], d: int, tail: Tail = "flat") -> Float[Array, " d"]:
    """Eigenvalues (R, 1, ..., 1), or with the decaying tail (R, 1, 1/2, ..., 1/(d-1))."""
    rest = jnp.ones(d - 1) if tail == "flat" else 1.0 / jnp.arange(1.0, d)
    return jnp.concatenate([jnp.reshape(jnp.asarray(R, rest.dtype), 1), rest])


def light_rows(
    key: PRNGKeyArray,
    n: int,
    eigenvalues: Float[Array, " d"],
    V: Float[Array, "d d"],
    carriers: float | Float[Array, ""] = 1.0,
) -> Float[Array, "n d"]:
    """Incoherent rows U diag(sqrt(eigenvalues)) V^T, with exactly these eigenvalues of A^T A.

    U (n, d) has orthonormal columns, from a Gaussian matrix. Only the first rows, a share
    `carriers` of them, have a component along the first column of V.
    """
    G = jax.random.normal(key, (n, eigenvalues.shape[0]))
    G = G.at[:, 0].multiply(jnp.where(jnp.arange(n, dtype=float) < carriers * n, 1.0, 0.0))
    # Orthonormalised from the left: the first column stays a multiple of itself, zeros included.
    chol = jnp.linalg.cholesky(G.T @ G)
    U = jax.scipy.linalg.solve_triangular(chol, G.T, lower=True).T
    return (U * jnp.sqrt(eigenvalues)[None]) @ V.T


def draw(
    key: PRNGKeyArray,
    n: int,
    d: int,
    R: float | Float[Array, ""],
    h: int = 0,
    share: float | Float[Array, ""] = 0.5,
    tail: Tail = "flat",
    carriers: float | Float[Array, ""] = 1.0,
    order: Order = "random",
) -> Stream:
    """n rows of nominal gap R, h of them heavy, in an order of arrival.

    Light rows are incoherent (`light_rows`). The h <= d - 1 heavy rows sqrt(2 share R / h) v + f_i,
    with f_i orthonormal and orthogonal to v, hold a `share` of the energy 2 R along v: heavy and
    light tails add up to an eigenvalue of 2, or nearly so. The true gap of the finite matrix is
    the instance's own, `Stream.gap`.
    """
    key_light, key_heavy, key_V, key_order = jax.random.split(key, 4)
    V = jnp.linalg.qr(jax.random.normal(key_V, (d, d)))[0]
    eigenvalues = spectrum(R, d, tail)
    if h == 0:
        rows = light_rows(key_light, n, eigenvalues, V, carriers)
    else:
        energy = 2.0 * eigenvalues[0]
        light = eigenvalues.at[0].set((1.0 - share) * energy)
        f = V[:, 1:] @ jnp.linalg.qr(jax.random.normal(key_heavy, (d - 1, h)))[0]
        heavy = jnp.sqrt(share * energy / h) * V[:, 0][None] + f.T
        rows = jnp.concatenate([heavy, light_rows(key_light, n - h, light, V, carriers)])
    return reordered(with_truth(rows), key_order, order)


def signed(
    key: PRNGKeyArray, n: int, d: int, R: float | Float[Array, ""], order: Order = "random"
) -> Stream:
    """Rows +-sqrt(R/n) e_1 +- e_2 / sqrt(n) + (light tail of e_3 .. e_d): equal cross-terms.

    In the order "signs" the products <a_i, v1> <a_i, e_2> have one sign in each half of the
    stream, so that their pushes add up in each half: nearly the worst for Oja, within a factor 3
    of its growth certificate (`matsense.theory.streaming`; measured by the study).
    """
    key_signs, key_tail, key_order = jax.random.split(key, 3)
    first, second = jax.random.rademacher(key_signs, (2, n), float)
    # Both signs of each product equally often: A^T A is diagonal in these two coordinates.
    second = first * jnp.where(jnp.arange(n) % 2 == 0, 1.0, -1.0)
    tail = light_rows(key_tail, n, jnp.full(d - 2, 0.5), jnp.eye(d - 2))
    two = jnp.stack([jnp.sqrt(jnp.asarray(R, float)) * first, second], axis=1) / jnp.sqrt(n)
    return reordered(with_truth(jnp.concatenate([two, tail], axis=1)), key_order, order)


def arrival(
    key: PRNGKeyArray, instance: Stream, order: Order, pieces: int = 100
) -> Int[Array, " n"]:
    """A permutation of the rows: one uniform permutation a trial ("random"); by falling energy
    along v1 ("energy"); by norm; by the sign and size of the cross-term <a, v1> <a, w> with w the
    second singular vector ("signs"); a random order of `pieces` runs of rows in "energy" order
    ("blocks"); as they stand ("given").
    """
    rows, n = instance.rows, instance.rows.shape[0]
    norm2 = jnp.sum(rows * rows, axis=1)
    along = rows @ instance.v1
    if order == "random":
        return jax.random.permutation(key, n)
    if order == "energy":
        return jnp.argsort(-(along**2))
    if order in ("ascending", "descending"):
        return jnp.argsort(norm2 if order == "ascending" else -norm2)
    if order == "signs":
        w = jnp.linalg.eigh(rows.T @ rows)[1][:, -2]
        return jnp.argsort(along * (rows @ w))
    if order == "blocks":
        piece = jax.random.permutation(key, pieces)[jnp.arange(n) * pieces // n]
        return jnp.argsort(-(along**2))[jnp.argsort(piece, stable=True)]
    return jnp.arange(n)


def reordered(instance: Stream, key: PRNGKeyArray, order: Order) -> Stream:
    """The same rows in another order of arrival: v1 and the eigenvalues stay."""
    rows = instance.rows[arrival(key, instance, order)]
    return Stream(rows, instance.v1, instance.lambda1, instance.lambda2)


def heavy_tailed(key: PRNGKeyArray, n: int, d: int, index: float = 1.5) -> Stream:
    """Gaussian rows scaled by numbers of tail index `index`: P[scale > x] = x^-index for x >= 1."""
    scale, rows = jax.random.split(key)
    norms = jax.random.uniform(scale, (n, 1)) ** (-1 / index)
    return with_truth(norms * jax.random.normal(rows, (n, d)))


def jumping(key: PRNGKeyArray, n: int, d: int, R: float | Float[Array, ""]) -> Stream:
    """Light rows whose direction changes in mid-stream; the second half has twice the energy
    along its own.
    """
    first, second = jax.random.split(key)
    parts = (draw(first, n // 2, d, R), draw(second, n - n // 2, d, 2 * R))
    return with_truth(jnp.concatenate([part.rows for part in parts]))


def confined(key: PRNGKeyArray, n: int, d: int, R: float | Float[Array, ""], tail: int) -> Stream:
    """Light rows whose energy lies in the first `tail` of d coordinates; in all with `tail` = 0."""
    small = draw(key, n, tail or d, R)
    over = (0, d - small.v1.shape[0])
    rows, v1 = jnp.pad(small.rows, ((0, 0), over)), jnp.pad(small.v1, over)
    return Stream(rows, v1, small.lambda1, small.lambda2)
