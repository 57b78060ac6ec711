"""Laws of the sub-gradient method for robust matrix recovery, for [ma2023].

sigma_1 is the unit of errors; errors are UNSQUARED Frobenius norms ||U U^T - X*||_F, as there.
"""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special

from matsense.errors import InvalidInput
from matsense.problems.corruption import DEGREES

Scalar = float | Float[Array, ""]
ROOT = math.sqrt(2 / math.pi)


def phi_gaussian(p: Scalar, scale: Scalar, nu: Scalar, norm: Scalar) -> Float[Array, ""]:
    """phi(X) for outliers N(0, scale^2), dense noise N(0, nu^2), and ||X||_F = norm.

    [ma2023] Thm 10 and 11 combined (derived): a residual is N(0, v), and E[sign(g + s) g] for
    jointly Gaussian g, s is sqrt(2/pi) norm / sqrt(v); v gains scale^2 with probability p.
    """
    v = jnp.asarray(norm) ** 2 + jnp.asarray(nu) ** 2
    return ROOT * norm * ((1 - p) / jnp.sqrt(v) + p / jnp.sqrt(v + jnp.asarray(scale) ** 2))


@functools.lru_cache(maxsize=256)
def survival(law: str, ratio: float) -> float:
    """How much of phi survives an outlier s of scale `ratio`: E exp(-s^2 / 2), closed (derived).

    gaussian: (1 + ratio^2)^(-1/2); constant, rademacher: exp(-ratio^2 / 2); cauchy:
    exp(ratio^2 / 2) erfc(ratio / sqrt 2); student: by quadrature over its density.
    """
    if law == "gaussian":
        return 1 / math.sqrt(1 + ratio**2)
    if law in ("constant", "rademacher"):
        return math.exp(-(ratio**2) / 2)
    if law == "cauchy":
        return float(special.erfcx(ratio / math.sqrt(2)))
    if law == "student":
        from scipy import integrate, stats  # here: half a second that workers need not spend

        density = stats.t(DEGREES).pdf
        # The integrand lives on |s| < 10 in units where the exponential does, or the density.
        end = 40 / max(ratio, 0.1)
        value, _ = integrate.quad(
            lambda s: 2 * math.exp(-((ratio * s) ** 2) / 2) * density(s), 0, end, limit=200
        )
        return float(value)
    raise InvalidInput(f"law = {law}", "phi is known for laws independent of A", "give another law")


def phi(law: str, p: float, scale: float, nu: float, norm: float) -> float:
    """Closed form of phi at ||X||_F = norm, for any outlier law and dense noise together.

    sqrt(2/pi) (norm / v) [1 - p + p E exp(-s^2 / (2 v^2))] with v^2 = norm^2 + nu^2: [ma2023] Thm
    10 for nu = 0 and Thm 11 for p = 0; together derived: given s, the residual's sign is decided by
    a Gaussian of variance v^2 shifted by s, and E[sign(g + n - s) g] = sqrt(2/pi) (norm^2 / v)
    exp(-s^2 / (2 v^2)). Raises InvalidInput for the adversarial law.
    """
    v = math.hypot(norm, nu)
    return ROOT * norm / v * (1 - p + p * survival(law, scale / v))


def phi_error(phi: float, m: int) -> float:
    """Standard error of <Q, X/||X||_F> from m measurements: sqrt((1 - phi^2) / m) (derived).

    Each term sign(r_i) <A_i, X/||X||> has mean phi and second moment 1, whatever the noise.
    """
    return math.sqrt((1 - phi**2) / m)


def travel_budget(budget: Scalar, kappa: Scalar, alpha: Scalar) -> Scalar:
    """B = sum of eta rho^t = eta / (1 - rho) = budget kappa log(1/alpha), the tie of [ma2023]
    Thm 27: rho = 1 - Theta(eta / (kappa log(1/alpha))), `budget` the constant that Theta hides.
    """
    return budget * kappa * jnp.log(1 / jnp.asarray(alpha))


def is_spent(steps: int, eta: float, travel: float, left: float) -> bool:
    """Whether rho^T <= left: of the travel no more than this share is still to come.

    In logarithms: rho^T and left may be too small for a number, and left may have become 0.
    """
    return left > 0 and bool(steps * math.log1p(-eta / travel) <= math.log(left))


def group(p: float, m: int, d: int, r: int) -> float:
    """(1 - p)^2 m / (d r), which decides recovery, not p alone (derived from delta; kappa = 1)."""
    return (1 - p) ** 2 * m / (d * r)


def deviation_scale(p: float, m: int, d: int, k: int) -> float:
    """The size sqrt(d k / m) / (1 - p) of Sign-RIP's delta: [ma2023] Thm 10, up to logs."""
    return math.sqrt(d * k / m) / (1 - p)


def exponent_deficit(p: float, m: int, d: int, budget: float) -> float:
    """2 - (exponent of the final error in alpha), for r = kappa = 1 and large outliers.

    Derived, to first order in sqrt(d/m): the residual block grows along the top eigenvector of the
    noise in Q, a symmetric matrix of entries of variance 1/(2m), at sqrt(2d/m) / phi per unit of
    2 travel. All of that noise acts while the signal is learnt (travel log(1/alpha)/2); after that
    only the outliers' share sqrt(p) of it keeps its direction, for the travel that is left.
    """
    edge = math.sqrt(2 * d / m) / (ROOT * (1 - p))
    return 2 * edge * (1 + (2 * budget - 1) * math.sqrt(p))


def population_curve(
    idle_start: Float[Array | np.ndarray, " width"],
    eta: Scalar,
    t: Float[Array | np.ndarray, " ticks"],
) -> Float[Array, " ticks"]:
    """||E E^T||_F of the expected loss under the noiseless rule (derived).

    There eta_t D_t = (2/pi) eta Delta U, gradient descent with step (2/pi) eta, whose residual
    block has s^2 = 1 / (1/s_0^2 + (4/pi) eta t) on the null space of the signal rows.
    """
    begin = 1.0 / jnp.where(idle_start > 0, idle_start, 1.0) ** 2
    inverse = begin[None] + (4 / math.pi) * eta * t[:, None]
    return jnp.sqrt(jnp.sum(jnp.where(idle_start > 0, inverse**-2.0, 0.0), axis=1))


def population_bound(
    alpha: Scalar, eta: Scalar, t: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """alpha^2 / (eta alpha^2 t + 1): [ma2023] Thm 18, after the transient."""
    return np.asarray(alpha**2 / (eta * alpha**2 * t + 1))


def gaussian_error(nu: float, m: int, d: int, r: int) -> float:
    """nu sqrt(d r / m): [ma2023] Cor 29, up to kappa and logs."""
    return nu * math.sqrt(d * r / m)


def gaussian_limit(nu: float, m: int, d: int, r: int) -> float:
    """nu sqrt(pi/2 D / m), D = d r - r (r - 1) / 2: root mean square of the final error (derived).

    For m -> infinity: the least-l1 estimate of D parameters (the tangent space of PSD matrices of
    rank r, where A is orthonormal up to m) has variance (pi/2) nu^2 / m in each, the sample
    median's; kappa and alpha do not enter. It sharpens the rate of [ma2023] Cor 29.
    """
    return nu * math.sqrt(math.pi / 2 * (d * r - r * (r - 1) / 2) / m)
