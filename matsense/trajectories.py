"""A trajectory in one call: steps from a start, numbers at the ticks, a fresh key each step."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from matsense.solvers import Solver
from matsense.trace import Ticks, linear_ticks, log_ticks, run


def trace(
    step: Callable[..., Any],
    start: Any,
    steps: int,
    record: Mapping[str, Callable[[Any], Array]] | Callable[[Any], dict[str, Array]],
    *,
    key: PRNGKeyArray | None = None,
    chains: int = 1,
    per_decade: int = 30,
    every: int | None = None,
    ticks: Ticks | None = None,
    last: Callable[[Any], dict[str, Array]] = lambda state: {},
) -> dict[str, Array]:
    """Runs `step(t, state)` from `start` and records functions of the state at the ticks: named
    ones, or one that returns named arrays.

    A step that takes a third argument is given a fresh key at each t, folded from `key`. With
    `chains` the mean of that many independent repetitions is recorded: each has its own keys, and
    all begin at `start`. Ticks are logarithmic, `per_decade` of them, or linear, `every` so many
    steps (as an exponential law wants them), or they are given. `last` names what is recorded of
    the last state alone.
    Returns "t" and one array (ticks, ...) for each name. Raises ValueError for a step that asks for
    a key where there is none, for several chains of a step that draws nothing, and for a quantity
    called "t".
    """
    draws = len(inspect.signature(step).parameters) > 2
    if draws and key is None:
        raise ValueError("step(t, state, key) asks for a key: give key=")
    if chains > 1 and not draws:
        raise ValueError(f"{chains} chains of a step that draws nothing are alike: give chains=1")
    if not callable(record) and "t" in record:
        raise ValueError('"t" are the ticks: call the quantity otherwise')
    at = log_ticks(steps, per_decade) if every is None else linear_ticks(steps, every)
    at = at if ticks is None else ticks

    def seen(state: Any) -> dict[str, Array]:
        if callable(record):
            return record(state)
        return {name: function(state) for name, function in record.items()}

    def chain(own: Any) -> dict[str, Array]:
        def drawing(t: Array, state: Any) -> Any:
            return step(t, state, jax.random.fold_in(own, t))

        solver = Solver(lambda *state: state, drawing if draws else step)
        state, recorded = run(solver, start, at, seen)
        return {**recorded, **last(state)}

    if chains == 1:
        return {"t": jnp.asarray(at), **chain(key)}
    keys: Any = key
    found = jax.vmap(chain)(jax.random.split(keys, chains))
    return {"t": jnp.asarray(at), **{name: y.mean(axis=0) for name, y in found.items()}}
