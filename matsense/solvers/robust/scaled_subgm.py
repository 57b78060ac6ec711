"""ScaledSM, the preconditioned sub-gradient method of [tong2021], with damping on request."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.problems.corruption import Expected, Robust
from matsense.solver import Solver


def scaled_subgm(
    problem: Robust | Expected, damping: float | Float[Array, ""] = 0.0
) -> Solver[Float[Array, "d width"]]:
    """U <- U - eta_t D_t (U^T U + lambda_t I)^-1 with Polyak's eta_t in the scaled metric.

    eta_t = (f - f*) / ||D_t (U^T U + lambda_t I)^(-1/2)||_F^2, [tong2021] (symmetric form), where
    lambda_t = 0 and U has as many columns as the truth has rank. f* is the loss at the truth, so
    the method is told more than SubGM. With more columns U^T U becomes singular as the truth is
    approached: lambda_t = damping (f - f*), which is of the order of the error, is then the remedy
    of [zhang2021] (damping = 1). It is not part of [tong2021]. Zero columns stay zero.
    """

    def init(U: Float[Array, "d width"]) -> Float[Array, "d width"]:
        return U

    def step(t: Array, U: Float[Array, "d width"]) -> Float[Array, "d width"]:
        f, Q = problem.look(U)
        above = jnp.maximum(f - problem.loss_at_truth, 0.0)
        gram = U.T @ U
        # The floor keeps the inverse finite where columns are zero; it is below the rounding of
        # U^T U, so where the published rule is defined it does nothing.
        shift = damping * above + 1e-15 * (jnp.trace(gram) + jnp.finfo(U.dtype).tiny)
        D = 2 * (Q @ U)
        scaled = jnp.linalg.solve(gram + shift * jnp.eye(U.shape[1]), D.T).T
        size = jnp.sum(D * scaled)
        return U - above / jnp.where(size > 0, size, 1.0) * scaled

    return Solver(init, step)
