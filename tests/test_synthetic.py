"""The synthetic traces are what they say, in closed form: what calibrates must itself be right."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from matsense.fitting import synthetic as draw


class Middle(np.random.Generator):
    """Draws the middle of every range: the closed form of a trace can then be written down."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def uniform(self, low=0.0, high=1.0, size=None):
        middle = (low + high) / 2
        return middle if size is None else np.full(size, middle)

    def integers(self, low, high):
        return (low + high) // 2


both = pytest.mark.parametrize("spacing", ["log", "linear"])


def middle(of: draw.Draw) -> tuple:
    return of(Middle())[:4]


def several(of: draw.Draw, count: int = 20) -> list[draw.Drawn]:
    g = np.random.default_rng(0)
    return [of(g) for _ in range(count)]


def test_noise_has_the_stated_spread_and_memory():
    g = np.random.default_rng(0)
    e = draw.normal(0.3, 0.5)(g, 20_000)
    assert e.std() == pytest.approx(0.3, rel=0.03)
    assert np.corrcoef(e[1:], e[:-1])[0, 1] == pytest.approx(0.5, abs=0.03)
    steps = np.diff(draw.walk(0.1)(g, 20_000))
    assert steps.std() == pytest.approx(0.1, rel=0.03)
    assert np.corrcoef(steps[1:], steps[:-1])[0, 1] == pytest.approx(0, abs=0.03)
    for dof in (1, 5):
        assert np.exp(draw.chi_square(dof)(g, 40_000)).mean() == pytest.approx(1, abs=0.03)
    tails = np.abs(draw.student(0.1, 3.0)(g, 40_000))
    assert np.median(tails) == pytest.approx(0.1 * stats.t.ppf(0.75, 3), rel=0.05)


def test_noise_multiplies_the_trace():
    t = np.arange(1.0, 101.0)
    found = draw.noisy(lambda g: draw.Drawn(t, t**-2, 0.0, 2.0), draw.walk(0.1))(
        np.random.default_rng(0)
    )
    walk = np.cumsum(0.1 * np.random.default_rng(0).normal(size=100))
    assert found.y == pytest.approx(t**-2 * np.exp(walk))
    assert (found.rate, found.exponent) == (0.0, 2.0)


def test_known_laws_are_drawn_as_stated():
    t, y, rate, exponent = middle(draw.power(2.0))
    assert y == pytest.approx((t + 30) ** -2.0) and (rate, exponent) == (0.0, 2.0)
    t, y, rate, exponent = middle(draw.exponential("linear", floor=(1e-3, 1e-3)))
    assert rate == pytest.approx(10**-2.5) and exponent == math.inf
    assert y == pytest.approx(np.exp(-rate * t) + 1e-3)
    t, y, rate, _ = middle(draw.exponential(start="transient"))
    assert y == pytest.approx(np.exp(-rate * t) + 30 * np.exp(-5 * rate * t))
    assert draw.ticks("linear")[0] == 0 and draw.ticks("log")[0] == 1
    t, y, rate, exponent = middle(draw.late(draw.constant("log", 0.0), 10.0, 99.0))
    assert t[0] == 10 and t[-1] <= 99 and (y == 1).all() and (rate, exponent) == (0.0, 0.0)


@both
def test_too_short_traces_are_as_short_as_stated(spacing):
    for found in several(draw.few_nats(spacing, 0.5, 3.0)):
        nats = -math.log(found.y[-1])
        assert 0.5 <= nats <= 3.0 and nats == pytest.approx(found.rate * found.t[-1])
    for found in several(draw.few_decades(spacing, 0.3, 1.5)):
        # (1 + T / t0)^-p: log10 of 1 + T / t0 are the decades of t + t0 from 0 on.
        assert 0.3 <= -math.log10(found.y[-1]) / found.exponent <= 1.5 + 1e-9
        assert 0.5 <= found.exponent <= 2.0 and found.rate == 0.0


@both
def test_two_phases_are_equal_at_the_cut(spacing):
    """Rates 40 / cut and, by the factor sqrt(20), another; both branches 1 in 2 at the cut."""
    t, y, rate, _ = middle(draw.two_phases(spacing))
    cut = t[int(0.725 * (len(t) - 1))]
    first = 40 / cut
    assert rate == pytest.approx(first / math.sqrt(20))
    sum_of_two = np.exp(-first * t) + np.exp(-first * cut - rate * (t - cut))
    assert y == pytest.approx(sum_of_two / sum_of_two[0])
    t, y, rate, _ = middle(draw.two_phases(spacing, faster=True))
    assert rate == pytest.approx(first * math.sqrt(20))
    # The smaller of two exponentials, smoothly: half their harmonic mean.
    with np.errstate(over="ignore"):
        harmonic = 1 / (np.exp(first * t) + np.exp(first * cut + rate * (t - cut)))
    inside = harmonic > 0
    assert y[inside] == pytest.approx((harmonic / harmonic[0])[inside])


@both
def test_growth_comes_at_the_end(spacing):
    for found in several(draw.growth_at_the_end(spacing)):
        z, lowest = np.log(found.y), int(np.argmin(found.y))
        assert 0.8 * len(z) - 2 <= lowest <= 0.95 * len(z)
        assert (np.diff(z[: lowest + 1]) < 0).all() and (np.diff(z[lowest:]) > 0).all()
        assert 1 <= z[-1] - z[lowest] <= 5
        assert math.isnan(found.rate) and math.isnan(found.exponent)


def test_the_smallest_of_close_rates_is_the_late_slope(monkeypatch):
    """Rates are in terms of the last tick, here 1; ticks before it look ten times as far.

    There a rate r + x has at most the weight 10 exp(-10 x) beside the smallest r, and four such
    raise the pace by at most 40 x exp(-10 x) <= 1.5.
    """
    monkeypatch.setattr(draw, "ticks", lambda spacing: np.array([0.0, 9.999, 10.001, 1.0]))
    excess = []
    for found in several(draw.close_rates("log"), 80):
        if found.rate > 60:
            continue  # nothing is left of it in double precision
        slope = math.log(found.y[1] / found.y[2]) / 0.002
        assert found.y[0] == 1 and found.rate >= 8
        excess.append(slope - found.rate)
    assert len(excess) > 20 and min(excess) > -1e-6 and max(excess) < 1.5


@both
def test_the_edge_of_a_spectrum_is_marchenko_and_pasturs(spacing):
    """Against the integral of exp(-lambda t) over the density on [(1 - q^.5)^2, (1 + q^.5)^2]."""
    t, y, rate, _ = middle(draw.spectral_edge(spacing))
    q = 0.26
    low, high = (1 - math.sqrt(q)) ** 2, (1 + math.sqrt(q)) ** 2
    density = lambda x: math.sqrt((high - x) * (x - low)) / (2 * math.pi * q * x)  # noqa: E731
    assert integrate.quad(density, low, high)[0] == pytest.approx(1)
    assert rate * t[-1] == pytest.approx(34)
    # The smallest of 400 quantiles lies a little above the edge.
    below = lambda x: integrate.quad(density, low, x)[0]  # noqa: E731
    edges = np.linspace(low, low + 0.05, 2001)
    smallest = edges[np.searchsorted([below(x) for x in edges[::20]], 0.5 / 400) * 20]
    scale = rate / smallest
    for k in np.flatnonzero(y > 1e-4)[::20]:
        exact = integrate.quad(lambda x, k=k: math.exp(-scale * x * t[k]) * density(x), low, high)
        assert y[k] == pytest.approx(exact[0], rel=0.02)


@both
def test_corrections_and_crossovers_in_closed_form(spacing):
    t, y, rate, exponent = middle(draw.logarithm(spacing, 0.5, 1.0))
    s = t + math.sqrt(4.5)
    assert y == pytest.approx(np.log(s) / np.sqrt(s)) and (rate, exponent) == (0.0, 0.5)
    assert t[-1] == 1e6
    t, y, rate, exponent = middle(draw.algebraic_factor(spacing))
    assert y == pytest.approx(np.exp(-34 * t / t[-1]) / (1 + t / math.sqrt(3000)))
    assert rate == pytest.approx(34 / t[-1])
    t, y, rate, exponent = middle(draw.crossover(spacing))
    equal = math.sqrt(0.03) * t[-1]  # the t + 1 at which both terms are 1 / (t + 1)
    assert y == pytest.approx((1 + equal / (t + 1)) / (t + 1)) and exponent == 1.0
    t, y, rate, _ = middle(draw.false_floor(spacing))
    assert math.log(y[-2] / y[-1]) / (t[-1] - t[-2]) == pytest.approx(rate)
    assert rate * t[-1] == pytest.approx(0.275)


@both
@pytest.mark.parametrize(("low", "high"), [(0.7, 0.9), (1.1, 1.5)])
def test_stretched_exponentials_are_straight_in_two_logarithms(spacing, low, high):
    for found in several(draw.stretched(spacing, low, high)):
        t, y = found.t[found.t > 0], found.y[found.t > 0]
        beta, level = np.polyfit(np.log(t / t[-1]), np.log(-np.log(y)), 1)
        assert low <= beta <= high and 10 <= math.exp(level) <= 100
        assert found.rate == (0.0 if beta < 1 else math.inf)


def test_waves_have_as_many_periods_as_stated():
    for found in several(draw.oscillating("linear", 5.0, 5.5)):
        wave = found.y * np.exp(found.rate * found.t) - 1
        assert 0.1 * 0.95 <= np.abs(wave).max() <= 0.7 + 1e-12
        assert np.sum(np.diff(np.sign(wave)) != 0) in (10, 11)
    for found in several(draw.log_periodic("log")):
        # Between a tenth and six tenths of the law, whatever its shift.
        level = found.y * (found.t + 100) ** found.exponent
        assert found.exponent in (1.0, 2.0) and level.min() > 0.4 * 0.999


# The command


def test_what_is_said_of_noise_floor_and_start():
    """The clean values are the law on its floor from the tick at which it leads."""
    for of in (draw.power(1.0, sd=0.1, transient=True), draw.exponential(sd=0.1, start="plateau")):
        d = of(np.random.default_rng(1))
        late = d.t >= d.settled
        assert 0 < d.settled < d.t[-1] and d.sd == 0.1
        # Six deviations of 200 normal numbers: false once in two million draws.
        assert np.abs(np.log(d.y / d.clean)).max() < 0.6
        law = np.log(d.clean[late])
        pace = -np.diff(law) / np.diff(d.t[late])
        if math.isinf(d.exponent):
            np.testing.assert_allclose(pace, d.rate, rtol=1e-6)
        else:
            assert (np.diff(pace) < 0).all()
    d = draw.exponential(floor=(1e-3, 1e-3))(np.random.default_rng(0))
    assert d.floor == pytest.approx(1e-3) and d.clean.min() == pytest.approx(d.floor, rel=1e-6)


def test_a_late_part_keeps_all_of_its_ticks_together():
    d = draw.late(draw.power(1.0, sd=0.1), 3e3, 3e4)(np.random.default_rng(0))
    assert len(d.t) == len(d.y) == len(d.clean) and d.t[0] >= 3e3
