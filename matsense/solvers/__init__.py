"""One method a module, each a pair of pure functions whose update reads like the paper's."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Int


class Solver(NamedTuple):
    """`init(*start) -> state` and `step(t, state) -> state`, where t counts steps from 0.

    A randomised method folds t into the key that it was built with.
    """

    init: Callable[..., Any]
    step: Callable[[Int[Array, ""], Any], Any]
