"""Streams for the tests, by one compiled program a shape: op by op takes seconds to compile."""

import jax

from matsense.problems import streaming

draw = jax.jit(streaming.draw, static_argnames=("n", "d", "h", "tail", "order"))
