"""One estimate against one target: what an interval may decide, whatever the numbers are."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from matsense.fitting.estimate import Call, Estimate, band, decide, outside_by, pooled_dof

SENSES = ("equals", "at most", "at least")
numbers = st.floats(-1e6, 1e6)
sizes = st.floats(0, 1e6) | st.just(math.inf)
estimates = st.builds(
    Estimate,
    value=numbers | st.sampled_from([math.inf, -math.inf, math.nan, 0.0]),
    se=sizes | st.just(math.nan),
    dof=st.floats(1, 1e4) | st.just(math.inf),
    below=sizes | st.just(math.nan),
    above=sizes,
)
questions = {
    "target": numbers | st.just(0.0),
    "sense": st.sampled_from(SENSES),
    "tolerance": st.floats(0, 10),
}


@given(estimate=estimates, **questions, more=st.tuples(sizes, sizes, sizes))
def test_a_wider_interval_never_turns_inconclusive_into_an_answer(
    estimate: Estimate, target: float, sense: str, tolerance: float, more: tuple[float, ...]
) -> None:
    before = decide(estimate, target, sense, tolerance)  # type: ignore[arg-type]
    wider = estimate._replace(
        se=estimate.se + more[0], below=estimate.below + more[1], above=estimate.above + more[2]
    )
    after = decide(wider, target, sense, tolerance)  # type: ignore[arg-type]
    assert after in (before, Call.INCONCLUSIVE)
    at_99 = decide(estimate, target, sense, tolerance, 0.99)  # type: ignore[arg-type]
    assert at_99 in (before, Call.INCONCLUSIVE)
    # Nor does a wider tolerance turn agreement, or doubt, into contradiction.
    looser = decide(estimate, target, sense, tolerance + 1)  # type: ignore[arg-type]
    assert looser is not Call.CONTRADICTED or before is Call.CONTRADICTED
    assert looser is Call.CONSISTENT or before is not Call.CONSISTENT


@given(estimate=estimates, **questions)
def test_an_answer_is_where_the_interval_lies(
    estimate: Estimate, target: float, sense: str, tolerance: float
) -> None:
    """Contradicted just where it lies outside the band by more than 0; known ends contain it."""
    asked = (target, sense, tolerance)
    call, apart = decide(estimate, *asked), outside_by(estimate, *asked)  # type: ignore[arg-type]
    assert (call is Call.CONTRADICTED) == (apart > 0)
    low, high = estimate.interval()
    assert low <= high
    if math.isnan(estimate.value) or math.isnan(estimate.se):
        assert (low, high) == (-math.inf, math.inf) and call is Call.INCONCLUSIVE
    elif call is Call.CONSISTENT:
        floor, ceiling = band(*asked)  # type: ignore[arg-type]
        assert floor <= low <= estimate.value <= high <= ceiling


@given(estimate=estimates, **questions)
def test_at_most_is_at_least_seen_from_the_other_side(
    estimate: Estimate, target: float, sense: str, tolerance: float
) -> None:
    mirror = {"equals": "equals", "at most": "at least", "at least": "at most"}
    ask = (mirror[sense], tolerance)
    mirrored = decide(estimate.scaled(-1.0), -target, *ask)  # type: ignore[arg-type]
    assert mirrored is decide(estimate, target, sense, tolerance)  # type: ignore[arg-type]
    assert (0.0 - estimate).interval() == pytest.approx(estimate.scaled(-1.0).interval())


@pytest.mark.parametrize(
    ("sense", "target", "call"),
    [
        ("at most", 50.0, Call.CONTRADICTED), ("at most", 150.0, Call.INCONCLUSIVE),
        ("equals", 50.0, Call.CONTRADICTED), ("equals", 150.0, Call.INCONCLUSIVE),
        ("at least", 50.0, Call.CONSISTENT), ("at least", 150.0, Call.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_later_than_the_horizon_is_evidence(sense: str, target: float, call: Call) -> None:
    assert decide(Estimate(100.0, above=math.inf), target, sense, 0.0) is call  # type: ignore[arg-type]
    flipped = {"at most": "at least", "at least": "at most"}.get(sense, sense)
    early = Estimate(-100.0, below=math.inf)
    assert decide(early, -target, flipped, 0.0) is call  # type: ignore[arg-type]


def test_with_target_0_the_tolerance_is_absolute() -> None:
    near, far = Estimate(0.01), Estimate(0.03)
    assert decide(near, 0.0, "equals", 0.02) is decide(near, 0.0, "at most", 0.02)
    assert decide(near, 0.0, "equals", 0.02) is Call.CONSISTENT
    assert decide(far, 0.0, "at most", 0.02) is Call.CONTRADICTED
    assert outside_by(far, 0.0, "at most", 0.02) == pytest.approx(0.01)
    assert outside_by(Estimate(6.0), 4.0, "at most", 0.25) == pytest.approx(1.0 / 4)


def test_nothing_known_decides_nothing() -> None:
    unknown = (
        Estimate(math.nan), Estimate(1.0, math.nan), Estimate(1.0, math.inf),
        Estimate(1.0, 0.1, 0.0), Estimate(1.0, below=math.nan, above=math.nan),
        Estimate(math.inf, below=math.inf),
    )  # fmt: skip
    for estimate, sense in product(unknown, SENSES):
        assert decide(estimate, 1.0, sense, 0.1) is Call.INCONCLUSIVE  # type: ignore[arg-type]
        assert decide(estimate, 9.0, sense, 0.1) is Call.INCONCLUSIVE  # type: ignore[arg-type]


def test_satterthwaite_is_right_where_it_is_exact() -> None:
    """Equal variances with equal degrees of freedom add up; one variance alone keeps its own."""
    assert pooled_dof(np.array([2.0, 2.0, 2.0]), np.array([5.0, 5.0, 5.0])) == pytest.approx(15)
    assert pooled_dof(np.array([2.0, 0.0]), np.array([5.0, 0.0])) == pytest.approx(5)
    assert pooled_dof(np.array([0.0, 0.0]), np.array([5.0, 5.0])) == math.inf
    # Between, against Welch's two samples in scipy.
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 6), rng.normal(0, 3, 11)
    found = pooled_dof(np.array([a.var(ddof=1) / 6, b.var(ddof=1) / 11]), np.array([5.0, 10.0]))
    assert found == pytest.approx(stats.ttest_ind(a, b, equal_var=False).df)
