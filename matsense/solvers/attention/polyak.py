"""Gradient descent on W with Polyak's step, an option beside NGD."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solver import Solver
from matsense.solvers.attention.ngd import unit


def attention_polyak(
    problem: Attention, longest: float | Float[Array, ""] = 1.0
) -> Solver[Float[Array, "d d"]]:
    """W <- W - min((L - inf L) / ||grad L||, longest) grad L / ||grad L||; linear heads.

    Saturated at the best tokens, a step has length ||W_mm|| at most (derived: ||grad L|| ||W_mm||
    >= -<grad L, W_mm> >= L - inf L to leading order, as the margins of W_mm are at least 1); W
    grows as in NGD. `longest` bounds it where a run is stuck at a choice that cannot reach
    inf L, and is its length there. Exact at any norm of W.
    """

    def init(W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        return W

    def step(t: Array, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        length = jnp.minimum(problem.excess_over_slope(W), longest)
        return W - length * unit(problem.gradient(W).direction)

    return Solver(init, step)
