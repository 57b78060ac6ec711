"""Attention's support vector machine with certificates: the Frobenius norm, and what is shared.

(Att-SVM), [tarzanagh2023svm] setting (recalled): min ||W|| subject to
(x_{i,a_i} - x_it)^T W z_i >= 1 for every t != a_i and every i. For any multipliers lam >= 0 with
G = sum_it lam_it (x_{i,a_i} - x_it) z_i^T, duality gives sum(lam) / ||G||_dual <= optimum
<= ||W|| / (smallest margin of W): what is returned carries both ends. On the host, in numpy.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import linalg, optimize

from matsense.errors import Infeasible, InvalidInput

# Nothing is used whose relative gap exceeds this; these are the tolerances of support and rank.
LARGEST_GAP = 1e-8
SUPPORT = 1e-6
RANK = 1e-5
# 1 / (1 + ||W||^2) of the least-distance problem: below it no W of norm 1e6 separates.
INFEASIBLE = 1e-12

Matrix = Float[np.ndarray, "d d"]
Array = np.ndarray


class Constraints(NamedTuple):
    """left_k^T W right_k >= 1 for every k, and `equal` ones = 0: rows d each, numbered (i, t)."""

    left: Float[np.ndarray, "N d"]
    right: Float[np.ndarray, "N d"]
    place: Int[np.ndarray, "N 2"]

    @property
    def rows(self) -> Float[np.ndarray, "N dd"]:
        """The constraints as vectors in R^(d d), row-major."""
        return np.einsum("ka,kb->kab", self.left, self.right).reshape(
            len(self.left), self.left.shape[1] * self.right.shape[1]
        )

    def margins(self, W: Matrix) -> Float[np.ndarray, " N"]:
        """left_k^T W right_k."""
        return np.einsum("ka,ab,kb->k", self.left, W, self.right)

    def combined(self, lam: Float[np.ndarray, " N"]) -> Matrix:
        """G = sum_k lam_k left_k right_k^T."""
        return (self.left * lam[:, None]).T @ self.right


Solve = Callable[[Array, Array, Array], "Solution"]


@dataclass(frozen=True)
class Solution:
    """A certified optimum: lower <= optimum <= norm, relative gap between them.

    `margins` and `multipliers` are (n, T), with margin inf and multiplier 0 where there is no
    constraint; `rank` counts singular values above 1e-5 of the largest, `rank_bound` those
    directions that the certificate allows (unit singular values of G for the nuclear norm).
    """

    W: Matrix
    norm: float
    lower: float
    margins: Float[np.ndarray, "n T"]
    multipliers: Float[np.ndarray, "n T"]
    rank: int
    rank_bound: int

    @property
    def gap(self) -> float:
        """norm / lower - 1."""
        return self.norm / self.lower - 1

    @property
    def support(self) -> Bool[np.ndarray, "n T"]:
        """Tokens whose margin is 1."""
        return self.margins <= 1 + SUPPORT


def check_instance(X: Array, z: Array, choice: Array) -> None:
    """Raises `InvalidInput` unless X (n, T, d) and z (n, d) are finite numbers of n >= 1 inputs,
    T >= 2 tokens and d >= 1 coordinates, and `choice` (n,) names a token of each input.
    """
    n, T, d = X.shape
    whole = np.issubdtype(np.asarray(choice).dtype, np.integer)
    rules = [
        (n < 1, f"X with n = {n}", "there is at least one input", "give n = 1 or more"),
        (T < 2, f"X with T = {T}", "a choice needs two tokens", "give T = 2 or more"),
        (d < 1, f"X with d = {d}", "tokens have at least one coordinate", "give d = 1 or more"),
        (z.shape != (n, d), f"z of shape {z.shape}", "every input has a query", f"give {(n, d)}"),
        (np.shape(choice) != (n,), "the choice", "every input has one token", f"give {n} of them"),
        (not whole, "the choice", "tokens are numbered", "give whole numbers"),
    ]
    for broken, value, rule, remedy in rules:
        if broken:
            raise InvalidInput(value, rule, remedy)
    if not (np.isfinite(X).all() and np.isfinite(z).all()):
        raise InvalidInput("X or z", "they hold a value that is no number", "leave that input out")
    if not ((np.asarray(choice) >= 0) & (np.asarray(choice) < T)).all():
        raise InvalidInput("the choice", f"tokens are numbered 0 to {T - 1}", "choose among these")


def constraints(X: Array, z: Array, choice: Array) -> Constraints:
    """Those of a token choice (n,): n (T - 1) of them. Raises `InvalidInput`."""
    check_instance(X, z, choice)
    i, t = np.nonzero(np.arange(X.shape[1]) != np.asarray(choice)[:, None])
    return Constraints(X[i, choice[i]] - X[i, t], z[i], np.stack([i, t], axis=1))


def certify(
    W: Matrix, lam: Array, rules: Constraints, shape: tuple[int, int], nuclear: bool
) -> Solution:
    """W scaled to margins of at least 1, held against the dual bound of lam (clipped at 0)."""
    lam = np.maximum(lam, 0.0)
    W = W / rules.margins(W).min()
    sigma = np.linalg.svd(W, compute_uv=False)
    dual = np.linalg.svd(rules.combined(lam), compute_uv=False)
    norm = sigma.sum() if nuclear else np.linalg.norm(sigma)
    dual_norm = dual[0] if nuclear else np.linalg.norm(dual)
    margins, multipliers = np.full(shape, np.inf), np.zeros(shape)
    margins[rules.place[:, 0], rules.place[:, 1]] = rules.margins(W)
    multipliers[rules.place[:, 0], rules.place[:, 1]] = lam
    # Complementarity: W lives on the singular directions of G that attain its dual norm; for the
    # Frobenius norm W is a multiple of G.
    bound = (dual > (1 - 1e-4) * dual[0]).sum() if nuclear else (dual > RANK * dual[0]).sum()
    rank = int((sigma > RANK * sigma[0]).sum())
    return Solution(
        W, float(norm), float(lam.sum() / dual_norm), margins, multipliers, rank, int(bound)
    )


def accept(solution: Solution) -> Solution:
    """The solution if its gap is within 1e-8; ArithmeticError, which fails the run, if not."""
    if not solution.gap <= LARGEST_GAP:
        raise ArithmeticError(f"no certified optimum: relative gap {solution.gap:.1e}")
    return solution


def least_distance(rows: Array) -> tuple[Array, Array]:
    """(w, lam) with w = rows^T lam the shortest vector with rows @ w >= 1; raises `Infeasible`, and
    `InvalidInput` for no rows, of which non-negative least squares would end the process.

    Lawson and Hanson's reduction to non-negative least squares [lawson1974], ch. 23: minimise
    ||(rows^T u, sum(u) - 1)|| over u >= 0; the squared residual is 1 / (1 + ||w||^2), zero exactly
    when no w exists. On the R of a QR factorisation of rows^T, and polished on the active set.
    """
    if 0 in rows.shape or not np.isfinite(rows).all():
        value = f"constraints of shape {rows.shape}"
        raise InvalidInput(value, "they are finite numbers, one row or more", "give T = 2 or more")
    Q, R = linalg.qr(rows.T, mode="economic")
    small = R.T  # the rows in the orthonormal basis Q: margins are small @ y where w = Q y
    target = np.zeros(len(R) + 1)
    target[-1] = 1.0
    u, _ = optimize.nnls(np.vstack([R, np.ones(len(rows))]), target)
    room = 1.0 - u.sum()
    if room < INFEASIBLE:
        raise Infeasible("infeasible: no W separates the chosen tokens from the others")
    lam = u / room
    active = lam > 0
    # On the active set the optimum solves a linear system, without the loss of digits in `room`.
    y = linalg.lstsq(small[active], np.ones(active.sum()), lapack_driver="gelsy")[0]
    polished = np.zeros_like(lam)
    polished[active] = linalg.lstsq(small[active].T, y, lapack_driver="gelsy")[0]
    if (polished >= 0).all() and (small @ y).min() > 1 - 1e-9:
        return Q @ y, polished
    return rows.T @ lam, lam


def frobenius(X: Array, z: Array, choice: Array) -> Solution:
    """W_a of (Att-SVM) for a token choice (n,); raises `InvalidInput`, `Infeasible` or
    ArithmeticError.
    """
    rules = constraints(X, z, choice)
    d = X.shape[2]
    w, lam = least_distance(rules.rows)
    return accept(certify(w.reshape(d, d), lam, rules, X.shape[:2], nuclear=False))


@functools.lru_cache(maxsize=512)
def _by_content(solve: Solve, shape: tuple[int, ...], *arrays: tuple[bytes, str]) -> Solution:
    X, z, choice = (np.frombuffer(data, dtype) for data, dtype in arrays)
    return solve(X.reshape(shape), z.reshape(shape[0], shape[2]), choice)


def remembered(solve: Solve, X: Array, z: Array, choice: Array) -> Solution:
    """What `frobenius` or another `solve(X, z, choice)` gives, found once for equal arrays.

    Many runs meet the same instance. Raises what it raises, and remembers no failure.
    """
    check_instance(X, z, choice)
    arrays = ((array.tobytes(), array.dtype.str) for array in map(np.asarray, (X, z, choice)))
    return _by_content(solve, X.shape, *arrays)


def locally_optimal(solution: Solution, scores: Array, choice: Array) -> bool:
    """Whether every chosen token outscores the support tokens of its input (the paper's sense)."""
    chosen = np.take_along_axis(scores, np.asarray(choice)[:, None], axis=1)
    return bool(np.all((chosen > scores) | ~solution.support))


def clearance(solution: Solution, scores: Array, choice: Array) -> float:
    """How far beyond the margin 1 the nearest token lies that outscores the chosen one; inf if none
    does. Not above the support tolerance: the choice is not locally optimal.
    """
    chosen = np.take_along_axis(scores, np.asarray(choice)[:, None], axis=1)
    return float(np.min(np.where(scores > chosen, solution.margins - 1, np.inf)))
