"""Smooth decreasing losses l(f) of a margin f, with chords that do not cancel.

The theory of attention needs nothing of a loss but that it is smooth and strictly decreasing
([tarzanagh2023svm], setting, recalled). `chord(f, delta)` is (l(f + delta) - l(f)) / delta to full
relative accuracy, l'(f) at delta = 0: differences of losses are then exact however small they are.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalars = Float[Array, "..."]


class Loss(NamedTuple):
    """value l, slope l' < 0, and chord; each acts entry by entry."""

    value: Callable[[Scalars], Scalars]
    slope: Callable[[Scalars], Scalars]
    chord: Callable[[Scalars, Scalars], Scalars]


def _per_unit(function: Callable[[Scalars], Scalars], x: Scalars) -> Scalars:
    """function(x) / x for expm1 and log1p, 1 at x = 0."""
    safe = jnp.where(x == 0.0, 1.0, x)
    return jnp.where(x == 0.0, 1.0, function(safe) / safe)


def _logistic_chord(f: Scalars, delta: Scalars) -> Scalars:
    # l(f + delta) - l(f) = log(1 + q (exp(-delta) - 1)) with q = 1 / (1 + exp(f)).
    q = jax.nn.sigmoid(-f)
    return -q * _per_unit(jnp.expm1, -delta) * _per_unit(jnp.log1p, q * jnp.expm1(-delta))


LOSSES: dict[str, Loss] = {
    "logistic": Loss(lambda f: jax.nn.softplus(-f), lambda f: -jax.nn.sigmoid(-f), _logistic_chord),
    "exponential": Loss(
        lambda f: jnp.exp(-f),
        lambda f: -jnp.exp(-f),
        lambda f, delta: -jnp.exp(-f) * _per_unit(jnp.expm1, -delta),
    ),
    "correlation": Loss(
        lambda f: -f,
        lambda f: -jnp.ones_like(f),
        lambda f, delta: -jnp.ones_like(f),
    ),
}
