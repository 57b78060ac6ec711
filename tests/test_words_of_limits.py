"""Words for what a trace tends to, for what a run must have shown, and for further figures."""

import math

import numpy as np
import pytest

from matsense.fitting.estimate import Call, decide
from sims.study import happened, lasting, limit, plateau, runs, traces
from tests.test_readings import T
from tests.test_words import one, run_with, study


def test_a_plateau_is_covered_and_a_trace_that_moves_is_known_from_one_side() -> None:
    """Of 200 levels under independent noise at least 93% are covered."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        y = 2.0 + 0.3 * rng.standard_normal(T.size)
        low, high = plateau("e")(run_with(t=T, e=y)).interval()
        inside += low <= 2.0 <= high
    assert inside >= 186
    for falling in (np.exp(-0.2 * T), (T + 1) ** -0.5):
        low, high = plateau("e")(run_with(t=T, e=falling)).interval()
        assert low == 0 and falling[-1] < high < falling[60]
    low, high = plateau("e")(run_with(t=T, e=np.log(T + 2))).interval()
    assert 0 < low < math.log(202) and high == math.inf
    low, _ = plateau("e")(run_with(t=T, e=-T)).interval()
    assert low == -math.inf
    assert math.isnan(plateau("e")(run_with(t=T[:5], e=np.ones(5))).value)


def test_a_limit_may_lie_as_far_off_as_the_trace_has_just_moved() -> None:
    t = np.geomspace(1, 1e4, 49)
    for trace, expected in (
        (0.2 / np.sqrt(t) + 0.005, Call.CONSISTENT),
        (1.0 / (1 + np.log(t)), Call.INCONCLUSIVE),
        (0.3 + 1.0 / t, Call.CONTRADICTED),
    ):
        estimate = limit("e")(run_with(t=t, e=trace))
        assert decide(estimate, 0.0, "at most", 0.01) is expected, estimate
    assert math.isnan(limit("e")(run_with(t=t[:1], e=t[:1])).value)


def test_a_horizon_may_be_what_a_run_recorded_and_a_setting_may_not() -> None:
    assert study(one(given=(lasting("reached far", "norm > 5"),)))
    with pytest.raises(ValueError, match="no axis 'norm'"):
        study(one(given=("norm > 5",)))


def test_what_did_not_happen_in_a_run_that_did_not_finish_is_not_held_against_it() -> None:
    there = happened("the limit exists", lambda limit=None: limit is not None)
    assert there.holds(run_with(limit=np.array(1.0)))
    assert not there.holds(run_with())
    assert there.holds(run_with(status="failed"))


def test_panels_of_further_figures_are_checked_and_drawn() -> None:
    panel = traces("e", of=runs("s"))
    built = study(one(), further={"more": (panel,)})
    assert "toy: more" in built.further["more"]([], []).get_suptitle()
    with pytest.raises(ValueError, match="no sweep 'elsewhere'"):
        study(one(), further={"more": (traces("e", of=runs("elsewhere")),)})
