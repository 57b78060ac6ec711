"""Laws of streaming algorithms for the top eigenvector, R = lambda_1 / lambda_2.

The laws D0 to D9 are derived in the project's sheet and hold for this very matrix; what belongs
to [kacham2024] or [price2024] says so.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def growth_certificate(
    eta: Float[Array, "*lanes"],
    lambda2: Float[Array, ""],
    s: Float[Array, "*lanes"],
    start: Float[Array, "*lanes"],
) -> Float[Array, "*lanes"]:
    """D0: bound on ||P v_n|| of Oja's method, any stream, order and number of rows; deterministic.

    sqrt(eta lambda_2 / 2) sqrt(1 - e^{-2 s}) + ||P v_0|| e^{-s}, where s is the log growth and
    `start` = ||P v_0||. With rates that change, eta is the largest (derived: ||w||^2 grows by at
    least 2 eta_i (a_i . w)^2 a row, and sum eta_i (a_i . x)^2 <= eta lambda_2 for unit x _|_ v1).
    """
    return jnp.sqrt(0.5 * eta * lambda2 * -jnp.expm1(-2.0 * s)) + start * jnp.exp(-s)
