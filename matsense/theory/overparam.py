"""Laws of over-parameterised gradient descent in matrix sensing, for [xiong2024].

The paper states rates up to constants: exp(-Omega(T)) at k = r, Omega(1/T^2) for symmetric k > r,
exp(-Omega(alpha^2 T)) for asymmetric k > r from an imbalanced start, and a rate independent of
alpha after one modified step. The sharper laws below are derived from the update equations (each
docstring says how) and predict a run from its own instance and start. sigma_1 = 1 fixes the units;
rates are in nats a step of the SQUARED error e_t = ||F_t G_t^T - Sigma||_F^2.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from matsense.factors import columns_below, imbalance

Scalar = float | Float[Array, ""]


def null_projector(
    signal_rows: Float[Array, "r width"], k: int | Int[Array, ""]
) -> Float[Array, "width width"]:
    """Projector of R^k onto the null space of the signal rows U^T X: k - r directions.

    Columns beyond k only pad the factor and are projected out as well.
    """
    _, _, Vt = jnp.linalg.svd(signal_rows, full_matrices=False)
    real = columns_below(k, signal_rows.shape[1]).astype(Vt.dtype)
    return jnp.diag(real) - Vt.T @ Vt


def null_block(
    X: Float[Array, "n width"], U: Float[Array, "n r"], k: int | Int[Array, ""]
) -> Float[Array, " width"]:
    """Singular values of X on the null space of its signal rows, descending; k - r are not 0."""
    return jnp.linalg.svd(X @ null_projector(U.T @ X, k), compute_uv=False)


def null_block_curve(
    s0: Float[Array | np.ndarray, " width"], eta: Scalar, t: Float[Array | np.ndarray, " ticks"]
) -> Float[Array, " ticks"]:
    """sym-over: e_t -> sum_i (1 / (1/s_{0,i}^2 + 2 eta t))^2 once the signal has converged.

    Derived: on the null space of the signal rows the update is s <- s (1 - eta s^2), whose flow
    d(1/s^2)/dt = 2 eta gives s^2 = 1 / (1/s_0^2 + 2 eta t); e_t is the sum of their fourth powers.
    Zeros in s0 contribute nothing. Hence (2 eta t)^2 e_t -> k - r, whatever alpha, sigma, n, seed.
    """
    begin = 1.0 / jnp.where(s0 > 0, s0, 1.0) ** 2
    inverse = begin[None] + 2 * eta * t[:, None]
    return jnp.sum(jnp.where(s0 > 0, inverse**-2.0, 0.0), axis=1)


def growth_steps(alpha: float, eta: float, kappa: float, n1: int, n2: int) -> float:
    """Steps in which the signal grows from a start of size alpha to sigma_r = 1 / kappa.

    Derived: along the signal a small factor grows by 1 + eta sigma_r a step, and its square begins
    near alpha^2 / n, n the longer side: ln(n sigma_r / alpha^2) / (2 ln(1 + eta sigma_r)).
    """
    needed = math.log(max(n1, n2) / kappa / alpha**2)
    return max(needed, 0.0) / (2 * math.log1p(eta / kappa))


def exact_rate(eta: Scalar, sigma_r: Scalar) -> Scalar:
    """sym-exact, asym-exact (k = r): e_t decays by -2 ln(1 - eta sigma_r) a step.

    Derived: near Sigma the rows of the factors outside the signal shrink by 1 - eta sigma_r a step,
    which is the slowest mode of either factorisation if there are such rows, r < min(n1, n2).
    """
    return -2 * jnp.log1p(-eta * sigma_r)


def null_imbalances(
    F0: Float[Array, "n1 width"],
    G0: Float[Array, "n2 width"],
    signal_rows: Float[Array, "r width"],
    k: int | Int[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The extreme eigenvalues (least, greatest) of W^T D_0 W, with D_0 = F_0^T F_0 - G_0^T G_0 and
    W spanning the null space of `signal_rows` in R^k; both 0 if k = r leaves no null space.

    Of one sign: D_0 is definite there, and one factor alone keeps the null directions.
    """
    P = null_projector(signal_rows, k)
    D = imbalance(F0, G0)
    # Directions outside W get an eigenvalue beyond all of D, so that the extremes are over W alone.
    beyond = 1.0 + jnp.linalg.norm(D)
    outside = beyond * (jnp.eye(D.shape[0]) - P)
    least = jnp.min(jnp.linalg.eigvalsh(P @ D @ P + outside))
    greatest = jnp.max(jnp.linalg.eigvalsh(P @ D @ P - outside))
    none = least > 0.5 * beyond
    return jnp.where(none, 0.0, least), jnp.where(none, 0.0, greatest)


def imbalances(
    start: tuple[Array, Array], last: tuple[Array, Array], U: Array, V: Array, k: int | Array
) -> dict[str, Array]:
    """||D_0||_2 as `imbalance`, and the extreme eigenvalues of D_0 on the null spaces of the last
    factors' signal rows, `null_of_F` and `null_of_G` (`null_imbalances`).
    """
    return {
        "imbalance": jnp.linalg.norm(imbalance(*start), 2),
        "null_of_F": jnp.stack(null_imbalances(*start, U.T @ last[0], k)),
        "null_of_G": jnp.stack(null_imbalances(*start, V.T @ last[1], k)),
    }


def least_imbalances(
    null_of_F: Float[np.ndarray, "2"], null_of_G: Float[np.ndarray, "2"]
) -> tuple[float, float]:
    """min |lambda_i(W^T D_0 W)| from its extreme eigenvalues, on the null space of F's signal rows
    and on that of G's; NaN where D_0 is indefinite.
    """

    def least(low: float, high: float) -> float:
        return min(abs(low), abs(high)) if low * high >= 0 else math.nan

    return least(*null_of_F), least(*null_of_G)


def imbalance_rate(eta: Scalar, of_F: Scalar, of_G: Scalar) -> Scalar:
    """asym-over: the tail rate of e_t is -2 ln(1 - eta lambda), lambda = (of_F + of_G) / 2, where
    `of_F` and `of_G` are min |lambda_i(W^T D_0 W)| on the null space W of the signal rows U^T F of
    the final F, and of V^T G of the final G.

    Derived: in the null directions F^T F keeps only the eigenvalues of the imbalance, which
    gradient descent conserves up to O(eta^2) a step, and the rows of G outside the signal shrink
    by (1 - eta F^T F) a step, so lambda is the smallest eigenvalue of F^T F at the limit. Let D_0
    be definite on the null space, W span that of G's signal rows C = V^T G and Q its complement.
    There F = U A + U_perp B with B Q = 0, so D W = F^T F W, and lambda <= lambda_min(W^T D W):
    `of_G` bounds it from above. With A Q invertible, E = A W = (A Q)^-T (Q^T D W), and the Schur
    complement of F^T F leaves, to second order, lambda = lambda_min(W^T D W - E^T E). The null
    space of A is W - Q (A Q)^-1 E, on which D is W^T D W - 2 E^T E to the same order: `of_F`
    stands as far below lambda as `of_G` above. Their mean is lambda to second order, their
    distance its error to first; ||E||^2 is about ||Q^T D W||^2 / sigma_r. It grows with
    alpha^2 / sigma_r and with k / n, the coupling of the start's Gram matrices. With F_0 = G_0
    imbalance and rate are zero. [xiong2024] has exp(-Omega(alpha^2 T)); this is the sharper law.
    """
    return -2 * jnp.log1p(-eta * (of_F + of_G) / 2)


def modified_rate(eta: Scalar, beta_squared: Scalar, sigma_r: Scalar) -> Scalar:
    """one-step: -2 ln(1 - eta min(beta^2, sigma_r^2 / beta^2)) a step, independent of alpha.

    Derived: after the step F^T F = beta^2 I, so G's rows outside the signal shrink by
    1 - eta beta^2, and F's by 1 - eta sigma_r^2 / beta^2; 2 eta min(...) to first order in eta.
    Best at beta^2 = sigma_r, where it equals the k = r rate `exact_rate`. Needs
    eta <= `modified_step_limit`.
    """
    return -2 * jnp.log1p(-eta * jnp.minimum(beta_squared, sigma_r**2 / beta_squared))


def modified_step_limit(beta_squared: float, sigma_r: float) -> float:
    """The largest eta for which `modified_rate` is the slowest mode after the modified step.

    Derived: after the step the curvatures are f_i^2 + g_j^2 with f_i^2 in {beta^2, 0} and g_j^2 in
    {sigma_j^2 / beta^2, 0}, between lambda = min(beta^2, sigma_r^2 / beta^2) and
    Lambda = beta^2 + sigma_1^2 / beta^2, sigma_1 = 1. GD contracts by max |1 - eta x| over them,
    which is 1 - eta lambda as long as eta <= 2 / (lambda + Lambda). GD is stable below 2 / Lambda;
    2 / max(beta^2, sigma_1^2 / beta^2) would overlook the modes that both factors share.
    """
    slowest = min(beta_squared, sigma_r**2 / beta_squared)
    return 2 / (slowest + beta_squared + 1 / beta_squared)


# A run is near enough to its limit for its curvature there if ||F G^T - Sigma||_2 is at most this
# share of s^2, s the least singular value that its factors keep: Gauss-Newton steps then lead to
# the limit, with an error of second order.
NEAR = 0.1


def limit_curvatures(
    F: Float[np.ndarray, "n1 k"],
    G: Float[np.ndarray, "n2 k"],
    Sigma: Float[np.ndarray, "n1 n2"],
    r: int,
    normal: Float[np.ndarray, "p p"] | None = None,
) -> Float[np.ndarray, " q"]:
    """The positive curvatures of the loss at the limit of asymmetric GD, ascending, from (F, G)
    late in a run; empty if the run is not near its limit, or has none of linear convergence.

    Derived: with J (dF, dG) = dF G^T + F dG^T, GD near a limit with F G^T = Sigma acts on the
    factors as I - eta J^T (A*A) J, and the curvatures are the eigenvalues of that matrix off the
    kernel of J. As J J^T M = F F^T M + M G G^T, the singular vectors p_i of F and q_j of G give the
    range of J: p_i q_j^T with f_i^2 + g_j^2 > 0, which are the curvatures in the population.
    `normal` is the matrix of A*A on row-major vec coordinates, p = n1 n2 (None: the population).

    The ranks are the limit's own. Sylvester's inequality bounds rank F + rank G by k + r; where it
    is attained the solutions F G^T = Sigma form a manifold with tangent space ker J (the dimensions
    agree), which GD approaches linearly. So the k + r largest of all singular values s stay and the
    others tend to zero. With s the least that stays and d the next, s d <= sigma_{r+1}(F G^T) <=
    ||F G^T - Sigma||_2, so asking that this be at most `NEAR` s^2 asks for a gap d <= `NEAR` s too:
    it fails before a run has converged, and at limits of lower rank (F_0 = G_0), where convergence
    is not linear. From there Gauss-Newton steps, which like GD conserve F^T F - G^T G to first
    order, lead to the limit. Empty as well if m is below the rank of J, where A*A misses some of
    its range, and for factors that diverged. Costs O(p^2 (k (n1 + n2) - k^2)).
    """
    if not (np.isfinite(F).all() and np.isfinite(G).all()):
        return np.empty(0)
    k = F.shape[1]
    for remaining in (3, 2, 1, 0):
        P, f, _ = np.linalg.svd(F, full_matrices=True)
        Q, g, _ = np.linalg.svd(G, full_matrices=True)
        least = np.sort(np.concatenate([f, g]))[::-1][k + r - 1]
        residual = F @ G.T - Sigma
        if np.linalg.norm(residual, 2) > NEAR * least**2:
            return np.empty(0)
        f2, g2 = np.zeros(len(F)), np.zeros(len(G))
        f2[:k], g2[:k] = np.where(f >= least, f, 0.0) ** 2, np.where(g >= least, g, 0.0) ** 2
        energy = f2[:, None] + g2
        if remaining:
            inverse = np.divide(1.0, energy, out=np.zeros_like(energy), where=energy > 0)
            M = P @ (inverse * (P.T @ residual @ Q)) @ Q.T
            F, G = F - M @ G, G - M.T @ F
    inside = np.flatnonzero(energy > 0)
    if normal is None:
        return np.sort(energy.reshape(-1)[inside])
    B = np.kron(P, Q)[:, inside] * np.sqrt(energy.reshape(-1)[inside])
    curvature = np.linalg.eigvalsh(B.T @ normal @ B)
    return curvature if curvature[0] > 1e-10 * curvature[-1] else np.empty(0)


def limit_rate(eta: float, curvatures: Float[np.ndarray, " q"]) -> float:
    """-2 ln max_i |1 - eta lambda_i|: the linear rate at which asymmetric GD approaches a limit
    with these curvatures (`limit_curvatures`, derived there).

    In the population it contains laws 2 to 4, as their first order in the imbalance. NaN without
    curvatures, and for a limit that eta makes unstable.
    """
    contraction = np.max(np.abs(1 - eta * curvatures), initial=0.0)
    return float(-2 * np.log(contraction)) if 0 < contraction < 1 else float("nan")


def settled_share(
    eta: float, curvatures: Float[np.ndarray, " q"], t: Float[np.ndarray, " ticks"]
) -> Float[np.ndarray, " ticks"]:
    """`limit_rate` over the local rate of e_t after t steps if all modes began with equal energy:
    it rises to 1 as the faster modes die out.

    Derived: e_t is then sum_i (1 - eta lambda_i)^(2 t), whose -d ln e_t / dt is the mean of the
    modes' rates, weighted by what is left of them. A Gaussian start gives the null directions, all
    that decay late, equal energy. Needs curvatures with a `limit_rate`.
    """
    rates = -2 * np.log(np.maximum(np.abs(1 - eta * curvatures), 1e-300))
    slowest = rates.min()
    left = np.exp(-np.multiply.outer(t, rates - slowest))
    return slowest * left.sum(axis=-1) / (left @ rates)


def approach(
    eta: float,
    curvatures: Float[np.ndarray, " q"],
    t: Float[np.ndarray, " ticks"],
) -> dict[str, np.ndarray]:
    """What is known of a run t steps into the approach to its limit: `near_limit` (0: it is not
    near one of linear convergence, and that is all), its `limit_rate`, and how far the pace has
    `settled` to that (`settled_share`).
    """
    speed = limit_rate(eta, curvatures)
    if math.isnan(speed):
        return {"near_limit": np.asarray(0.0)}
    settled = settled_share(eta, curvatures, t)
    return {"near_limit": np.asarray(1.0), "limit_rate": np.asarray(speed), "settled": settled}


def finite_sample_factor(
    n: int, excess: int, m: int | float | Float[Array, "..."]
) -> Float[Array, "..."]:
    """(1 - sqrt(n (k - r) / m))^2, by which m measurements multiply the asym-over rate.

    A heuristic (derived from the Marchenko-Pastur edge): the decaying block G W has n (k - r)
    entries, on which A*A acts as a Wishart matrix with m degrees of freedom, and the slowest
    direction is its smallest eigenvalue. 0 below m = n (k - r). It ignores that the signal's own
    r (n1 + n2 - r) directions follow the null block; `limit_rate` does not.
    """
    return jnp.maximum(1 - jnp.sqrt(n * excess / m), 0.0) ** 2
