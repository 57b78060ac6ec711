"""Laws of streaming algorithms for the top eigenvector, R = lambda_1 / lambda_2.

The laws D0 to D9 are derived in the project's sheet and hold for this very matrix; what belongs
to [kacham2024] or [price2024] says so.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import optimize, stats

Scalar = Any  # a float or an array of them


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


def hard_log_ratio(R: Scalar, eta: Scalar, m: float | int = math.inf) -> Scalar:
    """ln of the squared growth of e_1 over that of a light coordinate, on the instance D6.

    2 (R ln(1 + eta) - m ln(1 + eta / m)); instances have whole R, the law is drawn between them.
    """
    light = eta if math.isinf(m) else m * np.log1p(np.asarray(eta) / m)
    return 2.0 * (R * np.log1p(eta) - light)


def hard_failure(
    log_d: float, R: Scalar, eta: Scalar, m: float | int = math.inf, level: float = 0.5
) -> Scalar:
    """D6: probability that Oja's answer at a fixed rate has sin^2 > level, exactly (derived).

    The answer is proportional to (g_1 a, g_j b), so it fails if g_1^2 / chi^2_{d-1} is below
    (b / a)^2 (1 - level) / level: an F(1, d - 1) variable, chi^2_1 beyond d = 10^6. ln d is given,
    since the law reaches d = 2^160. Order does not matter: the updates commute.
    """
    above = np.log((1 - level) / level)
    if log_d > math.log(1e6):
        return stats.chi2.cdf(np.exp(log_d + above - hard_log_ratio(R, eta, m)), 1)
    d = round(math.exp(log_d))
    return stats.f.cdf((d - 1) * np.exp(above - hard_log_ratio(R, eta, m)), 1, d - 1)


def best_hard_failure(log_d: float, R: Scalar, m: float | int = math.inf) -> Scalar:
    """D6's failure probability at the best fixed rate, (1 + eta) / (1 + eta / m) = R."""
    R = np.asarray(R, dtype=float)
    return hard_failure(log_d, R, (R - 1) / (1 - R / m), m)


# P(g^2 >= 1), the chance of success at the threshold, where (a / b)^2 = d.
AT_THRESHOLD = float(stats.chi2.sf(1.0, 1))


def hard_threshold(log_d: float) -> float:
    """R*(d): where R ln R - R + 1 = ln(d) / 2, D6's threshold for a fixed rate.

    Grows like log d / log log d ([price2024]'s px-hard), which small d do not show.
    """
    top = 3.0 + log_d
    return float(optimize.brentq(lambda R: R * math.log(R) - R + 1 - 0.5 * log_d, 1.0, top))


def mixed_threshold(d: int, C: float, eta: float) -> float:
    """R at which Price-Xun's rule accepts the rate eta on the instance D7 (derived).

    Each row e_1 + f_i multiplies v's first coordinate by 1 + eta, from |g| / sqrt(d): the growth
    (1 + eta)^(R - 1) is C ln d + ln(d) / 2 there, up to ln|g| and the f_i's share.
    """
    return 1.0 + (C + 0.5) * math.log(d) / math.log1p(eta)


def largest_row_error(R: float) -> float:
    """D7: sin^2 of the rows e_1 + f_i, (k - 1) / (2 k) with k = R - 1 (derived)."""
    k = R - 1
    return (k - 1) / (2 * k)
