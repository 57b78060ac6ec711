"""Price and Xun's growth-checked Oja, [price2024], reconstructed: the text was not at hand.

Oja's method runs at all rates side by side and each remembers how far it has grown: a rate is
accepted once ln of its un-normalised norm is at least C ln d (theirs: C = 10). The answer is the
smallest accepted rate's vector, or the row of the largest norm if no rate was accepted or if the
accepted one is so large that eta ||x||^2 >= 1.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from matsense.solver import StreamSolver
from matsense.solvers.streaming.oja import Form, OjaState, fixed, oja


class PriceXunState(NamedTuple):
    """Oja's lanes, rates outside and starts inside, and x, a row of the largest norm so far."""

    oja: OjaState
    x: Float[Array, " d"]


class Answer(NamedTuple):
    """One unit vector a start; the rate that it came from, and whether it is the row x instead."""

    V: Float[Array, "d starts"]
    eta: Float[Array, " starts"]
    fallback: Bool[Array, " starts"]


def rates(low: float, high: float, per_octave: int = 4) -> Float[Array, " rates"]:
    """Powers of 2^(1/per_octave) from `low` up to `high`, ascending. The paper's grid has one an
    octave, which makes the error saw-toothed in everything else.
    """
    count = math.floor(per_octave * math.log2(high / low) + 1e-9) + 1
    return low * 2.0 ** (jnp.arange(count) / per_octave)


def chosen(
    eta: Float[Array, " rates"], state: PriceXunState, C: float | Float[Array, ""] = 10.0
) -> Answer:
    """The rule above, for each start; `eta` ascends."""
    d = state.x.shape[0]
    V = state.oja.V.reshape(d, eta.shape[0], -1)
    accepted = state.oja.s.reshape(eta.shape[0], -1) >= C * jnp.log(float(d))
    first = jnp.argmax(accepted, axis=0)
    norm2 = state.x @ state.x
    fallback = ~jnp.any(accepted, axis=0) | (eta[first] * norm2 >= 1.0)
    vector = jnp.take_along_axis(V, first[None, None, :], axis=1)[:, 0]
    # A stream of zeros has no largest row: its answer is the start.
    row = jnp.where(norm2 > 0.0, state.x / jnp.sqrt(jnp.where(norm2 > 0.0, norm2, 1.0)), V[:, 0, 0])
    return Answer(jnp.where(fallback, row[:, None], vector), eta[first], fallback)


def price_xun(
    eta: Float[Array, " rates"], d: int, starts: int = 1, C: float = 10.0, form: Form | None = None
) -> StreamSolver[PriceXunState]:
    """One pass; all rates and starts share the rows. Stores a vector and its growth a lane, and x.

    The rates of one start begin at the same vector, as in the paper.
    """
    lanes = eta.shape[0] * starts
    inner = oja(fixed(jnp.repeat(eta, starts)), d, lanes, form)

    def init(key: PRNGKeyArray) -> PriceXunState:
        V = jax.random.normal(key, (d, starts))
        V = jnp.tile(V / jnp.linalg.norm(V, axis=0, keepdims=True), eta.shape[0])
        return PriceXunState(OjaState(V, jnp.zeros(lanes), jnp.array(0)), jnp.zeros(d))

    def step(state: PriceXunState, X: Float[Array, "b d"]) -> PriceXunState:
        norm2 = jnp.sum(X * X, axis=1)
        top = jnp.argmax(norm2)
        x = jnp.where(norm2[top] > state.x @ state.x, X[top], state.x)
        return PriceXunState(inner.step(state.oja, X), x)

    return StreamSolver(
        init, step, lambda state: chosen(eta, state, C).V, lambda state: lanes * (d + 1) + d
    )
