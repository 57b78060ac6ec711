"""One method a module, each a pair of pure functions whose update reads like the paper's."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float, Int, PRNGKeyArray


class Solver(NamedTuple):
    """`init(*start) -> state` and `step(t, state) -> state`, where t counts steps from 0.

    A randomised method folds t into the key that it was built with.
    """

    init: Callable[..., Any]
    step: Callable[[Int[Array, ""], Any], Any]


class StreamSolver(NamedTuple):
    """One pass over rows with bounded state: `init(key) -> state`, `step(state, X) -> state` on a
    chunk of consecutive rows, `read(state) -> vectors` (d, lanes) of unit norm, and
    `stored(state)`, the numbers that are kept between chunks (the theorems count bits: a number
    stands for one word).

    Rows of zeros change nothing, so that streams are padded with them to whole chunks.
    """

    init: Callable[[PRNGKeyArray], Any]
    step: Callable[[Any, Float[Array, "b d"]], Any]
    read: Callable[[Any], Float[Array, "d lanes"]]
    stored: Callable[[Any], Array | int]
