"""Laws of gradient descent on attention, for [tarzanagh2023svm] and [tarzanagh2023maxmargin].

The papers: W diverges in the direction of the max-margin separator W_a of a locally optimal token
choice a; the regularisation path over W tends to the Frobenius solution W_mm, over (K, Q) to the
nuclear one (statements recalled). The rates below are derived. All of them have one source: in the
end W = c(t) W_a + P(t) with P orthogonal to W_a and bounded, because the margins of the support
tokens settle at fixed differences; hence

    1 - corr(W, W_a) = ||P||^2 / (2 ||W||^2) (1 + O(||P||^2 / ||W||^2)).

Equal non-optimal scores. With D_i > 0 the best token's lead in input i,

    -grad L(W) = sum_i a_i sum_{t != opt_i} s_it (x_i,opt_i - x_it) z_i^T,
    a_i = -l'_i D_i s_i,opt_i / n

(derived: the output f_i is a constant plus D_i s_i,opt_i). All weights are positive and W_mm has
margins of at least 1, so -<grad L(W), W_mm> is positive at every W: the landscape has no stationary
point, as the paper's abstract says of the over-parameterised case. `descent_cosine` bounds the
angle. The norm must then diverge; the direction need not be that of W_mm once n > 1 (derived:
`matsense.references.attention.traps`): an input that the others' direction lets fall behind by more
than their margin, c > 1, is left for ever. Seen at n = 6, T = 8, d = 10 from W = 0 in 4 of 200
instances, the same 4 under NGD with steps 0.1, 0.01 and 0.001 and under GD with steps 0.1, 1 and
10, up to 1e6 steps; 50 of the 200 have a trap, so that c > 1 is needed, not enough, from W = 0.
That contradicts "equal scores: every run ends at the best tokens", a stronger sentence than any of
the paper's that we know of. The paper proves global convergence "under suitable geometric
conditions" (abstract), of which one is that the first gradient separates the best tokens
(recalled): with equal scores such runs have all arrived here. With unequal ones 2 of 268 had not
(n = 6, T = 8, d = 20, step 0.1; the first of them neither with 0.01 and 0.001), so that this
condition alone is not enough there. n = 1 has no traps.
"""

import numpy as np
from jaxtyping import Float, Int

from matsense.errors import Excluded

Matrix = Float[np.ndarray, "d d"]

# 1 - corr ~ size^-2, where the size is ||W||: eta t for NGD, ln t for GD, kappa on the paths.
EXPONENT = 2.0


def misalignment(
    A: Float[np.ndarray, "*runs d d"], B: Float[np.ndarray, "*#runs d d"]
) -> Float[np.ndarray, "*runs"]:
    """1 - <A, B> / (||A|| ||B||), without cancellation: half the squared distance of the units."""
    apart = A / _norm(A) - B / _norm(B)
    return np.asarray(np.sum(apart**2, axis=(-2, -1)) / 2)


def _norm(A: Float[np.ndarray, "*runs d d"]) -> Float[np.ndarray, "*runs 1 1"]:
    return np.linalg.norm(A, axis=(-2, -1), keepdims=True)


def cosine(A: Float[np.ndarray, "runs d d"], B: Matrix) -> Float[np.ndarray, " runs"]:
    """<A, B> / (||A|| ||B||), 0 for a zero A, which has no angle with anything."""
    along, length = np.tensordot(A, B), np.linalg.norm(A, axis=(1, 2)) * np.linalg.norm(B)
    return np.divide(along, length, out=np.zeros_like(along), where=length > 0)


def ngd_speed(eta: float) -> float:
    """d||W|| / dt of NGD with a fixed step tends to eta.

    Derived: once the support margins have settled, all of the gradient points along -W_a.
    """
    return eta


def gd_log_slope(misaligned: Float[np.ndarray, " ticks"]) -> float:
    """d||W|| / d ln t of plain GD in units of ||W_a||: the mean correlation over the window.

    Derived: the gradient's component along -W_a sums to ||W_a|| / t once support losses fall as
    1 / t, and d||W|| = <W, dW> / ||W|| = corr(W, W_a) ||W_a|| d ln t up to the O(1 / t) drift of P.
    ||W|| / ||W_a|| = ln t + O(1) is its limit, approached from below as 1 / ln^2 t.
    """
    return float(1 - np.mean(misaligned))


def descent_cosine(
    X: Float[np.ndarray, "n T d"],
    z: Float[np.ndarray, "n d"],
    best: Int[np.ndarray, " n"],
    norm: float,
) -> float:
    """Least cos(-grad L(W), W_mm) over all W, where the other scores of an input are equal.

    1 / (||W_mm|| R), R = max ||x_i,opt_i - x_it|| ||z_i||, for ||W_mm|| = `norm`. Derived: -grad L
    is a sum of matrices (x_i,opt_i - x_it) z_i^T with positive weights (module), each of norm R at
    most and of inner product 1 at least with W_mm. Attained with one input of two tokens.
    """
    leads = np.take_along_axis(X, best[:, None, None], axis=1) - X
    longest = np.max(np.linalg.norm(leads, axis=2) * np.linalg.norm(z, axis=1)[:, None])
    return float(1 / (norm * longest))


def first_step_margin(
    X: Float[np.ndarray, "n T d"],
    z: Float[np.ndarray, "n d"],
    best: Int[np.ndarray, " n"],
    step: Matrix,
) -> float:
    """min over i and t != opt_i of (x_i,opt_i - x_it)^T step z_i: positive where the first step of
    a descent separates the best tokens of every input (recalled: a hypothesis of the papers').
    """
    h = np.einsum("itd,de,ie->it", X, step, z)
    lead = np.take_along_axis(h, best[:, None], axis=1) - h
    return float(np.min(np.where(np.arange(h.shape[1]) == best[:, None], np.inf, lead)))


# Nats by which a better token's softmax mass must lie below those of the support tokens.
FAR_OUT = 5.0


def far_out(depth: float, clearance: float) -> bool:
    """Whether a start of smallest margin `depth` is far enough out for its choice to be kept.

    Derived: the local convergence theorem asks for ||W|| >= R, R depending on the instance
    (recalled). At depth m a better token whose margin in W_a is 1 + clearance has a mass that is
    exp(-m clearance) times a support token's: while that is of order 1 it pulls as they do, and
    the choice is in effect not locally optimal.
    """
    return depth * clearance >= FAR_OUT


def least_dimension(n: int, T: int) -> int:
    """d >= max(T - 1, n): (Att-SVM) is almost surely feasible for every token choice (recalled).

    Sufficient, far from necessary.
    """
    return max(T - 1, n)


def rank_bound(n: int, d: int) -> int:
    """min(n, d), which no solution's rank exceeds: its rows lie in span{z_i} (recalled)."""
    return min(n, d)


def kept_sets(
    s: Float[np.ndarray, "n T"],
    earlier: Float[np.ndarray, "n T"],
    least: float = 0.02,
    gone: float = 1e-3,
    drift: float = 0.01,
) -> np.ndarray:
    """O_i, the tokens that keep softmax mass: (n, T) booleans. For nonlinear heads.

    Raises `Excluded` unless the run says clearly which they are: every mass is at least `least` or
    at most `gone`, and none has moved by more than `drift` since `earlier` in the run.
    """
    unclear = (s < least) & (s > gone)
    if unclear.any() or not np.abs(s - earlier).max() <= drift:
        raise Excluded("not settled: the kept tokens cannot be told")
    return np.asarray(s >= least)
