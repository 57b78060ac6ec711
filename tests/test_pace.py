"""The pace of a law's end, against closed forms: sums of exponentials, slopes under memory."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from matsense.fitting import tuned
from matsense.fitting.frames import frame
from matsense.fitting.pace import (
    FEW,
    UNSETTLED,
    Scatter,
    change_at_the_end,
    curvature,
    examine,
    scatter_of,
    slopes,
    unsettled,
    wavers,
)
from matsense.fitting.rates import fit
from matsense.fitting.residuals import accumulated
from matsense.fitting.windows import half_width, scan_line

ALARM = 1e-4  # how often a count of random traces fails without a cause
HALVINGS = np.array([0.0625, 0.125, 0.25, 0.5, 1.0])  # edges of stretches, of the horizon
EXACT = Scatter(1e-30, 0.0)


def ar1(g, rho, count, n):
    """`count` stationary AR(1) sequences of n numbers, innovations of variance 1; a walk for 1."""
    e = g.standard_normal((count, n))
    if rho < 1:
        e[:, 0] /= math.sqrt(1 - rho**2)
    for i in range(1, n):
        e[:, i] += rho * e[:, i - 1]
    return e


def covariance(rho, n):
    """Of such a sequence."""
    i = np.arange(n)
    if rho == 1:
        return 1.0 + np.minimum(i[:, None], i)
    return rho ** np.abs(i[:, None] - i) / (1 - rho**2)


def two_rates(t, slow, fast, weight):
    """log of the sum, its pace and the fall of that: mean and variance of the rates that live."""
    terms = np.stack([np.exp(-slow * t), weight * np.exp(-fast * t)])
    share = terms / terms.sum(0)
    mean = share[0] * slow + share[1] * fast
    return np.log(terms.sum(0)), mean, share[0] * share[1] * (fast - slow) ** 2


# Slopes and their errors


@pytest.mark.parametrize("n", [8, 20, 50, 200])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.99, 1.0])
def test_the_error_of_a_slope_is_that_under_correlated_noise(rho, n):
    """w' G w with w the weights of least squares; the mode has half a period over the n ticks."""
    x = np.arange(n) - (n - 1) / 2
    w = x / (x @ x)
    exact = float(w @ covariance(rho, n) @ w) * float(x @ x)
    of_mode = Scatter(1.0, rho).of_mode(n)
    # Never too small by more than a tenth of the deviation, and too large by less than a third.
    assert 0.8 * exact <= of_mode <= 1.7 * exact
    if rho in (0.0, 1.0):
        assert of_mode == pytest.approx(exact, rel=0.15 if n < 20 else 0.05)


def test_slopes_are_those_of_polyfit():
    g = np.random.default_rng(0)
    u = np.sort(g.uniform(0, 10, 60))
    z = g.standard_normal(60)
    edges = np.array([0.0, 3.0, 7.0, 10.0])
    found = slopes(u, z, edges, EXACT).value
    for k in range(3):
        inside = (u >= edges[k]) & (u <= edges[k + 1])
        assert found[k] == pytest.approx(-np.polyfit(u[inside], z[inside], 1)[0])
    empty = slopes(u, z, np.array([10.0, 10.5, 11.0]), EXACT)
    assert np.isnan(empty.value).all() and np.isnan(empty.variance).all() and FEW > 1


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_scatter_knows_innovations_and_memory_about_a_smooth_curve(rho):
    g = np.random.default_rng(1)
    u = np.linspace(0, 1, 200)
    noise = 0.1 * ar1(g, rho, 200, 200)
    found = [scatter_of(u, 5 - 3 * u + u**3 + e) for e in noise]
    # The correlation is raised by its bias and half an error: 2.5 half errors are allowed above.
    half = 0.5 * math.sqrt((1 - rho**2) / 200)
    assert np.mean([s.rho for s in found]) == pytest.approx(rho + half, abs=2.5 * half + 0.01)
    assert np.sqrt(np.median([s.innovation for s in found])) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("sd", [0.01, 0.1])
@pytest.mark.parametrize("change", [5.0, 20.0])
def test_a_kink_is_no_noise(change, sd):
    """It leaves half a nat or two off the cubic, and the innovations nearly what they are."""
    u = np.linspace(0, 1, 200)
    noise = sd * np.random.default_rng(2).standard_normal(200)
    found = scatter_of(u, -30 * u + change * np.maximum(u - 0.9, 0) + noise)
    assert 0.8 * sd < math.sqrt(found.innovation) < 2.2 * sd


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.97, 1.0])
def test_the_residuals_of_a_line_know_the_error_of_its_slope(rho, n):
    """AR(1) noise about a line: the variance of a mode, from its residuals, against w' G w."""
    x = np.arange(n) - (n - 1) / 2
    w = x / (x @ x)
    exact = float(w @ covariance(rho, n) @ w) * float(x @ x)
    f = frame(n)
    whole = f._replace(**{name: getattr(f, name)[:1] for name in f._fields})
    noise = ar1(np.random.default_rng(3), rho, 400, n)
    residuals = noise - noise.mean(1)[:, None] - (noise @ w)[:, None] * x
    found = np.array([accumulated(e[None], 2, whole)[0] for e in residuals])
    # A correlation is held to 1, so at 1 it errs to one side only: there the mean falls short.
    assert found.mean() >= (0.65 if rho == 1 else 1.0) * exact
    assert np.median(found) <= 5 * exact


@pytest.mark.parametrize("n", [60, 150])
@pytest.mark.parametrize("rho", [0.0, 0.9, 0.97, 1.0])
def test_the_interval_of_a_slope_survives_memory(rho, n):
    """93% of the intervals at 95%, up to a random walk."""
    u = np.linspace(0, 1, n)
    scans = [scan_line(u, e) for e in ar1(np.random.default_rng(3), rho, 300, n)]
    held = sum(abs(s.value[0]) <= half_width(s)[0] for s in scans)
    assert held >= stats.binom.ppf(ALARM, 300, 0.93)


# Drift of the pace


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(1.05, 3.0), st.floats(0.1, 2.0), st.floats(2.0, 20.0))
def test_curvature_is_the_variance_of_the_rates_that_live(ratio, weight, nats):
    """Least squares by a parabola averages the second derivative over the window.

    The weights of the average are (1 - x^2)^2, on x from -1 to 1 (integrate by parts twice).
    """
    t = np.linspace(0, 1, 20_000)
    z, _, variance = two_rates(t, nats, ratio * nats, weight)
    weights = (1 - (2 * t - 1) ** 2) ** 2
    fall, error = curvature(t, z, EXACT)
    assert fall == pytest.approx(np.average(variance, weights=weights), rel=1e-3, abs=1e-9)
    assert error < 1e-9


def test_the_error_of_curvature_is_that_of_least_squares():
    g = np.random.default_rng(4)
    u = np.linspace(0, 2, 60)
    draws = 0.1 * g.standard_normal((2000, 60))
    found = [curvature(u, e, Scatter(0.01, 0.0))[0] for e in draws]
    design = np.linalg.inv(np.vander(u, 3).T @ np.vander(u, 3))
    exact = 2 * 0.1 * math.sqrt(design[0, 0])
    assert curvature(u, draws[0], Scatter(0.01, 0.0))[1] == pytest.approx(exact, rel=1e-6)
    assert np.std(found) == pytest.approx(exact, rel=0.06)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(1.02, 4.0), st.floats(0.1, 1.0), st.floats(5.0, 60.0), st.floats(0.0, 0.5))
def test_the_limit_lies_between_the_pace_less_below_and_the_pace(ratio, weight, nats, begins):
    """The slower of two rates, whose share is a half or more at the start and grows."""
    t = np.linspace(0, 1, 400)
    z, _, _ = two_rates(t, nats, ratio * nats, weight)
    start = int(begins * 400)
    witness = examine(t, z, start, HALVINGS, steady=0.7, unseen=True)
    if witness.reason:
        assert witness.reason.startswith(UNSETTLED)
        return
    pace = slopes(t, z, np.array([t[start], 1.0]), EXACT).value[0]
    assert pace - witness.below <= nats + 1e-9 * nats
    assert nats <= pace + witness.above + 1e-9 * nats


def test_a_pure_line_has_settled():
    t = np.linspace(0, 1, 200)
    witness = examine(t, 3 - 20 * t, 0, HALVINGS, steady=0.7, unseen=True)
    assert witness.reason == "" and max(witness.below, witness.above) < 1e-5


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_two_deviations_reach_the_slower_of_two_rates(weight):
    """At one moment: mean less `tuned.SPREADS` deviations, while the slower has a fifth or more."""
    _, mean, variance = two_rates(np.zeros(1), 1.0, 1.5, weight)
    assert mean[0] - tuned.SPREADS * math.sqrt(variance[0]) <= 1.0
    # A share of a tenth is too small: the bound is one for rates that have begun to separate.
    _, mean, variance = two_rates(np.zeros(1), 1.0, 1.5, 9.0)
    assert mean[0] - tuned.SPREADS * math.sqrt(variance[0]) > 1.0


def history(t, z):
    s = slopes(t, z, HALVINGS * t[-1], EXACT)
    return unsettled(s, float(s.value[-1]), 0.7)


@pytest.mark.parametrize("beta", [0.6, 0.7, 0.8, 0.9, 1.1, 1.3, 1.5])
@pytest.mark.parametrize("count", [100, 400])
def test_the_drift_of_a_stretched_exponential_has_no_end(beta, count):
    """exp(-50 t^beta): the pace changes by the same factor from each doubling of t to the next."""
    t = np.linspace(0, 1, count)
    reason, endless = history(t, -50 * t**beta)
    assert reason.startswith(UNSETTLED) or endless > 0
    if abs(beta - 1) >= 0.2:
        assert "no end in sight" in reason


@pytest.mark.parametrize("a", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("nats", [10.0, 30.0, 60.0])
@pytest.mark.parametrize("begins", [0.003, 0.01])
def test_the_drift_beside_a_power_ends(a, nats, begins):
    """t^-a exp(-rate t): the pace is rate + a / t, the drift shrinks by half from one to the next.

    Two deviations reach the limit, for -dv/dt = a / t^2: sqrt(a) of them are needed.
    """
    t = np.linspace(0, 1, 400)
    z = -nats * t - a * np.log(1 + t / begins)
    assert history(t, z) == ("", 0.0)
    witness = examine(t, z, 100, HALVINGS, steady=0.7, unseen=True)
    pace = slopes(t, z, np.array([t[100], 1.0]), EXACT).value[0]
    assert witness.reason == "" and pace - witness.below <= nats <= pace


# Changes and waves


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("n", [60, 200])
def test_noise_is_seldom_taken_for_a_change_at_the_end(rho, n):
    """A false alarm in at most one of two hundred lines of 30 nats with noise of .1."""
    u = np.linspace(0, 1, n)
    noise = 0.1 * math.sqrt(1 - rho**2) * ar1(np.random.default_rng(5), rho, 400, n)
    alarms = sum(bool(change_at_the_end(u, z, scatter_of(u, z))) for z in -30 * u + noise)
    assert alarms <= stats.binom.ppf(1 - ALARM, 400, 0.005)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("sd", [0.0, 0.02])
def test_a_change_at_the_end_is_seen(share, sd):
    """The pace drops from 30 to 10 over the last `share`."""
    u = np.linspace(0, 1, 200)
    z = -30 * u + 20 * np.maximum(u - 1 + share, 0)
    z = z + sd * np.random.default_rng(6).standard_normal(200)
    assert "changes over its last" in change_at_the_end(u, z, scatter_of(u, z))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_a_straight_line_seldom_wavers(rho):
    """A false alarm in at most one of a hundred lines of 10 nats with noise of .1."""
    u = np.linspace(0, 1, 200)
    noise = 0.1 * math.sqrt(1 - rho**2) * ar1(np.random.default_rng(7), rho, 400, 200)
    alarms = sum(wavers(u, z, scatter_of(u, z), 10.0) for z in -10 * u + noise)
    assert alarms <= stats.binom.ppf(1 - ALARM, 400, 0.01)


@pytest.mark.parametrize("periods", [1.25, 1.5, 2.0, 2.5])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0, 3.0])
def test_a_wave_wavers(periods, phase):
    """The slope of such a wave both rises and falls by more than its noise, whatever the phase."""
    u = np.linspace(0, 1, 200)
    z = -20 * u + np.log1p(0.5 * np.cos(2 * math.pi * periods * u + phase))
    z = z + 0.01 * np.random.default_rng(8).standard_normal(200)
    assert wavers(u, z, Scatter(1e-4, 0.0), 20.0)


@pytest.mark.parametrize("bend", [-10.0, -1.0, 1.0, 10.0])
def test_a_pace_that_only_falls_or_only_rises_does_not_waver(bend):
    u = np.linspace(0, 1, 200)
    z = -20 * u + bend * u**2 + 0.01 * np.random.default_rng(9).standard_normal(200)
    assert not wavers(u, z, Scatter(1e-4, 0.0), 20.0)


@pytest.mark.parametrize("stairs", [1, 3])
def test_what_came_before_the_last_decay_is_no_wave(stairs):
    """Gradient descent leaves one saddle after another, and then settles: plateaus and falls."""
    t = np.arange(0.0, 601.0, 5.0)
    y = sum(10.0 ** (-3 * k) / (1 + np.exp(np.minimum(0.5 * (t - 60 * (k + 1)), 700)))
            for k in range(stairs))  # fmt: skip
    y = y + 1e-4 * 1e3 ** -(stairs - 1) * np.exp(-0.1 * t)
    f = fit(t, y)
    assert f.law == "exponential" and f.value == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("start", np.geomspace(1e-3, 0.3, 12))
def test_a_pace_that_has_come_to_rest_is_known_whatever_came_before(start):
    """x <- x - eta (x^2 - 1) x grows, overshoots in pace, then falls at -2 ln(1 - 2 eta)."""
    x, eta, errors = start, 0.1, []
    for _ in range(301):
        errors.append((x**2 - 1) ** 2)
        x -= eta * (x**2 - 1) * x
    found = fit(np.arange(0, 301, 10), np.array(errors)[::10], resolution=1e-24)
    low, high = found.interval()
    rate = -2 * math.log(1 - 2 * eta)
    assert 0.97 * rate < low <= rate * (1 + 1e-6)
    assert rate * (1 - 1e-6) <= high < 1.03 * rate


@pytest.mark.parametrize("rising", [True, False])
def test_a_pace_that_settles_slowly_reaches_its_limit(rising):
    """(1 + c t)^2 exp(-r t), of a Jordan block, rises to r; exp(-r t - c sqrt t) falls to it."""
    t = np.linspace(0, 1e4, 200)
    for rate in (2e-3, 4e-3, 6e-3):
        slow = 2 * np.log1p(t / 100) if rising else -8 * np.sqrt(t / t[-1])
        low, high = fit(t, np.exp(-rate * t + slow)).interval()
        assert low <= rate <= high
