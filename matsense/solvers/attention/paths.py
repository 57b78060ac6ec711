"""Points of the regularisation paths, [tarzanagh2023svm]: least loss within a ball of W or (K, Q).

What is minimised is log(L - inf L), which has the same minimisers, gradients of constant size
however small L - inf L, and a Lipschitz gradient: once saturated it is a log-sum-exp of margins
(derived). Linear heads; gaps below 700, where exp(-gap) is a number.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solver import Solver
from matsense.solvers.attention.accelerated import Momentum, accelerated
from matsense.solvers.attention.key_query import KeyQuery, chain

Scalar = float | Float[Array, ""]


def log_gradient(problem: Attention, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The gradient of log(L - inf L)."""
    slope = problem.gradient(W)
    return jnp.exp(slope.log_scale - jnp.log(problem.excess(W))) * slope.direction


def stiffness(problem: Attention) -> Float[Array, ""]:
    """max ||x_it - x_is||^2 ||z_i||^2, which bounds the curvature of a log-sum-exp of margins."""
    gram = jnp.einsum("itd,isd->its", problem.X, problem.X)
    square = jnp.einsum("itt->it", gram)
    spread = square[:, :, None] + square[:, None, :] - 2.0 * gram
    return jnp.max(spread * jnp.sum(problem.z**2, axis=1)[:, None, None])


def into_ball(x: jax.Array | KeyQuery, square: Scalar) -> jax.Array | KeyQuery:
    """x scaled back to a sum of squares of at most `square`."""
    total = jnp.sum(jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(x)]))
    shrink = jnp.minimum(1.0, jnp.sqrt(square / total))
    return jax.tree.map(lambda leaf: shrink * leaf, x)


def path_w(problem: Attention, B: Scalar) -> Solver[Momentum]:
    """argmin of L over ||W||_F <= B."""
    return accelerated(
        lambda W: log_gradient(problem, W),
        lambda W: into_ball(W, B**2),
        1.0 / stiffness(problem),
    )


def path_kq(problem: Attention, B: Scalar) -> Solver[Momentum]:
    """argmin of L(K Q^T) over ||K||_F^2 + ||Q||_F^2 <= 2 B.

    A move in K moves W by up to ||Q|| times that, and ||Q||^2 <= B once balanced.
    """

    def gradient(state: KeyQuery) -> KeyQuery:
        return chain(log_gradient(problem, state.W), state)

    return accelerated(
        gradient, lambda state: into_ball(state, 2.0 * B), 0.5 / (stiffness(problem) * B)
    )


def relative_gap(
    problem: Attention, W: Float[Array, "d d"], B: Scalar, nuclear: bool
) -> Float[Array, ""]:
    """max over the ball of <grad L, W - V>, over L - inf L: the ball of the Frobenius norm, or of
    the nuclear norm (which (K, Q) within 2 B fill when m >= d).

    Where L is convex this bounds (L(W) - min) / (L - inf L). L is not convex, but saturated at
    the best tokens it lies within a factor 1 - O(T exp(-margin)) of a convex function, a sum of
    exp(-margins) (derived): the bound then holds up to that factor, globally, as a W that is not
    saturated there has a larger loss.
    """
    G = log_gradient(problem, W)
    dual = jnp.linalg.norm(G, 2) if nuclear else jnp.linalg.norm(G)
    return jnp.sum(G * W) + B * dual
