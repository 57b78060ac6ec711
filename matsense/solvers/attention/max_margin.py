"""Towards the max-margin direction of a token choice by convex descent, inside a compiled trial."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matsense.loops import advance
from matsense.problems.attention import Attention
from matsense.solver import Solver
from matsense.solvers.attention.ngd import unit


def margins(
    problem: Attention, W: Float[Array, "d d"], choice: Int[Array, " n"]
) -> Float[Array, "n T"]:
    """(x_{i,a_i} - x_it)^T W z_i; infinite for t = a_i, where there is none."""
    h = problem.logits(W)
    chosen = jnp.take_along_axis(h, choice[:, None], axis=1)
    others = jnp.arange(h.shape[1])[None] != choice[:, None]
    return jnp.where(others, chosen - h, jnp.inf)


def max_margin_ngd(
    problem: Attention, choice: Int[Array, " n"], eta: float = 0.1
) -> Solver[Float[Array, "d d"]]:
    """NGD on log sum_it exp(-margin_it): convex, so its direction tends to W_a from anywhere.

    As for the attention loss, 1 - corr(W, W_a) falls as 1 / t^2 (derived: one mechanism). The exact
    W_a is the host's business (`matsense.references.attention.svm`); this one is good to about
    1e-2 radians.
    """

    def init(W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        return W

    def step(t: Array, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        m = margins(problem, W, choice)
        p = jax.nn.softmax(-m.reshape(-1)).reshape(m.shape)
        at_choice = jnp.arange(m.shape[1])[None] == choice[:, None]
        moved = jnp.where(at_choice, jnp.sum(p, axis=1, keepdims=True), -p)
        return W + eta * unit(jnp.einsum("it,itd->id", moved, problem.X).T @ problem.z)

    return Solver(init, step)


def max_margin_direction(
    problem: Attention, choice: Int[Array, " n"], steps: int
) -> Float[Array, "d d"]:
    """About W_a of a token choice: the direction after so many steps of `max_margin_ngd` from 0,
    scaled to a least margin of 1.
    """
    W = advance(max_margin_ngd(problem, choice), problem.zero, steps)
    return W / jnp.min(margins(problem, W, choice))
