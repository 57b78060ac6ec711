"""The SVM of a nonlinear head, where inputs keep sets of tokens; [tarzanagh2023svm], a hypothesis.

W ~ W_fin + C W_svm (recalled): W_svm separates each input's set O_i of kept tokens from the rest
with margin 1 and does not move inside O_i; W_fin, of least norm, sets the softmax inside O_i.
"""

import numpy as np
from jaxtyping import Bool, Float

from matsense.errors import Infeasible
from matsense.references.attention.svm import (
    Array,
    Constraints,
    Matrix,
    Solution,
    accept,
    certify,
    check_instance,
    least_distance,
)


def _inside(X: Array, z: Array, kept: Bool[np.ndarray, "n T"], leader: Array) -> Constraints:
    """(x_it - x_i,leader) z_i^T for every other kept token."""
    i, t = np.nonzero(kept & (np.arange(X.shape[1]) != leader[:, None]))
    return Constraints(X[i, t] - X[i, leader[i]], z[i], np.stack([i, t], axis=1))


def generalised(X: Array, z: Array, kept: Bool[np.ndarray, "n T"]) -> Solution:
    """W_svm: min ||W||_F, margins at least 1 from O_i to the rest and 0 inside O_i.

    Raises `Infeasible` if there is none, or if nothing is to be separated, and `InvalidInput`. The
    equalities are projected out, which leaves a least-distance problem: its dual bound uses the
    projection of G.
    """
    n, T, d = X.shape
    check_instance(X, z, np.zeros(n, int))
    leader = kept.argmax(axis=1)
    i, t = np.nonzero(~kept)
    if len(i) == 0:
        raise Infeasible("infeasible: every token is kept, nothing is to be separated")
    rules = Constraints(X[i, leader[i]] - X[i, t], z[i], np.stack([i, t], axis=1))
    inside = _inside(X, z, kept, leader).rows
    basis = np.linalg.svd(inside, full_matrices=False)
    V = basis.Vh[1e-10 * basis.S.max(initial=0.0) < basis.S]
    rows = rules.rows - rules.rows @ V.T @ V
    w, lam = least_distance(rows)
    found = certify(w.reshape(d, d), lam, rules, (n, T), nuclear=False)
    # The multipliers of the equalities make G the projection, which is w itself up to scale.
    lower = float(lam.sum() / np.linalg.norm(rows.T @ lam))
    return accept(
        Solution(
            found.W, found.norm, lower, found.margins, found.multipliers, found.rank, found.rank
        )
    )


def finite_part(
    X: Array, z: Array, s: Float[np.ndarray, "n T"], kept: Bool[np.ndarray, "n T"]
) -> Matrix:
    """W_fin: the least W with (x_it - x_is)^T W z_i = ln(s_it / s_is) inside every O_i.

    Raises `InvalidInput`.
    """
    n, _, d = X.shape
    check_instance(X, z, np.zeros(n, int))
    leader = kept.argmax(axis=1)
    inside = _inside(X, z, kept, leader)
    if len(inside.left) == 0:
        return np.zeros((d, d))
    i, t = inside.place.T
    ratio = np.log(s[i, t] / s[i, leader[i]])
    return np.linalg.lstsq(inside.rows, ratio, rcond=None)[0].reshape(d, d)
