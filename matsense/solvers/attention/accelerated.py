"""Accelerated projected gradient with restarts, for minimisation over a ball."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matsense.solver import Solver


class Momentum(NamedTuple):
    """The iterate x, the one before it, and Nesterov's theta (1 at a restart)."""

    x: Any
    before: Any
    theta: Float[Array, ""]


def accelerated(
    gradient: Callable[[Any], Any],
    project: Callable[[Any], Any],
    length: float | Float[Array, ""],
) -> Solver[Momentum]:
    """y = x + beta (x - before);  x <- project(y - length gradient(y)), on any pytree x.

    Nesterov's beta, begun anew whenever the step turns against the momentum (O'Donoghue and
    Candes's gradient test, [odonoghue2015]): linear convergence without knowing the curvature.
    `length` is to be at most the inverse Lipschitz constant of the gradient.
    """

    def inner(a: Any, b: Any) -> Float[Array, ""]:
        products = jax.tree.map(lambda p, q: jnp.sum(p * q), a, b)
        return jnp.sum(jnp.stack(jax.tree.leaves(products)))

    def init(x: Any) -> Momentum:
        return Momentum(x, x, jnp.ones(()))

    def step(t: Array, state: Momentum) -> Momentum:
        theta = (1.0 + jnp.sqrt(1.0 + 4.0 * state.theta**2)) / 2.0
        beta = (state.theta - 1.0) / theta
        y = jax.tree.map(lambda a, b: a + beta * (a - b), state.x, state.before)
        down = jax.tree.map(lambda a, g: a - length * g, y, gradient(y))
        x = project(down)
        against = inner(
            jax.tree.map(lambda a, b: a - b, y, x),
            jax.tree.map(lambda a, b: a - b, x, state.x),
        )
        return Momentum(x, state.x, jnp.where(against > 0.0, 1.0, theta))

    return Solver(init, step)
