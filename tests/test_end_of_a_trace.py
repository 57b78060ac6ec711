"""Traces whose end misled a fit, and their kinds: what is read off must hold the truth, or nothing.

The truth is asymptotic: the rate or the exponent to which the law tends after the last tick. A
reading at 95% holds it, or the fit names no law and says why. Draws are fixed by their seeds.
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from matsense.fitting.rates import Fit, fit, fit_locally

LOG = np.unique(np.round(np.geomspace(1, 3e4, 200)))
ALARM = 1e-4  # how often a count of random traces fails without a cause
both_spacings = pytest.mark.parametrize("spacing", ["log", "linear"])
examples = settings(max_examples=30, deadline=None, derandomize=True)


def ticks(spacing, horizon, count=200):
    """Whole ticks up to the horizon."""
    if spacing == "log":
        return np.unique(np.round(np.geomspace(1, horizon, count)))
    return np.unique(np.round(np.linspace(0, horizon, count)))


def normal(seed, count):
    return np.random.default_rng(seed).standard_normal(count)


def autoregressive(rho, seed, count):
    e = normal(seed, count)
    for i in range(1, count):
        e[i] = rho * e[i - 1] + math.sqrt(1 - rho**2) * e[i]
    return e


def refused(f: Fit) -> bool:
    assert (f.law == "neither") == bool(f.reason)
    return f.law == "neither"


def covers(f: Fit, rate: float = math.nan, exponent: float = math.nan) -> bool:
    """Whether neither reading excludes its truth; NaN for a truth that is not known."""
    if refused(f) and math.isnan(f.as_rate.value):
        return True
    for estimate, truth in ((f.as_rate, rate), (f.as_exponent, exponent)):
        low, high = estimate.interval()
        # 1e-9 of it is rounding.
        slack = 1e-9 * abs(truth) if math.isfinite(truth) else 0.0
        if not (math.isnan(truth) or low - slack <= truth <= high + slack):
            return False
    return True


def most_cover(fits: list[Fit], **truth: float) -> None:
    """Fails when intervals of 95% would hold so rarely one time in 1 / ALARM."""
    held = sum(covers(f, **truth) for f in fits)
    assert held >= stats.binom.ppf(ALARM, len(fits), 0.95), f"{held} of {len(fits)}"


# Too short


def test_six_tenths_of_a_nat_are_no_law():
    """exp(-.03 t) over 20 steps: it may as well be a power law, or the start of a plateau."""
    t = np.arange(21.0)
    assert refused(fit(t, np.exp(-0.03 * t)))


def test_one_nat_on_log_ticks_is_no_plateau():
    """exp(-t / T) up to T: on log ticks most of them lie where nothing has happened yet."""
    t = ticks("log", 2e4)
    f = fit(t, np.exp(-t / 2e4))
    assert covers(f, rate=5e-5, exponent=math.inf)


def test_the_burn_in_of_a_power_law_is_no_exponential():
    """(1 + t / 60000)^-2 up to 20000: log y is nearly straight, in t as in log t."""
    t = np.arange(0, 20001, 50.0)
    assert covers(fit(t, (1 + t / 60000) ** -2), rate=0.0, exponent=2.0)


@examples
@given(
    st.sampled_from(["log", "linear"]), st.floats(0.2, 3.0), st.floats(50, 1e5),
    st.integers(12, 300), st.sampled_from([0.0, 0.02]), st.integers(0, 99),
)  # fmt: skip
def test_few_nats_name_no_wrong_rate(spacing, nats, horizon, count, sd, seed):
    t = ticks(spacing, horizon, count)
    y = np.exp(-nats * t / t[-1] + sd * normal(seed, len(t)))
    f = fit(t, y)
    assert f.law != "power"
    low, high = f.as_rate.interval(0.9999)
    assert low <= nats / t[-1] <= high


@examples
@given(
    st.sampled_from(["log", "linear"]), st.floats(0.1, 1.4), st.floats(0.5, 3.0),
    st.floats(50, 1e5), st.sampled_from([0.0, 0.02]), st.integers(0, 99),
)  # fmt: skip
def test_few_decades_name_no_wrong_law(spacing, decades, p, horizon, sd, seed):
    t = ticks(spacing, horizon)
    shift = t[-1] / (10**decades - 1)
    y = (1 + t / shift) ** -p * np.exp(sd * normal(seed, len(t)))
    f = fit(t, y)
    assert f.law != "exponential" and covers(f, rate=0.0)


# Changes of pace


def test_a_slow_phase_over_the_last_fraction_is_seen():
    """exp(-.2 t) + exp(-18 - .1 t) up to 200: the slow term leads over the last tenth only."""
    t = np.arange(201.0)
    assert covers(fit(t, np.exp(-0.2 * t) + np.exp(-18 - 0.1 * t)), rate=0.1, exponent=math.inf)


def test_a_slow_phase_over_half_the_ticks_is_read():
    """exp(-.08 t) + exp(-4 - .04 t): the slow term leads from t = 100 on."""
    t = np.arange(201.0)
    f = fit(t, np.exp(-0.08 * t) + np.exp(-4 - 0.04 * t))
    assert covers(f, rate=0.04, exponent=math.inf)


@examples
@given(
    st.floats(1.1, 8.0), st.floats(0.1, 0.9), st.floats(15, 60), st.floats(60, 2e4),
    st.sampled_from(["log", "linear"]),
)  # fmt: skip
def test_two_phases_of_any_rates(ratio, share, nats, horizon, spacing):
    """The slow term passes the fast one when `share` of the horizon is over."""
    assume(share * nats < 45)  # below 1e-20 it would be rounding
    t = ticks(spacing, horizon)
    fast = nats / t[-1]
    slow = fast / ratio
    cut = share * t[-1]
    z = np.logaddexp(-fast * t, -slow * t - (fast - slow) * cut)
    assert covers(fit(t, np.exp(z)), rate=slow, exponent=math.inf)


@both_spacings
@pytest.mark.parametrize("ratio", [1.2, 1.5, 2.0])
@pytest.mark.parametrize("share", [0.7, 0.8, 0.85])
@pytest.mark.parametrize("nats", [15.0, 25.0, 40.0])
def test_a_slow_phase_that_has_just_begun_is_not_missed(spacing, ratio, share, nats):
    """A pace that drops by a third or less over the last ticks is no break, and yet no drift."""
    t = ticks(spacing, 2e4)
    fast = nats / t[-1]
    slow = fast / ratio
    z = np.logaddexp(-fast * t, -slow * t - (fast - slow) * share * t[-1])
    assert covers(fit(t, np.exp(z)), rate=slow, exponent=math.inf)


def test_growth_at_the_end_is_no_decay():
    """exp(-.1 t) that grows again over its last 21 of 201 ticks."""
    t = np.arange(201.0)
    y = np.exp(-0.1 * t)
    y[180:] = y[179] * np.exp(0.1 * np.arange(1, 22))
    f = fit(t, y)
    assert refused(f) and math.isnan(f.as_rate.value)


@pytest.mark.parametrize("rise", [4.0, 6.0, 8.0])
@pytest.mark.parametrize("share", [0.03, 0.06])
def test_growth_over_a_handful_of_ticks_is_no_plateau(share, rise):
    """It stands so high in the end that next to nothing came before it, but it is not flat."""
    cut = int((1 - share) * len(LOG))
    z = -10 * LOG / LOG[-1]
    z[cut:] = z[cut - 1] + rise * (LOG[cut:] - LOG[cut - 1]) / (LOG[-1] - LOG[cut - 1])
    assert refused(fit(LOG, np.exp(z)))


@examples
@given(
    st.sampled_from(["log", "linear"]), st.floats(0.03, 0.3), st.floats(1.5, 8.0),
    st.floats(10.0, 40.0), st.sampled_from([0.0, 0.02]), st.integers(0, 99),
)  # fmt: skip
def test_any_growth_at_the_end_is_no_decay(spacing, share, rise, nats, sd, seed):
    """A handful of ticks that rise by less than two nats over their later half may be a floor."""
    t = ticks(spacing, 3e4)
    cut = int((1 - share) * len(t))
    z = -nats * t / t[-1]
    z[cut:] = z[cut - 1] + rise * (t[cut:] - t[cut - 1]) / (t[-1] - t[cut - 1])
    f = fit(t, np.exp(z + sd * normal(seed, len(t))))
    assert refused(f) or (rise < 4 and f.stalled)


def test_two_close_rates_are_not_read_as_their_mean():
    """exp(-.05 t) + exp(-.055 t) up to 400: without noise a mean of the two looks certain."""
    t = np.arange(401.0)
    y = np.exp(-0.05 * t) + np.exp(-0.055 * t)
    assert covers(fit(t, y), rate=0.05, exponent=math.inf)
    # The local slope is another number, and says so: it lies between the two rates.
    local = fit_locally(t, y)
    assert 0.05 < local.value < 0.055


def of_two_rates(spacing, ratio, weight, nats, horizon):
    t = ticks(spacing, horizon)
    slow = nats / t[-1]
    return fit(t, np.exp(-slow * t) + weight * np.exp(-ratio * slow * t)), slow


two_rates = (st.sampled_from(["log", "linear"]), st.floats(1.02, 3.0))
lengths = (st.floats(10.0, 60.0), st.sampled_from([100, 400, 3e4]))


@examples
@given(*two_rates, st.floats(0.1, 1.0), *lengths)
def test_any_two_close_rates(spacing, ratio, weight, nats, horizon):
    f, slow = of_two_rates(spacing, ratio, weight, nats, horizon)
    assert covers(f, rate=slow, exponent=math.inf)


@examples
@given(*two_rates, st.floats(1.0, 10.0), *lengths)
def test_a_slow_rate_of_a_small_share_is_missed_by_little(spacing, ratio, weight, nats, horizon):
    """The spread of the rates bounds the slowest if its share is large; a tenth may be missed.

    At a share w two rates d apart have the mean d (1 - w) and the deviation d (w - w^2)^(1/2) above
    the slower one; of these two are charged. What is left, d (1 - w) - 2 d (w - w^2)^(1/2), is at
    most .31 d at w = 1/11, and a d that leaves w there over ten nats is below .2 of the rate.
    """
    f, slow = of_two_rates(spacing, ratio, weight, nats, horizon)
    low, high = f.as_rate.interval()
    assert low <= (1 + 0.31 * 0.2) * slow and slow <= high * (1 + 1e-9)


# Noise that remembers


def test_a_random_walk_beside_an_exponential():
    """exp(-.1 t) times exp of a walk by .1 a step: the residuals are smooth and small."""
    t = np.arange(101.0)
    y = np.exp(-0.1 * t + np.cumsum(0.1 * normal(0, 101)))
    assert covers(fit(t, y), rate=0.1, exponent=math.inf)


@pytest.mark.parametrize("step", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("count", [101, 200])
def test_random_walks(step, count):
    t = np.linspace(0, 400, count)
    draws = [np.exp(-0.1 * t + np.cumsum(step * normal(seed, count))) for seed in range(40)]
    most_cover([fit(t, y) for y in draws], rate=0.1, exponent=math.inf)


def test_correlated_noise():
    """exp(-.03 t) with AR(.9) noise of standard deviation .3."""
    t = np.linspace(0, 400, 200)
    y = np.exp(-0.03 * t + 0.3 * autoregressive(0.9, 1, 200))
    assert covers(fit(t, y), rate=0.03, exponent=math.inf)


@both_spacings
@pytest.mark.parametrize("rho", [0.8, 0.95])
def test_correlated_noise_of_any_memory(spacing, rho):
    t = ticks(spacing, 400.0)
    n = len(t)
    draws = [np.exp(-0.03 * t + 0.3 * autoregressive(rho, seed, n)) for seed in range(40)]
    most_cover([fit(t, y) for y in draws], rate=0.03, exponent=math.inf)


# Corrections to a power law


def test_a_logarithm_beside_a_square_root():
    """ln t / sqrt t with 2% of noise: no shift, and yet the slope is .5 - 1 / ln t."""
    t = ticks("log", 1e6, 100)
    y = np.log(t + 1) / np.sqrt(t) * np.exp(0.02 * normal(2, len(t)))
    assert covers(fit(t, y), rate=0.0, exponent=0.5)


def test_a_logarithm_alone_is_no_power():
    """1 / ln^2 t: its exponent 2 / ln t tends to 0."""
    t = ticks("log", 1e6, 100)
    assert covers(fit(t, 1 / np.log(t + 2) ** 2), rate=0.0, exponent=0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("horizon", [1e4, 1e6, 1e8])
@pytest.mark.parametrize(("p", "a"), [(0.5, 1.0), (1.0, 1.0), (1.0, 2.0), (2.0, -1.0), (0.0, -2.0)])
@pytest.mark.parametrize("sd", [0.0, 0.02])
def test_logarithms_of_any_power(p, a, horizon, sd, seed):
    """t^-p (ln t)^a."""
    t = ticks("log", horizon, 100 + 50 * seed)
    y = t**-p * np.log(t + 1 + seed) ** a * np.exp(sd * normal(seed, len(t)))
    f = fit(t, y)
    low, high = f.as_exponent.interval(1 - 1e-4)
    assert refused(f) or low <= p <= high


def test_a_crossover_that_comes_late():
    """1/t + c/t^2, equal at t = 9000 of 30000: to the eye a straight line of slope 2."""
    assert covers(fit(LOG, 1 / LOG + 9e3 / LOG**2), rate=0.0, exponent=1.0)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 1.0])
def test_crossovers_at_any_time(share):
    """1/t + c/t^2, equal at `share` of the horizon; without noise, and with 2% of it."""
    noisy = []
    for horizon in (3e3, 3e4, 3e5):
        t = ticks("log", horizon)
        y = 1 / t + share * horizon / t**2
        assert covers(fit(t, y), rate=0.0, exponent=1.0)
        noisy += [fit(t, y * np.exp(0.02 * normal(seed, len(t)))) for seed in range(12)]
    most_cover(noisy, rate=0.0, exponent=1.0)


# Waves


def test_waves_in_the_logarithm_of_t():
    """(t + 30)^-2 (1 + .5 cos(3 ln(t + 30) + 4)): two waves, the last of them rising."""
    y = (LOG + 30) ** -2 * (1 + 0.5 * np.cos(3 * np.log(LOG + 30) + 4))
    assert covers(fit(LOG, y), rate=0.0, exponent=2.0)


@examples
@given(
    st.sampled_from([1.0, 2.0]), st.floats(0.1, 0.6), st.floats(1.0, 6.0), st.floats(0, 6.28),
    st.floats(3, 100),
)  # fmt: skip
def test_any_waves_in_the_logarithm_of_t(p, height, frequency, phase, shift):
    x = np.log(LOG + shift)
    y = np.exp(-p * x) * (1 + height * np.cos(frequency * x + phase))
    assert covers(fit(LOG, y), rate=0.0, exponent=p)


# Stretched exponentials


@both_spacings
@pytest.mark.parametrize("beta", [0.7, 0.8, 0.9, 1.1, 1.3, 1.5])
@pytest.mark.parametrize("nats", [15.0, 50.0])
def test_stretched_exponentials_have_no_rate(spacing, beta, nats):
    """exp(-(t / tau)^beta): its rate tends to 0 or to infinity, which no interval holds."""
    t = ticks(spacing, 3e4)
    f = fit(t, np.exp(-nats * (t / t[-1]) ** beta))
    assert refused(f) or f.as_rate.interval()[0] <= 0 < beta < 1


# Floors


def test_a_decay_onto_rounding_keeps_its_rate():
    """exp(-.4653 t) onto a noisy 1.6e-23, a squared error's rounding: 114 of 300 ticks decay."""
    t = np.arange(300.0)
    noise = np.random.default_rng(3).random(300)
    y = np.maximum(np.exp(-0.4653 * t), 1.6e-23 * (1 + 0.2 * noise))
    f = fit(t, y)
    assert f.law == "exponential" and f.rounding and not f.stalled
    assert covers(f, rate=0.4653, exponent=math.inf)


@examples
@given(
    st.floats(0.2, 2.0), st.floats(-30, -22), st.floats(0.0, 1.0), st.integers(0, 99),
    st.floats(1e-3, 1e3),
)  # fmt: skip
def test_any_decay_onto_rounding_keeps_its_rate(rate, log_floor, scatter, seed, size):
    t = np.arange(400.0)
    floor = 10**log_floor * (1 + scatter * np.random.default_rng(seed).random(400))
    f = fit(t, size * np.maximum(np.exp(-rate * t), floor))
    assert f.law == "exponential" and f.rounding and not f.stalled
    assert covers(f, rate=rate, exponent=math.inf)


def test_a_deep_floor_is_no_stall_for_certain_unless_the_author_says_what_rounding_is():
    """A preconditioned method leaves rounding at 1e-20 to 1e-12 of where the error began."""
    t = np.unique(np.round(np.geomspace(1, 300, 90)))
    rng = np.random.default_rng(0)
    for depth in (3e-20, 1e-17, 1e-14):
        floor = depth * np.exp(0.7 * rng.standard_normal(t.size))
        y = 1e-4 * (np.exp(-0.5 * t) + floor)
        open_ = fit(t, y)
        low, high = open_.as_rate.interval()
        assert low <= 1e-9 and 0.5 <= high < 0.55, (depth, open_)
        assert "rounding" in open_.as_rate.reason
        told = fit(t, y, resolution=1e-4 * depth)
        assert told.as_rate.value == pytest.approx(0.5, rel=0.03) and not told.stalled
    # A stall that is not deep is one.
    assert fit(t, 1e-4 * (np.exp(-0.5 * t) + 1e-8)).stalled
