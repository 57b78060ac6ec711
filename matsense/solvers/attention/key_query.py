"""Gradient descent on keys and queries, W = K Q^T, [tarzanagh2023svm]; plain and normalised."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.attention import Attention
from matsense.solver import Solver


class KeyQuery(NamedTuple):
    """The factors of W = K Q^T, d-by-m each."""

    K: Float[Array, "d m"]
    Q: Float[Array, "d m"]

    @property
    def W(self) -> Float[Array, "d d"]:
        """The attention matrix."""
        return self.K @ self.Q.T

    @property
    def energy(self) -> Float[Array, ""]:
        """||K||_F^2 + ||Q||_F^2."""
        return jnp.sum(self.K**2) + jnp.sum(self.Q**2)


def chain(G: Float[Array, "d d"], state: KeyQuery) -> KeyQuery:
    """The gradient in (K, Q) from the one in W: (G Q, G^T K)."""
    return KeyQuery(G @ state.Q, G.T @ state.K)


def attention_kq_gd(problem: Attention, eta: float | Float[Array, ""]) -> Solver[KeyQuery]:
    """K <- K - eta grad L Q,  Q <- Q - eta grad L^T K, simultaneously."""

    def init(K: Float[Array, "d m"], Q: Float[Array, "d m"]) -> KeyQuery:
        return KeyQuery(K, Q)

    def step(t: Array, state: KeyQuery) -> KeyQuery:
        slope = problem.gradient(state.W)
        down = chain(slope.direction, state)
        eta_t = eta * jnp.exp(slope.log_scale)
        return KeyQuery(state.K - eta_t * down.K, state.Q - eta_t * down.Q)

    return Solver(init, step)


def attention_kq_ngd(problem: Attention, eta: float | Float[Array, ""]) -> Solver[KeyQuery]:
    """(K, Q) <- (K, Q) - eta grad / ||grad||, one norm over both factors."""

    def init(K: Float[Array, "d m"], Q: Float[Array, "d m"]) -> KeyQuery:
        return KeyQuery(K, Q)

    def step(t: Array, state: KeyQuery) -> KeyQuery:
        down = chain(problem.gradient(state.W).direction, state)
        norm = jnp.sqrt(down.energy)
        eta_t = eta / jnp.where(norm > 0.0, norm, jnp.inf)
        return KeyQuery(state.K - eta_t * down.K, state.Q - eta_t * down.Q)

    return Solver(init, step)
