"""How far sub-gradients stray from their expectation: lower bounds of Sign-RIP's delta."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.factors import columns_below
from matsense.problems.corruption import Robust


def directional(
    problem: Robust, X: Float[Array, "d d"]
) -> tuple[Float[Array, ""], Float[Array, "d d"]]:
    """<Q, X / ||X||_F> and Q = (1/m) sum_i sign(<A_i, X> - s_i) A_i, [ma2023] Def. 7.

    The expectation of the first is phi(X) (Thm 10 and 11).
    """
    Q = problem.adjoint_mean(jnp.sign(problem.residual(X)))
    return jnp.sum(Q * X) / jnp.linalg.norm(X), Q


def best_direction(
    M: Float[Array, "d d"], k: int | Int[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, "d d"]]:
    """sup <M, Y> over ||Y||_F = 1 of rank at most k, for symmetric M, and the Y that attains it.

    The k eigenvalues of largest modulus carry it: sup = sqrt(sum of their squares) (Eckart-Young).
    """
    values, vectors = jnp.linalg.eigh(M)
    order = jnp.argsort(-jnp.abs(values))
    kept = jnp.where(columns_below(k, values.shape[0]), values[order], 0.0)
    top = vectors[:, order]
    size = jnp.linalg.norm(kept)
    return size, (top * kept[None]) @ top.T / jnp.where(size > 0, size, 1.0)


def deviation(
    problem: Robust,
    key: PRNGKeyArray,
    k: int | Int[Array, ""],
    phi: Float[Array, ""],
    samples: int = 16,
    rounds: int = 4,
    squared: bool = False,
) -> Float[Array, ""]:
    """A lower bound of delta: sup over rank-k X, Y of |<Q - phi X/||X||, Y>| / phi, at ||X||_F = 1.

    The supremum over Y is exact (`best_direction`). Over X it is searched: `samples` random X of
    rank k, each followed for `rounds` rounds X <- its own best Y (a power method on directions);
    the largest value met is returned, so the true delta is at least this. With `squared` the same
    of the l2 loss's gradient (1/m) sum_i r_i A_i - X, whose phi is 1 ([ma2023] Prop. 5).
    """
    d = problem.d

    def off(X: Float[Array, "d d"]) -> tuple[Float[Array, ""], Float[Array, "d d"]]:
        if squared:
            return best_direction(problem.adjoint_mean(problem.residual(X)) - X, k)
        size, Y = best_direction(directional(problem, X)[1] - phi * X, k)
        return size / phi, Y

    def sample(key: PRNGKeyArray) -> Float[Array, ""]:
        factors = jnp.where(columns_below(k, d), jax.random.normal(key, (2, d, d)), 0.0)
        mixed = factors[0] @ factors[1].T
        # A symmetric matrix of rank k: its sign pattern is free, as in U U^T - X*.
        _, X = best_direction(mixed + mixed.T, k)
        largest = jnp.array(0.0)
        for _ in range(rounds):
            size, X = off(X)
            largest = jnp.maximum(largest, size)
        return largest

    return jnp.max(jax.lax.map(sample, jax.random.split(key, samples)))
