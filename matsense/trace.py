"""The only loop: steps between ticks, quantities recorded at ticks, one compiled scan."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from matsense.solvers import Solver

Ticks = Int[np.ndarray, " ticks"]


def log_ticks(steps: int, per_decade: int = 30) -> Ticks:
    """0, then integers equally spaced in log t up to `steps`, each once."""
    count = int(np.ceil(np.log10(max(steps, 2)) * per_decade)) + 1
    return np.unique(np.concatenate([[0], np.round(np.geomspace(1, steps, count))]).astype(int))


def linear_ticks(steps: int, every: int) -> Ticks:
    """0, every, 2 every, ... and the last step."""
    return np.append(np.arange(0, steps, every), steps)


def run(
    solver: Solver, state: Any, ticks: Ticks, record: Callable[[Any], dict[str, Array]]
) -> tuple[Any, dict[str, Array]]:
    """Runs `solver` to the last tick; returns the final state and what `record` saw at the ticks.

    `ticks` are step counts, ascending; `record(state)` returns named arrays, stacked along a new
    leading axis of len(ticks). Steps between ticks are an inner loop without any recording, and
    nothing returns to the host before the end.
    """

    def to_next(carry: tuple[Array, Any], tick: Array) -> tuple[Any, dict[str, Array]]:
        start, state = carry
        state = jax.lax.fori_loop(start, tick, solver.step, state)
        return (tick, state), record(state)

    (_, final), recorded = jax.lax.scan(to_next, (jnp.array(0), state), jnp.asarray(ticks))
    return final, recorded
