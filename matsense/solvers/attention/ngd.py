"""Normalised gradient descent on W, the method of the experiments of [tarzanagh2023svm]."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solver import Solver


def unit(G: Float[Array, "..."]) -> Float[Array, "..."]:
    """G / ||G||_F; zero where G is zero."""
    norm = jnp.sqrt(jnp.sum(G**2))
    return jnp.where(norm > 0.0, G / jnp.where(norm > 0.0, norm, 1.0), 0.0)


def attention_ngd(
    problem: Attention, eta: float | Float[Array, ""], decay: float | Float[Array, ""] = 0.0
) -> Solver[Float[Array, "d d"]]:
    """W <- W - eta_t grad L / ||grad L||_F with eta_t = eta (1 + t)^-decay.

    The gradient's common factor exp(log_scale) drops out, so no norm of W is too large. With
    decay 1/2 the norm still diverges while what stays bounded can settle.
    """

    def init(W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        return W

    def step(t: Array, W: Float[Array, "d d"]) -> Float[Array, "d d"]:
        eta_t = eta * (1.0 + t.astype(W.dtype)) ** -decay
        return W - eta_t * unit(problem.gradient(W).direction)

    return Solver(init, step)
