"""How far a direction may be from v1, whatever the rows and their order: a randomised certificate.

Let M = A^T A and Y = M Omega, Omega (d, k) with independent N(0, 1) entries. A unit vector v that
was found without Omega splits M into rho = v.Mv, r = P M v and P M P, P = I - v v^T. Derived here:
with g = Omega^T v and W = P Omega G, G (k, k - 1) an orthonormal basis of g's complement,

    G^T Y^T v = W^T r,      P Y G = P M P W,      g^T Y^T v / |g|^2 = rho + (noise of r) / |g|,

because Omega G has no part along v. W is Gaussian on v's complement and independent of g and of
that noise. Hence |G^T Y^T v|^2 = |r|^2 chi^2_{k-1}, the estimate of rho has a Student error with
k - 1 degrees of freedom, and |P Y G| >= |P M P| |u^T W|, u the top vector of P M P, with |u^T W|^2
= chi^2_{k-1}. Nothing is assumed of the rows but that they do not depend on the random seed.
`residual_bound` turns these three into a bound on sin^2(v, v1).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from matsense.theory.streaming import residual_bound

# The probability that any of the statements on any of the candidates of one stream is false.
FALSE = 1e-6
# Sums over blocks of this many rows are rounded no worse than one after another.
BLOCK = 1024


class Evidence(NamedTuple):
    """What is known of unit vectors v, one a column: together, with probability 1 - `FALSE`.

    rho: estimate of v.Mv, and low <= v.Mv <= high; residual >= ||P M v||; across >= ||P M P||;
    sin2: the bound on sin^2(v, v1) that follows, 1 where none does.
    """

    rho: Float[np.ndarray, " vectors"]
    low: Float[np.ndarray, " vectors"]
    high: Float[np.ndarray, " vectors"]
    residual: Float[np.ndarray, " vectors"]
    across: Float[np.ndarray, " vectors"]
    sin2: Float[np.ndarray, " vectors"]


def rounding(rows: int, d: int, energy: float) -> float:
    """Bound on what float64 may add to a column of M: the number of terms that one sum holds."""
    return float(np.finfo(float).eps) * (BLOCK + rows / BLOCK + d) * energy


def projected(
    V: Float[np.ndarray, "d vectors"],
    Omega: Float[np.ndarray, "d k"],
    Y: Float[np.ndarray, "d k"],
    energy: float,
    rows: int,
) -> Evidence:
    """The evidence of Y on vectors that do not depend on Omega; `energy` = tr M."""
    (d, k), many = Omega.shape, V.shape[1]
    # Four statements a vector: r, P M P, and rho from below and from above.
    each = FALSE / (4 * many)
    chi2 = 2.0 * float(special.gammaincinv(0.5 * (k - 1), each))
    student = float(special.stdtrit(k - 1, 1.0 - each))
    slack = rounding(rows, d, energy) * math.sqrt(d * k / chi2)
    gram, g, y = Y.T @ Y, Omega.T @ V, Y.T @ V
    size = np.linalg.norm(g, axis=0)
    along = np.sum(g * y, axis=0) / size
    off = y - g / size * along
    rho = along / size
    error = np.linalg.norm(off, axis=0)
    residual = error / math.sqrt(chi2) + slack
    half = student * error / (math.sqrt(k - 1) * size) + slack
    across2 = np.array([_top(gram, *pair) for pair in zip((g / size).T, y.T, strict=True)])
    across = np.sqrt((across2 + 1e-15 * k * np.trace(gram)) / chi2) + slack
    low, high = np.clip(rho - half, 0.0, None), np.minimum(rho + half, energy + slack)
    sin2 = residual_bound(low, residual, across)
    return Evidence(rho, low, high, residual, across, sin2)


def _top(gram: np.ndarray, g: np.ndarray, y: np.ndarray) -> float:
    """||P Y G||^2 from Y^T Y, g / |g| and y = Y^T v."""
    inner = gram - np.outer(y, y)
    inner = inner - np.outer(g, g @ inner)
    return max(float(np.linalg.eigvalsh(inner - np.outer(inner @ g, g))[-1]), 0.0)


def exact(
    M: Float[np.ndarray, "d d"], energy: float, rows: int
) -> tuple[Float[np.ndarray, "d 1"], Evidence]:
    """The top eigenvector of M itself; all that is not known is rounding."""
    d = M.shape[0]
    values, vectors = np.linalg.eigh(0.5 * (M + M.T))
    slack = rounding(rows, d, energy) * math.sqrt(d)
    rho, residual, across = (np.array([x]) for x in (values[-1], slack, max(values[-2], 0) + slack))
    low, high = np.clip(rho - slack, 0.0, None), rho + slack
    sin2 = residual_bound(low, residual, across)
    return vectors[:, -1:], Evidence(rho, low, high, residual, across, sin2)
