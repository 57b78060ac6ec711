"""Asymmetric gradient descent with one modified step, [xiong2024] (recalled; algebra verified)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from matsense.factors import columns_below
from matsense.problems.sensing import Sensing
from matsense.solver import Solver
from matsense.solvers.sensing.asymmetric_gd import Factors, asymmetric_gd


class OneStepState(NamedTuple):
    """The factors, and the step at which they were rebalanced (-1: not yet)."""

    factors: Factors
    switched_at: Int[Array, ""]


def rebalance(
    state: Factors, beta_squared: float | Float[Array, ""], k: int | Int[Array, ""]
) -> Factors:
    """F = U S V^T (thin);  F <- beta U,  G <- G V S / beta.

    The product F G^T does not change and F^T F becomes beta^2 times the identity. The SVD fills
    columns that pad F beyond rank k, so those are set to zero again.
    """
    F, G = state
    U, S, Vt = jnp.linalg.svd(F, full_matrices=False)
    beta = jnp.sqrt(beta_squared)
    real = columns_below(k, F.shape[1])
    return Factors(jnp.where(real, beta * U, 0.0), (G @ Vt.T) * S[None] / beta)


def one_step_gd(
    problem: Sensing,
    eta: float | Float[Array, ""],
    k: int | Int[Array, ""],
    beta_squared: float | Float[Array, ""],
    trigger: float | Float[Array, ""],
    look_every: int = 10,
) -> Solver[OneStepState]:
    """`asymmetric_gd`, rebalanced once, when the residual ||A(F G^T) - y|| falls below `trigger`.

    The residual is observable, the truth is not used. It is looked at every `look_every` steps:
    the look costs an SVD, and under vmap both branches of a per-run decision are computed.
    """
    descent = asymmetric_gd(problem, eta)

    def init(F: Float[Array, "n1 k"], G: Float[Array, "n2 k"]) -> OneStepState:
        return OneStepState(descent.init(F, G), jnp.array(-1))

    def look(t: Array, state: OneStepState) -> OneStepState:
        close = problem.misfit(*state.factors) < trigger**2
        now: Bool[Array, ""] = close & (state.switched_at < 0)
        factors = jax.tree.map(
            lambda new, old: jnp.where(now, new, old),
            rebalance(state.factors, beta_squared, k),
            state.factors,
        )
        return OneStepState(factors, jnp.where(now, t, state.switched_at))

    def step(t: Array, state: OneStepState) -> OneStepState:
        # t is the same for all lanes of a batch, so this cond stays a branch under vmap.
        state = jax.lax.cond(t % look_every == 0, lambda s: look(t, s), lambda s: s, state)
        return state._replace(factors=descent.step(t, state.factors))

    return Solver(init, step)
