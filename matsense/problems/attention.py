"""Softmax attention with a fixed head, [tarzanagh2023svm] setting (recalled).

L(W) = (1/n) sum_i l(Y_i psi(X_i^T softmax(X_i W z_i))): token rows x_it, query z_i, labels
Y_i = +-1, no 1 / sqrt(d), no bias, no mask. With a linear head psi(a) = v^T a the scores
gamma_it = Y_i v^T x_it decide which token an input should attend to.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from matsense.problems.losses import LOSSES
from matsense.pytree import pytree, static

Tokens = Literal["sphere", "gaussian"]
Queries = Literal["cross", "self"]
Head = Literal["linear", "relu"]


class Slope(NamedTuple):
    """A gradient exp(log_scale) * direction: exact however far the softmax has saturated."""

    direction: Float[Array, "d d"]
    log_scale: Float[Array, ""]


class Saturation(NamedTuple):
    """A softmax split at its peak, one row an input.

    gap <= 0: logits less the largest; peak: the arg-max token (one a row); s: softmax; gamma:
    scores, of a nonlinear head at the attention's output; f: margins Y_i psi(a_i).
    """

    gap: Float[Array, "n T"]
    peak: Bool[Array, "n T"]
    s: Float[Array, "n T"]
    gamma: Float[Array, "n T"]
    delta: Float[Array, " n"]  # sum of s_t (gamma_t - gamma_peak) over the other tokens
    f: Float[Array, " n"]


@pytree
class Attention:
    """One instance. `scores` (n, T) are Y_i psi(x_it): what input i gains by one token alone.

    Heads: "linear", where only the scores matter, and "relu", psi(a) = sum_k max(a_k, 0), as in
    the paper's nonlinear experiments (recalled).
    """

    X: Float[Array, "n T d"]
    z: Float[Array, "n d"]
    Y: Float[Array, " n"]
    scores: Float[Array, "n T"]
    loss: str = static(default="logistic")
    head: Head = static(default="linear")

    @property
    def best(self) -> Int[Array, " n"]:
        """opt_i, the token of the largest score."""
        return jnp.argmax(self.scores, axis=1)

    @property
    def zero(self) -> Float[Array, "d d"]:
        """W = 0, uniform attention, in the precision of the instance."""
        return jnp.zeros_like(self.X, shape=2 * self.X.shape[2:])

    def logits(self, W: Float[Array, "d d"]) -> Float[Array, "n T"]:
        """X_i W z_i, one row an input."""
        return jnp.einsum("itd,di->it", self.X, W @ self.z.T)

    def kept(self, W: Float[Array, "d d"]) -> Int[Array, " n"]:
        """The token that each input attends to most."""
        return jnp.argmax(self.logits(W), axis=1)

    def saturation(self, W: Float[Array, "d d"]) -> Saturation:
        """The softmax at W, nothing of it lost to its largest entry."""
        h = self.logits(W)
        gap = h - jnp.max(h, axis=1, keepdims=True)
        peak = jnp.arange(h.shape[1])[None] == jnp.argmax(h, axis=1)[:, None]
        mass = jnp.exp(gap)
        s = mass / jnp.sum(mass, axis=1, keepdims=True)
        gamma, f = self.scores, None
        if self.head == "relu":
            a = jnp.einsum("it,itd->id", s, self.X)
            gamma = self.Y[:, None] * jnp.einsum("id,itd->it", jnp.where(a > 0.0, 1.0, 0.0), self.X)
            f = self.Y * jnp.sum(jnp.maximum(a, 0.0), axis=1)
        at_peak = jnp.sum(jnp.where(peak, gamma, 0.0), axis=1)
        delta = jnp.sum(s * (gamma - at_peak[:, None]), axis=1)
        return Saturation(gap, peak, s, gamma, delta, at_peak + delta if f is None else f)

    def gradient(self, W: Float[Array, "d d"]) -> Slope:
        """dL/dW without cancellation and without underflow, at any norm of W.

        With m the arg-max token, dg_t = gamma_t - gamma_m and delta = sum_t s_t dg_t, the gradient
        is (1/n) sum_i l'_i sum_{t != m} c_it (x_it - x_im) z_i^T, c_it = s_it (dg_it - delta_i)
        (derived: sum_t s_t (gamma_t - gamma . s) = 0 removes the arg-max term, which automatic
        differentiation forms as 1 - 1 and loses at gaps beyond 36.7 in double precision). The
        factor exp(log_scale), log_scale the largest gap among tokens that matter, stands apart.
        """
        now = self.saturation(W)
        first, log_scale = _first_order(now)
        c = first - now.s * jnp.sum(first, axis=1, keepdims=True)
        c = jnp.where(now.peak, 0.0, c)
        c = c * LOSSES[self.loss].slope(now.f)[:, None] / first.shape[0]
        moved = jnp.where(now.peak, -jnp.sum(c, axis=1, keepdims=True), c)
        return Slope(jnp.einsum("it,itd->id", moved, self.X).T @ self.z, log_scale)

    def excess(self, W: Float[Array, "d d"]) -> Float[Array, ""]:
        """L(W) - inf L for a linear head, to full relative accuracy while exp(-gaps) is a number.

        inf L = (1/n) sum_i l(gamma_{i, opt_i}); each difference is a chord of the loss.
        """
        now = self.saturation(W)
        top = jnp.max(self.scores, axis=1)
        at_peak = jnp.sum(jnp.where(now.peak, now.gamma, 0.0), axis=1)
        below = (at_peak - top) + now.delta
        return jnp.mean(LOSSES[self.loss].chord(top, below) * below)

    def excess_over_slope(self, W: Float[Array, "d d"]) -> Float[Array, ""]:
        """(L(W) - inf L) / ||grad L(W)||_F for a linear head, without underflow at any norm of W.

        inf where an input saturates at a token that is not its best, or where grad L is zero.
        """
        now = self.saturation(W)
        first, log_scale = _first_order(now)
        top = jnp.max(self.scores, axis=1)
        short = jnp.sum(jnp.where(now.peak, now.gamma, 0.0), axis=1) - top
        # What an input lacks, over exp(log_scale): infinite if its peak is not its best token.
        scaled = jnp.where(short < 0.0, short * jnp.exp(-log_scale), 0.0) + jnp.sum(first, axis=1)
        excess = jnp.mean(LOSSES[self.loss].chord(top, short + now.delta) * scaled)
        norm = jnp.linalg.norm(self.gradient(W).direction)
        return jnp.where(norm > 0.0, excess / jnp.where(norm > 0.0, norm, 1.0), jnp.inf)


def _first_order(now: Saturation) -> tuple[Float[Array, "n T"], Float[Array, ""]]:
    """s_t (gamma_t - gamma_peak) over exp(log_scale), and log_scale, the largest gap that counts.

    Tokens that score exactly as the peak does have no first-order term of their own.
    """
    at_peak = jnp.sum(jnp.where(now.peak, now.gamma, 0.0), axis=1)
    dg = now.gamma - at_peak[:, None]
    matters = dg != 0.0
    largest = jnp.max(jnp.where(matters, now.gap, -jnp.inf))
    log_scale = jnp.where(jnp.isfinite(largest), largest, 0.0)
    mass = jnp.where(matters, jnp.exp(jnp.where(matters, now.gap - log_scale, 0.0)), 0.0)
    return mass / jnp.sum(jnp.exp(now.gap), axis=1, keepdims=True) * dg, log_scale


def draw(
    key: PRNGKeyArray,
    n: int,
    T: int,
    d: int,
    tokens: Tokens = "sphere",
    queries: Queries = "cross",
    head: Head = "linear",
    loss: str = "logistic",
    equal: bool | int = False,
) -> Attention:
    """The authors' generator (recalled): v, tokens and queries uniform on the unit sphere of R^d,
    fair labels; queries "self": z_i = x_i1. "gaussian" tokens and queries have N(0, 1/d) entries.

    With `equal` all non-optimal tokens of an input get one score (`equalised`). The head v is
    drawn and then seen through the scores alone; a "relu" head has no v.
    """
    key_vectors, key_labels = jax.random.split(key)
    # One draw for all vectors: every call of a generator costs a compilation of its own.
    gaussian = jax.random.normal(key_vectors, (n * (T + 1) + 1, d))
    unit = gaussian / jnp.linalg.norm(gaussian, axis=1, keepdims=True)
    vectors = unit if tokens == "sphere" else gaussian / jnp.sqrt(d)
    X, z, v = vectors[: n * T].reshape(n, T, d), vectors[n * T : -1], unit[-1]
    Y = jax.random.rademacher(key_labels, (n,), X.dtype)
    if equal:
        X = equalised(X, v, Y)
    z = X[:, 0] if queries == "self" else z
    gain = X @ v if head == "linear" else jnp.sum(jnp.maximum(X, 0.0), axis=2)
    scores = Y[:, None] * gain
    if equal:
        # Equal to the last bit: past saturation a difference of rounding outweighs the best token.
        top = jnp.max(scores, axis=1, keepdims=True)
        scores = jnp.where(scores == top, top, jnp.min(scores, axis=1, keepdims=True))
    return Attention(X, z, Y, scores, loss, head)


def equalised(
    X: Float[Array, "n T d"], v: Float[Array, " d"], Y: Float[Array, " n"]
) -> Float[Array, "n T d"]:
    """The tokens moved along v (a unit vector) so that all but the best of an input score equally:
    at the mean of their scores. Norms change by that move alone.
    """
    scores = Y[:, None] * (X @ v)
    T = scores.shape[1]
    best = jnp.arange(T)[None] == jnp.argmax(scores, axis=1)[:, None]
    mean = jnp.sum(jnp.where(best, 0.0, scores), axis=1, keepdims=True) / (T - 1)
    shift = jnp.where(best, 0.0, mean - scores) * Y[:, None]
    return X + shift[:, :, None] * v[None, None]


def permuted(problem: Attention) -> Attention:
    """The instance with its labels moved on by one input, and its scores with them (a control).

    Scores are Y_i times what the head makes of a token, so they change sign with the label.
    """
    X, z, Y, scores = map(jnp.asarray, (problem.X, problem.z, problem.Y, problem.scores))
    moved = jnp.roll(Y, 1)
    scores = scores * (Y * moved)[:, None]
    return Attention(X, z, moved, scores, problem.loss, problem.head)


def without(problem: Attention, left: int | Int[Array, ""]) -> Attention:
    """The instance with one input left out."""
    n = problem.X.shape[0]
    rest = (left + 1 + jnp.arange(n - 1)) % n
    X, z, Y, scores = (a[rest] for a in (problem.X, problem.z, problem.Y, problem.scores))
    return Attention(X, z, Y, scores, problem.loss, problem.head)


def random_choice(
    problem: Attention, key: PRNGKeyArray, share: float | Float[Array, ""]
) -> Int[Array, " n"]:
    """A token of each input: its best one with probability `share`, any (that one too) otherwise.

    With `share` 1 all are the best, with 0 all are drawn uniformly.
    """
    n, T = problem.scores.shape
    coin, token = jax.random.uniform(key, (2, n))
    drawn = jnp.floor(token * T).astype(problem.best.dtype)
    return jnp.where(coin < share, problem.best, drawn)
