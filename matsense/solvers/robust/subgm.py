"""The sub-gradient method of [ma2023], with its two starts."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matsense.factors import columns_below
from matsense.problems.corruption import Expected, Robust
from matsense.solver import Solver
from matsense.solvers.robust.step_sizes import StepRule
from matsense.spectral_norm import spectral_norm


class SubGMState(NamedTuple):
    """The factor U, and the travel so far: the sum of eta_s ||Q_s||_2 over the steps s < t.

    Under the rule for noise that is sum eta rho^s, which tends to B = eta / (1 - rho).
    """

    U: Float[Array, "d width"]
    travel: Float[Array, ""]


def subgm(problem: Robust | Expected, rule: StepRule) -> Solver[SubGMState]:
    """U <- U - eta_t (Q_t + Q_t^T) U, [ma2023] Algorithm 1; Q_t is symmetrised already.

    On an `Expected` problem it is the method on the expected loss (Thm 18).
    """

    def init(U: Float[Array, "d width"]) -> SubGMState:
        return SubGMState(U, jnp.array(0.0))

    def step(t: Array, state: SubGMState) -> SubGMState:
        U, travel = state
        f, Q = problem.look(U)
        D = 2 * (Q @ U)
        eta_t = rule(t, f, Q, D)
        return SubGMState(U - eta_t * D, travel + eta_t * spectral_norm(Q))

    return Solver(init, step)


def spectral_start(
    C: Float[Array, "d d"], k: int | Int[Array, ""], width: int, alpha: float | Float[Array, ""]
) -> Float[Array, "d width"]:
    """U_0 = alpha V D_+^(1/2): Algorithm 2 of [ma2023].

    V D V^T holds the k largest eigenvalues of C, negative ones set to 0; zero-padded to `width`.
    """
    values, vectors = jnp.linalg.eigh(C)
    top = jnp.sqrt(jnp.maximum(values[::-1][:width], 0.0))
    return jnp.where(columns_below(k, width), alpha * vectors[:, ::-1][:, :width] * top[None], 0.0)
