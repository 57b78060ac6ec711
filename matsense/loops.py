"""Every loop over a solver, compiled: its steps, recorded or not, or a pass over stored rows."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matsense.solver import Solver, State, StreamSolver

Ticks = Int[np.ndarray, " ticks"]


def log_ticks(steps: int, per_decade: int = 30) -> Ticks:
    """0, then integers equally spaced in log t up to `steps`, each once."""
    count = int(np.ceil(np.log10(max(steps, 2)) * per_decade)) + 1
    return np.unique(np.concatenate([[0], np.round(np.geomspace(1, steps, count))]).astype(int))


def linear_ticks(steps: int, every: int) -> Ticks:
    """0, every, 2 every, ... and the last step."""
    return np.append(np.arange(0, steps, every), steps)


def advance(solver: Solver[State], state: State, steps: int | Int[Array, ""]) -> State:
    """The state after so many steps, of which nothing is recorded."""
    final: State = jax.lax.fori_loop(0, steps, solver.step, state)
    return final


def run(
    solver: Solver[State], state: State, ticks: Ticks, record: Callable[[State], dict[str, Array]]
) -> tuple[State, dict[str, Array]]:
    """Runs `solver` to the last tick; returns the final state and what `record` saw at the ticks.

    `ticks` are step counts, ascending; `record(state)` returns named arrays, stacked along a new
    leading axis of len(ticks). Steps between ticks are an inner loop without any recording, and
    nothing returns to the host before the end.
    """

    def to_next(carry: tuple[Array, State], tick: Array) -> tuple[Any, dict[str, Array]]:
        start, state = carry
        state = jax.lax.fori_loop(start, tick, solver.step, state)
        return (tick, state), record(state)

    (_, final), recorded = jax.lax.scan(to_next, (jnp.array(0), state), jnp.asarray(ticks))
    return final, recorded


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


def scan(
    solver: StreamSolver[State],
    state: State,
    rows: Float[Array, "n d"],
    chunk: int,
    ticks: int = 1,
    record: Callable[[State], dict[str, Array]] = lambda state: {},
) -> tuple[State, dict[str, Array]]:
    """One pass over stored rows, `chunk` at a time; `record(state)` is stacked over `ticks` looks.

    The looks are equally spaced, as far as whole chunks allow, and the last one is at the end:
    the stream is filled with zero rows to ticks times a whole number of chunks. Rows are read where
    they lie: only the filled chunks are copies.
    """
    n = rows.shape[0]
    each = -(-n // (chunk * ticks))
    if n < chunk:
        rows = jnp.pad(rows, ((0, chunk - n), (0, 0)))

    def taken(first: Array) -> Float[Array, "chunk d"]:
        return jax.lax.dynamic_slice_in_dim(rows, first, chunk)

    def filled(first: Array) -> Float[Array, "chunk d"]:
        # The slice cannot reach beyond the rows: it starts early, and what was seen is blanked.
        late = jnp.minimum(first - (rows.shape[0] - chunk), chunk)
        fresh = jnp.arange(chunk) < chunk - late
        return jnp.where(fresh[:, None], jnp.roll(rows[-chunk:], -late, 0), 0.0)

    def to_next(state: Any, chunks: Array) -> tuple[Any, dict[str, Array]]:
        def one(state: Any, number: Array) -> tuple[Any, None]:
            first = number * chunk
            if each * ticks * chunk <= rows.shape[0]:
                return solver.step(state, taken(first)), None
            beyond = first + chunk > rows.shape[0]
            return solver.step(state, jax.lax.cond(beyond, filled, taken, first)), None

        state, _ = jax.lax.scan(one, state, chunks)
        return state, record(state)

    return jax.lax.scan(to_next, state, jnp.arange(ticks * each).reshape(ticks, each))
