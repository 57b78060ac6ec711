"""Trends read along transformed axes, put in other units, and taken of one another."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from matsense.fitting.estimate import Estimate
from matsense.judging.lines import expected_range
from matsense.judging.trends import Nested, Trend

MS = (100, 200, 400)


def test_axis_is_read_and_answer_put_in_other_units() -> None:
    trend = Trend(
        "scaling", "alpha", read=lambda a: math.log(1 / a),
        then=lambda estimate, params: estimate.scaled(params["unit"]),
    )  # fmt: skip
    params = [{"alpha": a, "unit": 10.0} for a in (1e-2, 1e-3, 1e-4)]
    estimates = [Estimate(3 * math.log(1 / p["alpha"]) ** 2) for p in params]
    assert trend.along(params, estimates).value == pytest.approx(20.0)


def test_invariance_reads_names_too() -> None:
    trend = Trend("invariance", "law")
    found = trend.along([{"law": "a"}, {"law": "b"}], [Estimate(2.0), Estimate(3.0)])
    assert found.value == pytest.approx(1.5)
    assert math.isnan(trend.along([{"law": "a"}], [Estimate(2.0)]).value)


def test_a_trend_of_a_trend_is_how_the_inner_one_moves() -> None:
    """error = alpha^(2 - 5 / sqrt(m)): 2 minus the exponent falls like m^(-1/2)."""
    lost = Trend("scaling", "alpha", then=lambda e, p: 2 - e)
    nested = Nested(lost, Trend("scaling", "m"))
    params = [{"m": m, "alpha": a, "k": 3} for m in MS for a in (1e-2, 1e-3, 1e-4)]
    estimates = [Estimate(p["alpha"] ** (2 - 5 / math.sqrt(p["m"]))) for p in params]
    assert nested.along(params, estimates).value == pytest.approx(-0.5)
    assert nested.axis == "m"
    key = nested.group_key(params[0], 7)
    assert key == (("k", 3), ("seed", 7))


def test_a_nested_threshold_pools_the_seeds() -> None:
    """Success from m = 150 / (1 - p) on: in units of 1 / (1 - p) the threshold stays put."""
    unit = lambda e, p: e.scaled(1 - p["p"])  # noqa: E731
    nested = Nested(Trend("threshold", "m", then=unit), Trend("invariance", "p"))
    params = [
        {"m": m, "p": p}
        for p in (0.0, 0.5) for m in (50, 100, 200, 400, 800) for seed in range(10)
    ]  # fmt: skip
    estimates = [Estimate(float(q["m"] * (1 - q["p"]) > 150)) for q in params]
    assert nested.group_key(params[0], 3) == ()
    assert nested.pools and not Nested(Trend("slope", "m"), Trend("threshold", "p")).pools
    found = nested.along(params, estimates)
    assert found.value == pytest.approx(1.0)
    # Both lie in (100, 200) in units of 1 / (1 - p), and no more is known of either.
    low, high = found.interval()
    assert low < 0.5 and 1.99 < high < 2.3


def test_an_inner_silence_is_an_outer_silence() -> None:
    nested = Nested(Trend("scaling", "alpha"), Trend("scaling", "m"))
    params = [{"m": m, "alpha": a} for m in MS for a in (0.1, 0.2, 0.3)]
    estimates = [Estimate(math.nan, reason="never") for _ in params]
    found = nested.along(params, estimates)
    assert math.isnan(found.value) and found.reason == "never"


def test_a_crossing_is_interpolated_between_falling_shares() -> None:
    trend = Trend("crossing", "R", level=0.5)
    shares = [Estimate(y) for y in (1.0, 0.9, 0.3, 0.0)]
    assert trend.of([1.0, 2.0, 4.0, 8.0], shares).value == pytest.approx(2 + 2 * 0.4 / 0.6)
    # In any order, and with a rise by chance, which is smoothed to .6, .6.
    shares = [Estimate(y) for y in (0.0, 0.5, 1.0, 0.7)]
    assert trend.of([4.0, 2.0, 1.0, 3.0], shares).value == pytest.approx(3 + 0.1 / 0.6)
    assert math.isnan(trend.of([1.0, 2.0], [Estimate(1.0), Estimate(0.6)]).value)


# What trends keep of the errors that they are given.

XS = [1.0, math.e, math.e**2, math.e**3]
WEIGHTS = np.array([-1.5, -0.5, 0.5, 1.5]) / 5  # of a slope on ln x = 0, 1, 2, 3


def test_a_slope_keeps_the_errors_of_its_points() -> None:
    se = np.array([0.1, 0.2, 0.3, 0.4])
    found = Trend("slope", "x").of(XS, [Estimate(3 + 2.0 * j, se[j], 9) for j in range(4)])
    assert found.value == pytest.approx(2.0)
    assert found.se == pytest.approx(math.sqrt(np.sum((WEIGHTS * se) ** 2)))
    # Satterthwaite: between the degrees of freedom of one and of all together.
    v = (WEIGHTS * se) ** 2
    assert found.dof == pytest.approx(v.sum() ** 2 / np.sum(v**2 / 9))
    bounds = [Estimate(3 + 2.0 * j, below=0.1, above=0.3) for j in range(4)]
    found = Trend("slope", "x").of(XS, bounds)
    assert (found.below, found.above) == pytest.approx((0.4 * 0.3 + 0.4 * 0.1, 0.4 * 0.4))


@pytest.mark.parametrize("unequal", [1.0, 10.0])
@pytest.mark.parametrize("kind", ["slope", "scaling"])
def test_intervals_of_lines_cover(kind: str, unequal: float) -> None:
    """400 data sets of 4 points with known errors, one of them `unequal` times as large.

    One standard deviation of a coverage of 95% is 1.1%; more than 95% is fair, since the larger
    of two errors is taken. A line without the points' errors covers as well where these are alike.
    """
    rng, se = np.random.default_rng(5), np.array([0.02 * unequal, 0.02, 0.02, 0.02])
    covered, half = 0, []
    for _ in range(400):
        y = 1.0 + np.arange(4) + se * rng.standard_normal(4)
        made = [Estimate(float(v), float(e)) for v, e in zip(y, se, strict=True)]
        if kind == "scaling":
            made = [Estimate(math.exp(e.value), e.se * math.exp(e.value)) for e in made]
        low, high = Trend(kind, "x").of(XS, made).interval()  # type: ignore[arg-type]
        covered += low <= 1.0 <= high
        half.append((high - low) / 2)
    assert covered / 400 >= 0.925
    # And not by being wide: 1.96 propagated errors, or a t quantile of scatter by chance.
    propagated = math.sqrt(np.sum((WEIGHTS * se) ** 2))
    assert np.median(half) < 4.0 * 1.96 * propagated


def test_a_trend_of_thresholds_has_an_interval() -> None:
    """Thresholds at 3 + ln d, 20 runs at each of 9 m: the slope is 1. (It had a width of 0.)"""
    rng, covered = np.random.default_rng(0), 0
    trend = Nested(Trend("threshold", "m"), Trend("slope", "d"))
    places = np.repeat(np.geomspace(1, 20, 9), 20)
    params = [{"d": d, "m": float(m)} for d in XS for m in places]
    for _ in range(20):
        p = 1 / (1 + np.exp(-3 * np.log([q["m"] / (3 + math.log(q["d"])) for q in params])))
        estimates = [Estimate(float(success)) for success in rng.random(p.size) < p]
        low, high = trend.along(params, estimates).interval()
        covered += low <= 1.0 <= high
        assert 0.1 < high - low < 3.0
    assert covered >= 17


def test_two_points_have_no_scatter() -> None:
    """Their own errors are all there is; two exact numbers have none, and are not thereby sure."""
    found = Trend("slope", "x").of(XS[:2], [Estimate(1.0, 0.3), Estimate(2.0, 0.4)])
    assert (found.value, found.se) == pytest.approx((1.0, 0.5))
    exact = Trend("slope", "x").of(XS[:2], [Estimate(1.0), Estimate(2.0)])
    assert exact.value == pytest.approx(1.0)
    assert exact.interval() == (-math.inf, math.inf) and "two numbers" in exact.reason


@pytest.mark.parametrize("kind", ["slope", "scaling"])
def test_what_is_known_from_one_side_gives_a_line_known_from_one_side(kind: str) -> None:
    trend = Trend(kind, "x")  # type: ignore[arg-type]
    known = [Estimate(math.exp(j) if kind == "scaling" else float(j)) for j in range(3)]
    # The last is later than the horizon: the slope is at least what it would be there.
    late = trend.of(XS[:3], [*known[:2], known[2]._replace(above=math.inf)])
    assert (late.below, late.above) == (0.0, math.inf)
    early = trend.of(XS[:3], [known[0]._replace(above=math.inf), *known[1:]])
    assert (early.below, early.above) == (math.inf, 0.0)
    # The middle of three has no weight.
    middle = trend.of(XS[:3], [known[0], known[1]._replace(above=math.inf), known[2]])
    assert middle.interval() == pytest.approx((1.0, 1.0))


def test_logarithms_keep_the_ends_of_intervals() -> None:
    """At three points two of which are exact; the weights of the ends are -+1/2."""
    trend = Trend("scaling", "x")
    for uncertain in (Estimate(1.0, 0.2), Estimate(1.0, 0.05, 6, "", 0.3, 0.7)):
        low, high = uncertain.interval()
        found = trend.of(XS[:3], [Estimate(1.0), Estimate(1.0), uncertain])
        assert found.interval() == (
            pytest.approx(math.log(low) / 2), pytest.approx(math.log(high) / 2, abs=0.04),
        )  # fmt: skip
        assert found.interval()[1] >= math.log(high) / 2
    # An interval that reaches 0: the logarithm may lie anywhere below.
    found = trend.of(XS[:3], [Estimate(1.0), Estimate(1.0), Estimate(1.0, 0.6)])
    assert (found.below, found.above) == (math.inf, 0.0)
    # "In [0, 3.5 / L]": only the upper end has a logarithm.
    falling = [Estimate(1.0), Estimate(math.exp(-1))]
    found = trend.of(XS[:3], [*falling, Estimate(0.0, above=math.exp(-2))])
    assert found.interval() == (-math.inf, pytest.approx(-1.0))


@pytest.mark.parametrize("kind", ["scaling", "invariance"])
def test_a_rate_of_zero_tells_only_beside_one_that_is_not(kind: str) -> None:
    trend, zero, some = Trend(kind, "x"), Estimate(0.0), Estimate(0.0, above=0.1)  # type: ignore[arg-type]
    assert trend.of(XS[:3], [zero, some, Estimate(0.2, 0.01)]).interval() == (math.inf, math.inf)
    # All of these may be 0, and then they are equal.
    for unsure in (some, Estimate(0.2, 0.2), Estimate(0.2, below=0.3)):
        assert "positive" in trend.of(XS[:3], [zero, some, unsure]).reason


@pytest.mark.parametrize("truth", [1.0, 1.05, 1.2])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_invariance_covers_the_true_ratio(k: int, truth: float) -> None:
    """300 data sets; noise alone drives extremes apart (5 equal values: covered in 75% before).

    One standard deviation of a coverage of 95% is 1.3%. The mean of the lower ends does not pass
    the truth, so that no number of seeds can contradict it.
    """
    rng, se, covered, lowest = np.random.default_rng(k), 0.03, 0, []
    for _ in range(300):
        noisy = np.linspace(1, truth, k) + se * rng.standard_normal(k)
        found = Trend("invariance", "x").of(list(range(k)), [Estimate(float(v), se) for v in noisy])
        low, high = found.interval()
        covered += low <= truth <= high
        lowest.append(found.value - found.below)
    assert covered / 300 >= 0.92
    assert np.mean(lowest) <= truth + 3 * np.std(lowest) / math.sqrt(300)
    assert found.below <= found.value


def test_invariance_keeps_bounds_and_finds_what_differs() -> None:
    trend = Trend("invariance", "x")
    different = trend.of([1, 2], [Estimate(1.0, 0.01), Estimate(2.0, 0.02)])
    assert different.interval()[0] > 1.9
    bounded = trend.of([1, 2], [Estimate(1.0, below=0.2, above=0.5), Estimate(2.0, below=0.5)])
    assert bounded.interval() == (pytest.approx(2.0 - 2 * math.log(2.0), abs=0.3), 2.5)
    later = trend.of([1, 2], [Estimate(1.0), Estimate(2.0, above=math.inf)])
    assert later.interval() == (2.0, math.inf)
    nothing = trend.of([1, 2], [Estimate(1.0, above=math.inf), Estimate(2.0, above=math.inf)])
    assert nothing.interval()[0] <= 1 and nothing.interval()[1] == math.inf
    assert trend.of([1, 2, 3], [Estimate(4.0)] * 3).interval() == (1.0, 1.0)


def test_the_expected_range_of_noise() -> None:
    """Two: 2 sigma / sqrt(pi). Unequal: against the integral over both tails by scipy."""
    assert expected_range(np.array([0.3, 0.3])) == pytest.approx(0.6 / math.sqrt(math.pi), rel=1e-4)
    assert expected_range(np.array([0.0, 0.0])) == 0.0
    assert expected_range(np.array([0.0, 1.0])) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-2)
    se = np.array([0.1, 0.5, 1.0])
    tail = lambda x: 1 - np.prod(stats.norm.cdf(x / se))  # noqa: E731
    # E max = int_0^inf P(max > x) - int_-inf^0 P(max < x), half the range of symmetric noise.
    largest = integrate.quad(tail, 0, 9)[0] - integrate.quad(lambda x: 1 - tail(x), -9, 0)[0]
    assert expected_range(se) == pytest.approx(2 * largest, rel=1e-4)


errors = st.floats(0, 10) | st.sampled_from([math.inf, math.nan])
reaches = st.floats(0, 10) | st.just(math.inf)
readings = st.builds(
    Estimate,
    value=st.floats(-10, 10) | st.sampled_from([0.0, 1.0, math.inf]),
    se=errors, dof=st.floats(1, 100) | st.just(math.inf), below=reaches, above=reaches,
)  # fmt: skip


@given(
    estimates=st.lists(readings, min_size=2, max_size=6),
    kind=st.sampled_from(["scaling", "slope", "invariance", "crossing", "threshold"]),
)
def test_no_readings_break_a_trend(estimates: list[Estimate], kind: str) -> None:
    """Whatever is known of the points, the answer is an interval, or everything with a reason."""
    found = Trend(kind, "x").of([float(1 + j) for j in range(len(estimates))], estimates)  # type: ignore[arg-type]
    low, high = found.interval()
    assert low <= high
    if math.isnan(found.value):
        assert found.reason
    if kind in ("slope", "scaling") and all(e.above == e.below == math.inf for e in estimates):
        assert (low, high) == (-math.inf, math.inf) or math.isinf(found.value)
