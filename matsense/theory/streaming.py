"""Laws of streaming algorithms for the top eigenvector, R = lambda_1 / lambda_2.

They are derived here, each in its function, and hold for this very matrix; what belongs to
[kacham2024] or [price2024] says so.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special

Scalar = Any  # a float or an array of them


def growth_certificate(
    eta: Float[Array, "*lanes"],
    lambda2: Float[Array, ""],
    s: Float[Array, "*lanes"],
    start: Float[Array, "*lanes"],
) -> Float[Array, "*lanes"]:
    """Bound on ||P v_n|| of Oja's method, any stream, order and number of rows; deterministic.

    sqrt(eta lambda_2 / 2) sqrt(1 - e^{-2 s}) + ||P v_0|| e^{-s}, where s is the log growth and
    `start` = ||P v_0||. With rates that change, eta is the largest (derived: ||w||^2 grows by at
    least 2 eta_i (a_i . w)^2 a row, and sum eta_i (a_i . x)^2 <= eta lambda_2 for unit x _|_ v1).
    """
    return jnp.sqrt(0.5 * eta * lambda2 * -jnp.expm1(-2.0 * s)) + start * jnp.exp(-s)


def subset_bounds(
    lambda1: Float[Array, ""],
    lambda2: Float[Array, ""],
    sigma2: Float[Array, "*sets"],
    energy: Float[Array, "*sets"],
) -> tuple[Float[Array, "*sets"], Float[Array, "*sets"]]:
    """The subset lemma: bounds on sin^2(u, v1), u the top right singular vector of any rows B of A.

    lambda_2 / sigma_1(B)^2 with `sigma2` = sigma_1(B)^2, and the weaker 1 / (f R) with f =
    `energy` / lambda_1, `energy` = ||B v1||^2. Derived: with u = c v1 + s w, w _|_ v1, the second
    block of B^T B u = sigma_1(B)^2 u gives s sigma_1(B)^2 = <w, B^T B u> <= ||B w|| ||B u||, and
    ||B u|| = sigma_1(B), ||B w||^2 <= lambda_2.
    """
    return lambda2 / sigma2, lambda2 / energy


def residual_bound(rho: Scalar, residual: Scalar, across: Scalar) -> Scalar:
    """Bound on sin^2(v, v1) of a unit v, 1 where there is none: tan <= ||P M v|| / (rho - mu) with
    M = A^T A, P = I - v v^T, rho <= v.Mv, `residual` >= ||P M v|| and mu = `across` >= ||P M P||.

    Derived, in the manner of Davis and Kahan: with v1 = c v + s w, w _|_ v, the part of
    M v1 = lambda_1 v1 across v is c P M v + s P M w = lambda_1 s w, so
    |s| (lambda_1 - ||P M P||) <= |c| ||P M v||, and lambda_1 >= v.Mv.
    """
    gap = np.asarray(rho - across)
    tan = residual / np.where(gap > 0, gap, 1.0)
    return np.where(gap > 0, tan**2 / (1.0 + tan**2), 1.0)


def block_power_limit(
    along: Float[Array, " n"],
    off: Float[Array, " n"],
    lambda1: Float[Array, ""],
    blocks: float | Float[Array, ""],
    q: float | Float[Array, " n"] = 1.0,
) -> Float[Array, ""]:
    """Mean sin^2 of the block power method on light incoherent rows in random order.

    sum_i (t / q_i - 1) <a_i, v1>^2 ||P a_i||^2 / lambda_1^2, with `along` = <a_i, v1>^2 and `off` =
    ||P a_i||^2, t blocks, rows kept with probability q_i. Derived: in the last block z ~ v1, and
    the terms <a_i, v1> P a_i of y add up to zero over the whole matrix; each is there with
    probability q_i / t and weight 1 / q_i, while <y, v1> ~ lambda_1 / t. What earlier blocks
    left is a factor 1 / R smaller. With q = 1 it is (t - 1) times the sum, for a flat tail
    (t - 1) (d - 1) / (n R); q < 1 adds sampling.
    """
    return jnp.sum((blocks / q - 1.0) * along * off) / lambda1**2


def heavy_numbers(h: int, d: int) -> int:
    """h d, the numbers of h stored rows: the scale of [kacham2024]'s upper bound O(h d polylog d)
    bits, h the number of rows with ||a||^2 >= ||A||_F^2 / (d polylog d).
    """
    return h * d


def kept_share_error(s: float, R: Scalar) -> Scalar:
    """sin^2 = (1/s - 1) / R up to O(1/R^2), when a share s of the rows sqrt(R/h) e_1 + f_i is kept
    and the rest forgotten. Exactly, with R as in these rows, (1 - s) / (1 + s R) (derived:
    the two top vectors are the normalised sums of the rows).
    """
    return (1.0 / s - 1.0) / R


def forgotten_row_error(R: Scalar) -> Scalar:
    """1 / R^2: sin^2 of an algorithm that forgets the one row that matters, R the energy of the
    special row (`matsense.problems.memory_streams.special_row`). Derived to leading order; the
    lower bound of [kacham2024], 1 - Omega(1/R^2) with O(h d / R) bits, speaks of every algorithm.
    """
    return 1.0 / R**2


def hard_log_ratio(R: Scalar, eta: Scalar, m: float | int = math.inf) -> Scalar:
    """ln of the squared growth of e_1 over that of a light coordinate, on the diagonal
    instance (`matsense.problems.sparse_streams.diagonal`).

    2 (R ln(1 + eta) - m ln(1 + eta / m)); instances have whole R, the law is drawn between them.
    """
    light = eta if math.isinf(m) else m * np.log1p(np.asarray(eta) / m)
    return 2.0 * (R * np.log1p(eta) - light)


def hard_failure(
    log_d: float, R: Scalar, eta: Scalar, m: float | int = math.inf, level: float = 0.5
) -> Scalar:
    """Probability that Oja's answer at a fixed rate has sin^2 > level on the diagonal instance,
    exactly (derived).

    The answer is proportional to (g_1 a, g_j b), so it fails if g_1^2 / chi^2_{d-1} is below
    (b / a)^2 (1 - level) / level: an F(1, d - 1) variable, chi^2_1 beyond d = 10^6. ln d is given,
    since the law reaches d = 2^160. Order does not matter: the updates commute.
    """
    above = np.log((1 - level) / level)
    if log_d > math.log(1e6):
        return special.chdtr(1, np.exp(log_d + above - hard_log_ratio(R, eta, m)))
    d = round(math.exp(log_d))
    return special.fdtr(1, d - 1, (d - 1) * np.exp(above - hard_log_ratio(R, eta, m)))


def best_hard_failure(log_d: float, R: Scalar, m: float | int = math.inf) -> Scalar:
    """`hard_failure` at the best fixed rate, (1 + eta) / (1 + eta / m) = R."""
    R = np.asarray(R, dtype=float)
    return hard_failure(log_d, R, (R - 1) / (1 - R / m), m)


# P(g^2 >= 1), the chance of success at the threshold, where (a / b)^2 = d.
AT_THRESHOLD = float(special.chdtrc(1, 1.0))


def hard_threshold(log_d: float) -> float:
    """R*(d), where R ln R - R + 1 = ln(d) / 2: the threshold of the best fixed rate on the diagonal
    instance.

    Grows like log d / log log d, [price2024]'s lower bound, which small d do not show. With
    u = ln R - 1 the equation is u e^u = (ln(d) / 2 - 1) / e, which Lambert's W solves.
    """
    u = special.lambertw((0.5 * log_d - 1.0) / math.e).real
    return math.exp(1.0 + float(u))


def mixed_threshold(d: int, C: float, eta: float) -> float:
    """R at which Price-Xun's rule accepts the rate eta on the mixed instance
    (`matsense.problems.sparse_streams.mixed`; derived).

    Each row e_1 + f_i multiplies v's first coordinate by 1 + eta, from |g| / sqrt(d): the growth
    (1 + eta)^(R - 1) is C ln d + ln(d) / 2 there, up to ln|g| and the f_i's share.
    """
    return 1.0 + (C + 0.5) * math.log(d) / math.log1p(eta)


def largest_row_error(R: float) -> float:
    """sin^2 of the rows e_1 + f_i of the mixed instance: (k - 1) / (2 k), k = R - 1 (derived)."""
    k = R - 1
    return (k - 1) / (2 * k)
