"""Gradient descent on W with Polyak's step, an option beside NGD."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solvers import Solver
from matsense.solvers.attention_ngd import unit


def attention_polyak(problem: Attention, longest: float | Float[Array, ""] = 1.0) -> Solver:
    """W <- W - min((L - inf L) / ||grad L||, longest) grad L / ||grad L||; linear heads.

    Near saturation L - inf L is proportional to ||grad L||, so the step tends to a constant, as
    in NGD (derived). `longest` bounds it where a run is stuck at a choice that cannot reach inf L.
    Accurate while exp(-gap) is a number, gaps below 700.
    """

    def init(W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        return W

    def step(t: Array, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        slope = problem.gradient(W)
        norm = jnp.exp(slope.log_scale) * jnp.sqrt(jnp.sum(slope.direction**2))
        length = problem.excess(W) / jnp.where(norm > 0.0, norm, jnp.inf)
        return W - jnp.minimum(length, longest) * unit(slope.direction)

    return Solver(init, step)
