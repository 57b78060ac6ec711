"""What speaks against a law: rivals, flat ends, rounding; and local slopes, which claim less."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from matsense.fitting import tuned
from matsense.fitting.calibration import FAMILYWISE
from matsense.fitting.estimate import Call, decide
from matsense.fitting.rates import Fit, fit, fit_locally
from matsense.judging.claims import local_rate
from matsense.judging.runs import Run

LOG = np.unique(np.round(np.geomspace(1, 3e4, 200)))
LONG = np.unique(np.round(np.geomspace(1, 1e6, 200)))
STEPS = np.arange(0.0, 401.0)


def scatter(sd, count, seed=0):
    return np.exp(sd * np.random.default_rng(seed).standard_normal(count))


# Rivals of a power law


@pytest.mark.parametrize("sd", [0.005, 0.02, 0.05])
@pytest.mark.parametrize(("p", "a"), [(1.0, 1.0), (0.5, 1.0), (2.0, -1.0)])
def test_a_logarithm_widens_the_exponent(p, a, sd):
    """t^-p (ln t)^a has the local exponent p - a / ln t, .07 off at 10^6; noise hides its drift.

    Of what is answered at the level of 200 runs, at most 2% may be wrong.
    """
    y = LONG**-p * np.log(LONG + 2) ** a
    fits = [fit(LONG, y * scatter(sd, len(LONG), seed)) for seed in range(30)]
    fits = [f for f in fits if f.law != "neither"]
    assert len(fits) > 15
    # The fit itself is biased: the rivals alone make it hold the truth.
    assert np.median([abs(f.value - p) / f.se for f in fits]) > 2
    assert np.median([f.below + f.above for f in fits]) > 0
    intervals = [f.as_exponent.interval(FAMILYWISE) for f in fits]
    wrong = sum(not low <= p <= high for low, high in intervals)
    assert wrong <= stats.binom.ppf(1 - 1e-4, len(fits), 0.02)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("shift", [1.0, 30.0, 300.0])
def test_an_exact_shifted_power_law_has_no_rival(p, shift):
    f = fit(LOG, (LOG + shift) ** -p)
    assert f.law == "power"
    assert f.below <= 1e-6 * p and f.above <= 1e-6 * p


def test_noise_opens_the_door_to_rivals():
    """More noise, more laws that fit as well: the exponent is known less well, not better."""
    width = [
        np.median(
            [
                np.diff(fit(LOG, (LOG + 30.0) ** -1 * scatter(sd, len(LOG), seed)).interval())[0]
                for seed in range(9)
            ]
        )
        for sd in (0.0, 0.02, 0.3)
    ]
    assert width[0] < width[1] < width[2]


# Flat ends


def flat_over(length: float) -> Fit:
    t = np.linspace(0.0, length, 101)
    return fit(t, np.full(101, 0.3) * scatter(1e-3, 101))


@pytest.mark.parametrize("length", [10.0, 1e3, 1e6])
def test_flat_is_a_bound_on_the_rate_and_no_exponent(length):
    f = flat_over(length)
    assert f.law == "plateau" and f.stalled and f.flat == length
    low, high = f.as_rate.interval()
    assert high == pytest.approx(7 / length, rel=0.01) and low == pytest.approx(0, abs=1e-2 * high)
    assert math.isnan(f.as_exponent.value) and "flat from t = 0 on" in f.as_exponent.reason
    # It contradicts a rate that would show, and is silent on one that would not.
    assert decide(f.as_rate, 20 / length, "at least", 0.05) is Call.CONTRADICTED
    assert decide(f.as_rate, 3 / length, "equals", 0.05) is Call.INCONCLUSIVE


@pytest.mark.parametrize("floor", [1e-6, 1e-10])
def test_a_floor_far_above_rounding_is_a_stall(floor):
    f = fit(STEPS, np.exp(-0.1 * STEPS) + floor * scatter(1e-3, len(STEPS)))
    # It leaves an exponential for good at -10 log(floor): not before, and not much later.
    assert f.law == "exponential" and f.stalled and not f.rounding
    begins = -math.log(floor) / 0.1
    assert 0.8 * begins < f.stalls_at < 1.5 * begins
    assert f.flat == 400 - f.stalls_at
    assert f.as_rate.interval() == pytest.approx((0.0, 7 / f.flat))
    assert math.isnan(f.as_exponent.value) and "flat" in f.as_exponent.reason


def test_the_rounding_of_a_squared_error_is_no_stall():
    """Double precision leaves 10^-32 to 10^-22 of a square of order 1."""
    y = np.maximum(np.exp(-0.4653 * STEPS), 1.6e-23 * scatter(0.2, len(STEPS)))
    f = fit(STEPS, y)
    assert f.law == "exponential" and f.rounding and not f.stalled
    assert f.as_rate.value == pytest.approx(0.4653, rel=1e-3)
    assert f.as_exponent.value == math.inf


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_rounding_is_told_from_the_scale_of_the_run(unit):
    below = unit * (np.exp(-0.4 * STEPS) + 0.1 * tuned.ROUNDING)
    above = unit * (np.exp(-0.4 * STEPS) + 10 * tuned.ROUNDING)
    assert fit(STEPS, below).rounding and not fit(STEPS, above).rounding
    assert fit(STEPS, above).stalled


def test_a_floor_some_way_above_the_stated_resolution_is_rounding():
    y = np.exp(-0.2 * STEPS) + 1e-13 * scatter(0.1, len(STEPS))
    assert fit(STEPS, y).stalled
    ten_above = fit(STEPS, y, resolution=1e-14)
    assert ten_above.rounding and not ten_above.stalled
    assert ten_above.as_rate.value == pytest.approx(0.2, rel=1e-3)
    # A guess that is wrong by more than the factor allowed is no help.
    assert fit(STEPS, y, resolution=1e-14 / tuned.GUESSED).stalled


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_a_power_law_that_stalls_has_no_exponent_to_show(p):
    """The floor of a variance: the law above it is still fitted, but the trace is flat."""
    y = (LOG + 5.0) ** -p + 300.0**-p
    f = fit(LOG, y)
    assert f.law == "power" and f.value == pytest.approx(p, rel=1e-3)
    if f.stalled:
        assert math.isnan(f.as_exponent.value)
        assert f.as_rate.interval()[1] == pytest.approx(7 / f.flat)


def test_an_end_that_falls_as_slowly_as_a_floor_is_none():
    """What looks like a floor under the fast decay falls by three nats more: no law is named."""
    y = np.exp(-0.3 * STEPS) + 1e-5 * np.exp(-3.0 * STEPS / 400)
    f = fit(STEPS, y)
    low, high = f.as_rate.interval()
    assert f.law == "neither" or low <= 3 / 400 <= high


# Local slopes


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(1.02, 1.5), st.floats(0.1, 10.0), st.floats(0.01, 0.06))
def test_a_local_slope_is_the_mean_slope_in_closed_form(ratio, weight, slow):
    """Least squares weighs the pace at each t by (t - a)(b - t), as integration by parts shows."""
    fast = ratio * slow
    y = np.exp(-slow * STEPS) + weight * np.exp(-fast * STEPS)
    local = fit_locally(STEPS, y)
    assert slow < local.value < fast
    t = np.linspace(200, 400, 4001)
    share = 1 / (1 + weight * np.exp(-(fast - slow) * t))
    pace = share * slow + (1 - share) * fast
    mean = np.average(pace, weights=(t - 200) * (400 - t))
    assert local.value == pytest.approx(mean, rel=1e-4)
    # It claims no limit, so nothing is charged for where the pace may go.
    assert local.below == local.above == 0.0


def test_a_local_slope_ends_at_the_floor_and_begins_at_the_start():
    rounded = np.maximum(np.exp(-0.3 * STEPS), 1e-24)
    assert fit_locally(STEPS, rounded).value == pytest.approx(0.3, rel=1e-2)
    # A floor that is no rounding is where the trace is: its pace is about 0.
    stalled = np.exp(-0.1 * STEPS) + 1e-9
    assert abs(fit_locally(STEPS, stalled).value) < 0.01
    two = np.where(STEPS < 100, 1.0, np.exp(-0.1 * (STEPS - 100)))
    assert fit_locally(STEPS, two, start=100.0).value == pytest.approx(0.1, rel=1e-9)
    cut = fit_locally(STEPS, np.exp(-0.1 * STEPS - 0.0), resolution=1e-8)
    assert cut.value == pytest.approx(0.1, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.append(np.exp(-STEPS[:-1]), math.nan), "diverged"),
        (np.where(STEPS < 10, np.exp(-STEPS), 0.0), "stalls before"),
    ],
    ids=["diverged", "too few"],
)
def test_a_local_slope_of_nothing_is_none(y, reason):
    local = fit_locally(STEPS, y)
    assert math.isnan(local.value) and reason in local.reason


def test_the_local_slope_of_a_flat_trace_is_zero():
    assert fit_locally(STEPS, np.ones(401)).interval() == pytest.approx((0.0, 0.0), abs=1e-6)


def test_an_estimator_of_local_slopes_reads_a_run():
    y = np.exp(-0.05 * STEPS) + np.exp(-0.055 * STEPS)
    run = Run("r", "s", {}, 0, "ok", {"t": STEPS, "e": y})
    found = local_rate("e", lambda run: 0.0, 0.0)(run)
    assert found == fit_locally(STEPS, y)
    # As the limit, it would be contradicted by its own truth.
    assert decide(found, 0.05, "equals", 0.0) is Call.CONTRADICTED
