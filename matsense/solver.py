"""One method a module, each a pair of pure functions whose update reads like the paper's.

They are compiled and batched (`jit`, `vmap`), so that a state is a pytree whose shapes and dtypes
stay; `matsense.loops` runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from jaxtyping import Array, Float, Int, PRNGKeyArray

State = TypeVar("State")


@dataclass(frozen=True)
class Solver(Generic[State]):
    """A method that iterates.

    - `init(*start) -> state`: from the point that the method starts at, in the parts in which the
      paper has it (X; F and G; K and Q).
    - `step(t, state) -> state`: one iteration, where t counts those before it, from 0.

    A randomised method folds t into the key that it was built with.
    """

    init: Callable[..., State]
    step: Callable[[Int[Array, ""], State], State]


@dataclass(frozen=True)
class StreamSolver(Generic[State]):
    """One pass over rows with bounded state.

    - `init(key) -> state`: before any row, its random start drawn from the key.
    - `step(state, X) -> state`: after a chunk X of consecutive rows.
    - `read(state) -> vectors`: the answer so far, (d, lanes) of unit norm.
    - `stored(state) -> number`: how many numbers are kept between chunks (the theorems count bits:
      a number stands for one word).

    Rows of zeros change nothing, so that streams are padded with them to whole chunks.
    """

    init: Callable[[PRNGKeyArray], State]
    step: Callable[[State, Float[Array, "b d"]], State]
    read: Callable[[State], Float[Array, "d lanes"]]
    stored: Callable[[State], Array | int]
