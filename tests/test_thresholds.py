"""Where a success probability crosses one half, and where shares cross a level."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from matsense.fitting.estimate import Estimate
from matsense.judging.thresholds import FEW, threshold
from matsense.judging.trends import Trend


def test_threshold_is_found_with_the_stated_coverage() -> None:
    """300 data sets of 40 runs at each of 9 places: the 95% interval covers in 90 to 99%.

    The binomial standard deviation of the share is 1.3%, so a method with exactly 95% fails in
    fewer than 1 of 1000 seeds; the seed is fixed.
    """
    rng = np.random.default_rng(1)
    x = np.repeat(np.geomspace(0.5, 8, 9), 40)
    covered = 0
    for _ in range(300):
        p = 1 / (1 + np.exp(-3 * np.log(x / 2.0)))
        low, high = threshold(x, (rng.random(x.size) < p).astype(float)).interval()
        covered += low <= 2.0 <= high
    assert 0.90 <= covered / 300 <= 0.99


def deviance(x: np.ndarray, outcomes: np.ndarray, at: float) -> float:
    """Twice the loss of log-likelihood with the threshold at `at`, by scipy in both parameters."""
    sign = np.where(outcomes >= 0.5, 1.0, -1.0)
    loss = lambda b, c: np.logaddexp(0.0, -sign * b * (np.log(x) - c)).sum()  # noqa: E731
    best = optimize.minimize(lambda p: loss(*p), [1.0, math.log(at)], method="Nelder-Mead").fun
    fixed = optimize.minimize_scalar(
        lambda b: loss(b, math.log(at)), bounds=(0, 99), method="bounded"
    )
    return float(2 * (fixed.fun - best))


def test_ends_of_a_threshold_are_where_the_likelihood_ratio_rejects() -> None:
    rng = np.random.default_rng(4)
    x = np.repeat(np.geomspace(0.5, 8, 9), 12)
    outcomes = (rng.random(x.size) < 1 / (1 + np.exp(-3 * np.log(x / 2)))).astype(float)
    found = threshold(x, outcomes)
    assert deviance(x, outcomes, found.value) == pytest.approx(0.0, abs=1e-4)
    expected = stats.t.ppf(0.975, x.size - 2) ** 2 * (1 + FEW / x.size)
    for end in found.interval():
        assert deviance(x, outcomes, end) == pytest.approx(expected, rel=1e-3)
    # Failures for successes, the curve falls instead and stands where it did.
    assert threshold(x, 1 - outcomes).interval() == pytest.approx(found.interval(), rel=1e-3)


@pytest.mark.parametrize(("places", "each", "steepness"), [(9, 5, 3.0), (5, 5, 10.0), (5, 3, 3.0)])
def test_a_threshold_of_few_runs_is_covered_or_refused(
    places: int, each: int, steepness: float
) -> None:
    """100 data sets: one standard deviation of a coverage of 95% is 2.2%; the seed is fixed."""
    rng = np.random.default_rng(2)
    x, covered, answered = np.repeat(np.geomspace(0.5, 8, places), each), 0, 0
    for truth in np.geomspace(1.3, 3.0, 100):
        p = 1 / (1 + np.exp(-steepness * np.log(x / truth)))
        found = threshold(x, (rng.random(x.size) < p).astype(float))
        low, high = found.interval()
        answered += not math.isnan(found.value)
        covered += low <= truth <= high
    assert answered >= 60
    assert 100 - covered <= 0.1 * answered


def test_threshold_without_overlap_is_a_bracket_that_many_runs_tighten() -> None:
    x, outcomes = np.array([1.0, 2, 4, 8]), np.array([0.0, 0, 1, 1])
    widths = []
    for many in (3, 50):
        found = threshold(np.repeat(x, many), np.repeat(outcomes, many))
        low, high = found.interval()
        assert found.value == pytest.approx(math.sqrt(8))
        assert 1 < low < 2.001 and 3.999 < high < 8
        widths.append(high - low)
    assert widths[0] > 1.2 * widths[1] == pytest.approx(2.4)
    # Four outcomes are in order by chance once in three times.
    assert "too few" in threshold(x, outcomes).reason
    assert math.isnan(threshold(np.array([1.0, 2]), np.array([1.0, 1])).value)


@pytest.mark.parametrize("flip", [False, True])
def test_threshold_with_both_outcomes_at_one_place_alone(flip: bool) -> None:
    """The logistic likelihood has no maximum there; its slope would run off to infinity."""
    x = np.repeat([1.0, 2, 4, 8], 10)
    outcomes = np.r_[np.zeros(15), np.ones(25)]
    found = threshold(x, 1 - outcomes if flip else outcomes)
    assert found.value == pytest.approx(2.0)
    low, high = found.interval()
    assert 1 < low < 2 < high < 4
    at_an_end = threshold(np.array([1.0, 1, 2, 4]), np.array([0.0, 1, 1, 1]))
    assert math.isnan(at_an_end.value) and "end" in at_an_end.reason


def test_threshold_of_outcomes_that_do_not_depend_on_the_axis() -> None:
    """A curve without a slope crosses 1/2 nowhere; the fit's threshold ran over the exponent."""
    x = np.repeat(np.geomspace(0.5, 8, 9), 10)
    outcomes = np.tile([1.0, 0.0], 45)
    assert "depends on the axis" in threshold(x, outcomes).reason


def test_outcomes_that_are_not_clear_give_no_threshold() -> None:
    trend, x = Trend("threshold", "m"), [float(m) for m in np.repeat([1, 2, 4, 8], 10)]
    clear = [Estimate(float(m > 2)) for m in x]
    assert trend.of(x, clear).value == pytest.approx(math.sqrt(8))
    doubtful = [Estimate(0.2, above=math.inf), *clear[1:]]
    assert "neither" in trend.of(x, doubtful).reason
    assert trend.of(x, [Estimate(0.2, above=0.1), *clear[1:]]) == trend.of(x, clear)


def test_a_crossing_moves_with_the_errors_of_its_shares() -> None:
    """On a straight line of slope -1/10, shares off by e move the crossing by 10 e."""
    trend, x = Trend("crossing", "R"), [float(x) for x in range(1, 10)]
    exact = [Estimate(1 - v / 10) for v in x]
    # Shares without an error are no exact shares.
    unknown = trend.of(x, exact)
    assert unknown.value == pytest.approx(5.0) and math.isnan(unknown.se)
    assert Trend("invariance", "d").of([1, 2], [unknown, unknown]).interval()[1] == math.inf
    found = trend.of(x, [e._replace(se=0.02, dof=7.0) for e in exact])
    assert (found.value, found.se, found.dof) == pytest.approx((5.0, 0.2, 7.0))
    found = trend.of(x, [e._replace(below=0.1, above=0.03) for e in exact])
    assert found[-2:] == pytest.approx((1.0, 0.3))
    # Shares that may all lie above the level cross it nowhere that was run.
    found = trend.of(x, [e._replace(above=math.inf) for e in exact])
    assert found.interval() == (pytest.approx(5.0), math.inf)
    assert math.isinf(trend.of(x, [e._replace(se=0.5) for e in exact]).se)
