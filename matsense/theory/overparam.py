"""Laws of over-parameterised gradient descent in matrix sensing, for [xiong2024].

The paper states rates up to constants: exp(-Omega(T)) at k = r, Omega(1/T^2) for symmetric k > r,
exp(-Omega(alpha^2 T)) for asymmetric k > r from an imbalanced start, and a rate independent of
alpha after one modified step. The sharper laws below are derived from the update equations (each
docstring says how) and predict a run from its own instance and start. sigma_1 = 1 fixes the units;
rates are in nats a step of the SQUARED error e_t = ||F_t G_t^T - Sigma||_F^2.
"""

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
    s0: Float[Array, " width"], eta: Scalar, t: Float[Array, " ticks"]
) -> Float[Array, " ticks"]:
    """sym-over: e_t -> sum_i (1 / (1/s_{0,i}^2 + 2 eta t))^2 once the signal has converged.

    Derived: on the null space of the signal rows the update is s <- s (1 - eta s^2), whose flow
    d(1/s^2)/dt = 2 eta gives s^2 = 1 / (1/s_0^2 + 2 eta t); e_t is the sum of their fourth powers.
    Zeros in s0 contribute nothing. Hence (2 eta t)^2 e_t -> k - r, whatever alpha, sigma, n, seed.
    """
    inverse = 1.0 / jnp.where(s0 > 0, s0, 1.0) ** 2 + 2 * eta * t[..., None]
    return jnp.sum(jnp.where(s0 > 0, inverse**-2.0, 0.0), axis=-1)


def exact_rate(eta: Scalar, sigma_r: Scalar) -> Scalar:
    """sym-exact, asym-exact (k = r): e_t decays by -2 ln(1 - eta sigma_r) a step.

    Derived: near Sigma the rows of the factors outside the signal shrink by 1 - eta sigma_r a step,
    which is the slowest mode of either factorisation.
    """
    return -2 * jnp.log1p(-eta * sigma_r)


def null_imbalance(
    F0: Float[Array, "n1 width"],
    G0: Float[Array, "n2 width"],
    signal_rows: Float[Array, "r width"],
    k: int | Int[Array, ""],
) -> Float[Array, ""]:
    """min_i |lambda_i(W^T D_0 W)|, with D_0 = F_0^T F_0 - G_0^T G_0 and W spanning the null space
    of the final factor's signal rows in R^k; 0 if k = r leaves no null space.
    """
    P = null_projector(signal_rows, k)
    D = imbalance(F0, G0)
    # Directions outside W get an eigenvalue beyond all of D, so that the minimum is over W alone.
    beyond = 1.0 + jnp.linalg.norm(D)
    smallest = jnp.min(jnp.abs(jnp.linalg.eigvalsh(P @ D @ P + beyond * (jnp.eye(D.shape[0]) - P))))
    return jnp.where(smallest > 0.5 * beyond, 0.0, smallest)


def imbalance_rate(eta: Scalar, null_imbalance: Scalar) -> Scalar:
    """asym-over: the tail rate of e_t is -2 ln(1 - eta min_i |lambda_i(W^T D_0 W)|).

    Derived: in the null directions F^T F keeps only the eigenvalues of the imbalance, which
    gradient descent conserves up to O(eta^2) a step, and the rows of G outside the signal shrink
    by (1 - eta F^T F) a step. To first order in eta it is 2 eta |lambda|, of size eta alpha^2; the
    logarithm is 1% of it at alpha = 0.5, eta = 0.1. W is the null space of F's signal rows, which
    is G's only to first order in alpha^2 / sigma_r: the rate is then a few per cent larger
    (`limit_rate` is exact). With F_0 = G_0 the imbalance and the rate are zero.
    """
    return -2 * jnp.log1p(-eta * null_imbalance)


def modified_rate(eta: Scalar, beta_squared: Scalar, sigma_r: Scalar) -> Scalar:
    """one-step: -2 ln(1 - eta min(beta^2, sigma_r^2 / beta^2)) a step, independent of alpha.

    Derived: after the step F^T F = beta^2 I, so G's rows outside the signal shrink by
    1 - eta beta^2, and F's by 1 - eta sigma_r^2 / beta^2; 2 eta min(...) to first order in eta.
    Best at beta^2 = sigma_r, where it equals the k = r rate `exact_rate`. Needs
    eta < 2 / max(beta^2, sigma_1^2 / beta^2).
    """
    return -2 * jnp.log1p(-eta * jnp.minimum(beta_squared, sigma_r**2 / beta_squared))


def limit_rate(
    eta: float,
    F: Float[np.ndarray, "n1 k"],
    G: Float[np.ndarray, "n2 k"],
    r: int,
    normal: Float[np.ndarray, "p p"] | None = None,
) -> float:
    """-2 ln(1 - eta lambda), the linear rate at which asymmetric GD approaches its limit (F, G).

    Derived: with J (dF, dG) = dF G^T + F dG^T, GD near a limit with F G^T = Sigma acts on the
    factors as I - eta J^T (A*A) J, and lambda is the smallest eigenvalue of J^T (A*A) J off the
    kernel of J. `normal` is the matrix of A*A on row-major vec coordinates, p = n1 n2 (None: the
    population, where this contains laws 2 to 4 as the limits of a small imbalance). F has full
    column rank k (no padding), G has rank r, so J has rank n2 k + (n1 - k) r; for k = r every limit
    has that form. Costs O(p^2 k (n1 + n2)). NaN for
    factors that diverged.
    """
    if not (np.isfinite(F).all() and np.isfinite(G).all()):
        return float("nan")
    (n1, k), n2 = F.shape, G.shape[0]
    J_F = np.einsum("ax,bc->abxc", np.eye(n1), G).reshape(n1 * n2, n1 * k)
    J_G = np.einsum("bx,ac->abxc", np.eye(n2), F).reshape(n1 * n2, n2 * k)
    J = np.concatenate([J_F, J_G], axis=1)
    curvature = np.linalg.eigvalsh(J.T @ (J if normal is None else normal @ J))
    rank = n2 * k + (n1 - k) * r
    return float(-2 * np.log1p(-eta * curvature[len(curvature) - rank]))


def finite_sample_factor(
    n: int, excess: int, m: float | Float[Array, "..."]
) -> Float[Array, "..."]:
    """(1 - sqrt(n (k - r) / m))^2, by which m measurements multiply the asym-over rate.

    A heuristic (derived from the Marchenko-Pastur edge): the decaying block G W has n (k - r)
    entries, on which A*A acts as a Wishart matrix with m degrees of freedom, and the slowest
    direction is its smallest eigenvalue. 0 below m = n (k - r). It ignores that the signal's own
    r (n1 + n2 - r) directions follow the null block; `limit_rate` does not.
    """
    return jnp.maximum(1 - jnp.sqrt(n * excess / m), 0.0) ** 2
