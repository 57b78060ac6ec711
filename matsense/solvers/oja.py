"""Oja's method on a stream of rows: v <- v + eta_i a_i (a_i . v), its growth kept beside it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.solvers import StreamSolver

# Rates of the rows numbered t (from 0): one row of the answer each, one column a lane.
Rates = Callable[[Int[Array, " b"]], Float[Array, "b lanes"]]
Form = Literal["rows", "blocks"]


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
    return lambda t: c / (1.0 + t[:, None].astype(c.dtype))


def oja(rates: Rates, d: int, lanes: int, form: Form = "blocks") -> StreamSolver:
    """Oja's method, a lane for each rate or start; lanes share the read of every chunk.

    "rows" takes the rows of a chunk one by one; "blocks" takes a chunk of B rows at once and
    exactly, up to rounding ([price2024] iterate the former; the latter is derived here):
    B un-normalised steps are V <- V + X^T C with (I - diag(eta) stril(X X^T)) C = diag(eta) X V,
    two matrix products and a triangular solve. Within a block norms must not overflow: see
    `longest_block`. `init` draws the starts, uniform on the sphere.
    """

    def init(key: PRNGKeyArray) -> OjaState:
        V = jax.random.normal(key, (d, lanes))
        V = V / jnp.linalg.norm(V, axis=0)
        return OjaState(V, jnp.zeros(lanes), jnp.array(0))

    def blocks(state: OjaState, X: Float[Array, "b d"]) -> OjaState:
        eta = rates(state.seen + jnp.arange(X.shape[0]))
        V = state.V + X.T @ _coefficients(X @ X.T, eta, X @ state.V)
        norm = jnp.linalg.norm(V, axis=0)
        return OjaState(V / norm, state.s + jnp.log(norm), state.seen + X.shape[0])

    def rows(state: OjaState, X: Float[Array, "b d"]) -> OjaState:
        eta = rates(state.seen + jnp.arange(X.shape[0]))
        square = jnp.sum(X * X, axis=1)

        def one(V: Array, row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            x, step, size = row
            c = x @ V
            # ||v + eta x c||^2 - 1 for a unit v: known before v is touched, so one pass does both.
            growth = step * c * c * (2.0 + step * size)
            return (V + x[:, None] * (step * c)) * jax.lax.rsqrt(1.0 + growth), growth

        V, growth = jax.lax.scan(one, state.V, (X, eta, square))
        s = state.s + 0.5 * jnp.sum(jnp.log1p(growth), axis=0)
        norm = jnp.linalg.norm(V, axis=0)
        return OjaState(V / norm, s + jnp.log(norm), state.seen + X.shape[0])

    step = {"rows": rows, "blocks": blocks}[form]
    return StreamSolver(init, step, lambda state: state.V, lambda state: lanes * (d + 1))


def _coefficients(
    gram: Float[Array, "b b"], eta: Float[Array, "b lanes"], inner: Float[Array, "b lanes"]
) -> Float[Array, "b lanes"]:
    """C of the block form by forward substitution: c_i = eta_i (x_i . v + sum_{j<i} G_ij c_j)."""
    below = jnp.tril(gram, -1)

    def one(i: Array, C: Array) -> Array:
        return C.at[i].set(eta[i] * (inner[i] + below[i] @ C))

    return jax.lax.fori_loop(0, gram.shape[0], one, jnp.zeros_like(inner))


def longest_block(eta: float, row_norm: float, dtype: str = "float64") -> int:
    """Rows that may go un-normalised when eta and the rows' norms are at most these: growth stays
    below e^350 (float64) or e^40 (float32), whose squares are still numbers. At least 1.
    """
    room = {"float64": 350.0, "float32": 40.0}[dtype]
    return max(int(room / max(float(jnp.log1p(eta * row_norm**2)), 1e-300)), 1)
