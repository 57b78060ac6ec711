"""Plain gradient descent on the attention matrix W, [tarzanagh2023svm] GD."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solver import Solver


def attention_gd(problem: Attention, eta: float | Float[Array, ""]) -> Solver[Float[Array, "d d"]]:
    """W <- W - eta grad L(W). Once the softmax has saturated ||W|| grows like ln t only."""

    def init(W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        return W

    def step(t: Array, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        slope = problem.gradient(W)
        return W - eta * jnp.exp(slope.log_scale) * slope.direction

    return Solver(init, step)
