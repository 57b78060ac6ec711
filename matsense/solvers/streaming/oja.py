"""Oja's method on a stream of rows: v <- v + eta_i a_i (a_i . v), its growth kept beside it."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.solver import StreamSolver

# Rates of the rows numbered t (from 0): one row of the answer each, one column a lane.
Rates = Callable[[Int[Array, " b"]], Float[Array, "b lanes"]]
Form = Literal["rows", "blocks"]

# Rows whose updates of V a CPU fuses into one pass over it.
FUSED = 8

# GPUs would otherwise round the factors of a product to 10 bits (TF32), which breaks the growth
# certificate; other devices compute in full precision anyway.
_product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


class OjaState(NamedTuple):
    """V: one unit vector a lane. s: ln of the norm that it would have, never normalised. seen:
    rows so far.
    """

    V: Float[Array, "d lanes"]
    s: Float[Array, " lanes"]
    seen: Int[Array, ""]


def fixed(eta: Float[Array, " lanes"]) -> Rates:
    """One rate a lane, the same for every row."""
    return lambda t: jnp.broadcast_to(eta, (t.shape[0], eta.shape[0]))


def harmonic(c: Float[Array, " lanes"]) -> Rates:
    """eta_t = c / t at the t-th row, counted from 1: the textbook schedule."""
    return lambda t: c[None] / (1.0 + t[:, None].astype(c.dtype))


def oja(
    rates: Rates, d: int, lanes: int, form: Form | None = None, block: int | None = None
) -> StreamSolver[OjaState]:
    """Oja's method, a lane for each rate or start; lanes share the read of every chunk.

    "rows" takes the rows of a chunk one by one; "blocks" takes `block` rows at once, at most a
    chunk (None, of either: `best_block`'s choice), and exactly, up to rounding ([price2024] iterate
    the former; the latter is derived here): B un-normalised steps are V <- V + X^T diag(eta) Y with
    the inner products (I - stril(X X^T) diag(eta)) Y = X V that the rows meet on their way. Within
    a block norms must not overflow: ln(1 + eta ||a||^2), summed over its rows, must stay below 350
    (float32: 40), so that squares are still numbers. `init` draws the starts, uniform on the
    sphere. Rates are positive.
    """
    fastest, rows = best_block(lanes, d, jax.default_backend())
    form = form or fastest
    block = block or rows

    def init(key: PRNGKeyArray) -> OjaState:
        V = jax.random.normal(key, (d, lanes))
        V = V / jnp.linalg.norm(V, axis=0, keepdims=True)
        return OjaState(V, jnp.zeros(lanes), jnp.array(0))

    def step(state: OjaState, X: Float[Array, "b d"]) -> OjaState:
        eta = rates(state.seen + jnp.arange(X.shape[0]))
        if form == "rows":
            V, growth = _one_by_one(state.V, X, eta)
        else:
            V, growth = _in_blocks(state.V, X, eta, min(block, X.shape[0]))
        # Every row or block was divided by the norm that it must have, and that one counts: what
        # rounding left over is no growth (in float32 it would hide a slow one), and is taken out.
        V = V / jnp.linalg.norm(V, axis=0, keepdims=True)
        return OjaState(V, state.s + growth, state.seen + X.shape[0])

    return StreamSolver(init, step, lambda state: state.V, lambda state: lanes * (d + 1))


def _one_by_one(
    V: Float[Array, "d lanes"], X: Float[Array, "b d"], eta: Float[Array, "b lanes"]
) -> tuple[Float[Array, "d lanes"], Float[Array, " lanes"]]:
    """Unit vectors after the rows of X, and the logarithm of their growth."""

    def one(W: Array, row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        x, step, size = row
        y = W @ x
        # ||w + eta x y||^2 - 1 for a unit w: known before w is touched, so one pass does both.
        growth = step * y * y * (2.0 + step * size)
        shrink = jax.lax.rsqrt(1.0 + growth)
        return (W + (step * y)[:, None] * x[None]) * shrink[:, None], growth

    def alone(w: Array, row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        # A vector is twice as fast as a matrix of one row.
        x, step, size = row
        y = x @ w
        growth = step * y * y * (2.0 + step * size)
        return (w + (step * y) * x) * jax.lax.rsqrt(1.0 + growth), growth

    square = jnp.sum(X * X, axis=1)
    if V.shape[1] == 1:
        w, growth = jax.lax.scan(alone, V[:, 0], (X, eta[:, 0], square))
        return w[:, None], 0.5 * jnp.sum(jnp.log1p(growth))[None]
    W, growth = jax.lax.scan(one, V.T, (X, eta, square))
    return W.T, 0.5 * jnp.sum(jnp.log1p(growth), axis=0)


def _in_blocks(
    V: Float[Array, "d lanes"], X: Float[Array, "b d"], eta: Float[Array, "b lanes"], B: int
) -> tuple[Float[Array, "d lanes"], Float[Array, " lanes"]]:
    """The same, B rows at once; the last block may be shorter."""

    def one(V: Array, part: tuple[Array, Array]) -> tuple[Array, Array]:
        X, eta = part
        gram = _product(X, X.T)
        Y = _met(gram, eta, _product(X, V))
        # ||V||^2 - 1 after the block as a sum of what each row adds: nothing cancels.
        growth = jnp.sum(eta * Y * Y * (2.0 + eta * jnp.diag(gram)[:, None]), axis=0)
        shrink = jax.lax.rsqrt(1.0 + growth)
        return _updated(V, X, eta * Y, shrink), 0.5 * jnp.log1p(growth)

    b, d = X.shape
    whole = b // B
    if whole == 1:
        V, growth = one(V, (X[:B], eta[:B]))
    else:
        parts = X[: whole * B].reshape(whole, B, d), eta[: whole * B].reshape(whole, B, -1)
        V, added = jax.lax.scan(one, V, parts)
        growth = jnp.sum(added, axis=0)
    if whole * B < b:
        V, added = one(V, (X[whole * B :], eta[whole * B :]))
        growth = growth + added
    return V, growth


def _met(
    gram: Float[Array, "b b"], eta: Float[Array, "b lanes"], inner: Float[Array, "b lanes"]
) -> Float[Array, "b lanes"]:
    """Y of the block form by forward substitution: y_i = x_i . v + sum_{j<i} G_ij eta_j y_j."""
    below = jnp.tril(gram, -1)

    def one(i: Array, C: Array) -> Array:
        return C.at[i].set(eta[i] * (inner[i] + _product(below[i], C)))

    C = jax.lax.fori_loop(0, gram.shape[0], one, jnp.zeros_like(inner))
    return inner + _product(below, C)


def _updated(
    V: Float[Array, "d lanes"],
    X: Float[Array, "b d"],
    C: Float[Array, "b lanes"],
    shrink: Float[Array, " lanes"],
) -> Float[Array, "d lanes"]:
    """(V + X^T C) shrink, on a CPU as sums of 8 rows that the compiler fuses into one pass over V:
    its own product takes twice as long, with a temporary as large as V.
    """

    def fused(V: Array, X: Array, C: Array, shrink: Array) -> Array:
        # Else the small arrays would be computed anew for every entry of V.
        C, shrink = jax.lax.optimization_barrier((C, shrink))
        for first in range(0, X.shape[0], FUSED):
            if first:
                V = jax.lax.optimization_barrier(V)
            for x, c in zip(X[first : first + FUSED], C[first : first + FUSED], strict=True):
                V = V + x[:, None] * c[None]
        return V * shrink[None]

    def product(V: Array, X: Array, C: Array, shrink: Array) -> Array:
        return (V + _product(X.T, C)) * shrink[None]

    return jax.lax.platform_dependent(V, X, C, shrink, cpu=fused, default=product)


def best_block(lanes: int, d: int, platform: str = "cpu") -> tuple[Form, int]:
    """The form that is the fastest, and its rows a block; chunks of several blocks are best.

    Measured at n = 20000 in float64 on one core with AVX-512, ns a lane-row, rows | blocks of 16:
    at d = 1000 with 1, 4, 8, 32, 128 lanes 1391, 523, 420, 311, - | 2268, 643, 376, 184, 130; at
    d = 100 with 1, 8, 32, 128 lanes 227, 50, 22, - | 335, 66, 25, 16. Blocks of 8 and 32 were
    slower than 16, of 64 twice as slow: the Gram matrix costs more than larger products save.
    Elsewhere a row at a time only waits; 64 rows a block are reasoned from the Gram matrix being
    cheap there, not measured. A chunk of "rows" is 64.
    """
    few = platform == "cpu" and lanes * d < 3200
    return ("rows", 64) if few else ("blocks", 16 if platform == "cpu" else 64)
