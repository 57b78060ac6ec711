"""Trends read along transformed axes, put in other units, and taken of one another."""

import math

import pytest

from matsense.estimate import Estimate
from matsense.trends import Nested, Trend

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
    lost = Trend("scaling", "alpha", then=lambda e, p: e._replace(value=2 - e.value))
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
    params = [{"m": m, "p": p} for p in (0.0, 0.5) for m in (50, 100, 200, 400, 800)]
    estimates = [Estimate(float(q["m"] * (1 - q["p"]) > 150)) for q in params]
    assert nested.group_key(params[0], 3) == ()
    assert nested.along(params, estimates).value == pytest.approx(1.0)


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
