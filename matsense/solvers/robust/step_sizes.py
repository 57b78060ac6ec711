"""Step sizes eta_t of sub-gradient methods: the two rules of [ma2023], and Polyak's."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.spectral_norm import spectral_norm

Scalar = float | Float[Array, ""]
# eta_t from the step count t, the loss f(U_t), Q_t and the direction D_t = (Q_t + Q_t^T) U_t.
StepRule = Callable[[Array, Array, Array, Array], Array]


def proportional(eta: Scalar) -> StepRule:
    """eta_t = (eta / 2) f(U_t): the noiseless rule, [ma2023] Thm 22."""
    return lambda t, f, Q, D: 0.5 * eta * f


def geometric(eta: Scalar, rho: Scalar) -> StepRule:
    """eta_t = eta rho^t / ||Q_t||_2: the rule for noise, [ma2023] eq. (10) and (25)."""
    return lambda t, f, Q, D: eta * jnp.asarray(rho) ** t.astype(float) / spectral_norm(Q)


def polyak(optimum: Scalar) -> StepRule:
    """eta_t = (f(U_t) - f*) / ||D_t||_F^2, with f* the loss at the truth (a baseline: it is told).

    0 where the loss is below f*, which outliers make possible.
    """

    def rule(t: Array, f: Array, Q: Array, D: Array) -> Array:
        size = jnp.sum(D**2)
        return jnp.maximum(f - optimum, 0.0) / jnp.where(size > 0, size, 1.0)

    return rule
