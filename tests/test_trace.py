"""The loop: ticks, and that recording changes nothing."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matsense.loops import advance, linear_ticks, log_ticks, run
from matsense.solver import Solver

COUNT = Solver(lambda: jnp.array(0), lambda t, x: x + t)


@given(st.integers(1, 10**6), st.integers(1, 50))
def test_log_ticks_span_the_horizon_each_once(steps: int, per_decade: int) -> None:
    ticks = log_ticks(steps, per_decade)
    assert ticks[0] == 0
    assert ticks[-1] == steps
    assert np.all(np.diff(ticks) > 0)
    assert len(ticks) <= per_decade * max(np.log10(steps), 0.31) + 4


@given(st.integers(1, 10**4), st.integers(1, 500))
def test_linear_ticks_end_at_the_horizon(steps: int, every: int) -> None:
    ticks = linear_ticks(steps, every)
    assert (ticks[0], ticks[-1]) == (0, steps)
    assert np.all(np.diff(ticks) <= every)


def test_state_at_a_tick_has_taken_that_many_steps() -> None:
    """x sums 0 + 1 + ... + (t - 1), so the step counter is the paper's t as well."""
    ticks = np.array([0, 1, 2, 10, 37])
    final, recorded = run(COUNT, COUNT.init(), ticks, lambda x: {"x": x})
    np.testing.assert_array_equal(recorded["x"], ticks * (ticks - 1) // 2)
    assert int(final) == int(advance(COUNT, COUNT.init(), 37)) == 37 * 36 // 2
