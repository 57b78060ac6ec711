"""The nuclear-norm attention SVM as a semidefinite program, by SCS with Clarabel as fallback.

min ||W||_* is min (tr P + tr S) / 2 subject to [[P, W], [W^T, S]] psd. The columns of W may be
restricted to span{z_i} without loss (derived: projecting W from the right on that span keeps all
margins and cannot raise the norm), which leaves a matrix of side d + min(n, d).
"""

import clarabel
import numpy as np
import scs
from jaxtyping import Float
from scipy import linalg, sparse

from matsense.references.attention.svm import (
    LARGEST_GAP,
    Array,
    Constraints,
    Solution,
    accept,
    certify,
    constraints,
    least_distance,
)


def nuclear(X: Array, z: Array, choice: Array) -> Solution:
    """The solution of (Att-SVM_*) without a bound on the rank, certified to 1e-8.

    Raises `InvalidInput`, `Infeasible`, and ArithmeticError where neither solver reaches the gap.
    """
    rules = constraints(X, z, choice)
    least_distance(rules.rows)  # an exact test of feasibility, which the solvers lack
    span = linalg.orth(z.T)
    reduced = Constraints(rules.left, rules.right @ span, rules.place)
    best: Solution | None = None
    for solve in (_scs, _clarabel):
        W, lam = solve(reduced)
        if not (np.isfinite(W).all() and rules.margins(W @ span.T).min() > 0):
            continue
        found = certify(W @ span.T, lam, rules, X.shape[:2], nuclear=True)
        best = found if best is None or found.gap < best.gap else best
        if best.gap <= LARGEST_GAP:
            break
    if best is None:
        raise ArithmeticError("neither SCS nor Clarabel finds a separating W")
    return accept(best)


def _program(
    rules: Constraints, lower: bool
) -> tuple[Float[np.ndarray, " v"], sparse.csc_matrix, Float[np.ndarray, " b"], int]:
    """min c.x, A x + s = b, s in (R_+^N, svec psd): x is svec of [[P, W], [W^T, S]].

    svec stacks the lower triangle by columns (SCS) or the upper one by columns (Clarabel), off
    the diagonal times sqrt 2.
    """
    N, d = rules.left.shape
    p = rules.right.shape[1]
    side = d + p
    i, j = np.tril_indices(side) if lower else np.triu_indices(side)
    by_column = np.lexsort((i, j))
    i, j = i[by_column], j[by_column]
    row, column = np.minimum(i, j), np.maximum(i, j)
    objective = np.where(i == j, 0.5, 0.0)
    off = (row < d) & (column >= d)
    margins = np.zeros((N, len(i)))
    margins[:, off] = rules.left[:, row[off]] * rules.right[:, column[off] - d] / np.sqrt(2)
    A = sparse.vstack([sparse.csc_matrix(-margins), -sparse.eye_array(len(i))]).tocsc()
    b = np.concatenate([-np.ones(N), np.zeros(len(i))])
    return objective, sparse.csc_matrix(A), b, side


def _unpack(x: Array, rules: Constraints, lower: bool) -> Array:
    d, side = rules.left.shape[1], rules.left.shape[1] + rules.right.shape[1]
    i, j = np.tril_indices(side) if lower else np.triu_indices(side)
    by_column = np.lexsort((i, j))
    full = np.zeros((side, side))
    full[i[by_column], j[by_column]] = x
    full = full + full.T
    return full[:d, d:] / np.sqrt(2)


def _scs(rules: Constraints) -> tuple[Array, Array]:
    c, A, b, side = _program(rules, lower=True)
    N = len(rules.left)
    solver = scs.SCS(
        {"A": A, "b": b, "c": c},
        {"l": N, "s": [side]},
        eps_abs=1e-9,
        eps_rel=1e-9,
        max_iters=20_000,
        verbose=False,
    )
    answer = solver.solve()
    return _unpack(answer["x"], rules, lower=True), answer["y"][:N]


def _clarabel(rules: Constraints) -> tuple[Array, Array]:
    c, A, b, side = _program(rules, lower=False)
    N = len(rules.left)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    cones = [clarabel.NonnegativeConeT(N), clarabel.PSDTriangleConeT(side)]
    P = sparse.csc_matrix((len(c), len(c)))
    answer = clarabel.DefaultSolver(P, c, A, b, cones, settings).solve()
    return _unpack(np.asarray(answer.x), rules, lower=False), np.asarray(answer.z)[:N]
