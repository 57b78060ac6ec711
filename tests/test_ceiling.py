"""The nearest rival law, and the power that no honest judge can pass."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from matsense.fitting import synthetic as draw
from matsense.fitting.ceiling import (
    CERTAIN,
    FARTHEST,
    Rival,
    ceiling,
    distance,
    leaving_out_both,
    nearest,
)


def drawn(spec, seed=0):
    return spec(np.random.default_rng(seed))


def test_the_distance_to_an_exponential_is_that_of_a_straight_line():
    """log y is a line of slope -r: one of slope -v lies |r - v| sd(t) sqrt(n) / noise away."""
    d = drawn(draw.exponential("linear", 0.1, rate=(1e-3, 1e-3)))
    rate = 0.999 * d.rate
    rival = Rival(lambda q, t: -rate * t - q[0], (0.0,), (1.0,))
    expected = (d.rate - rate) * d.t.std() * math.sqrt(len(d.t)) / d.sd
    # The first residual of a whitened sequence without memory has the weight of all others.
    assert distance(d, rival) == pytest.approx(expected, rel=1e-6)


def test_the_distance_knows_of_memory():
    """Against the generalised least squares that inverts the whole covariance."""
    d = drawn(draw.exponential("linear", 0.1, rho=0.6, rate=(1e-3, 1e-3)))
    rate = 0.999 * d.rate
    n = len(d.t)
    covariance = d.sd**2 * d.rho ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    inverse = np.linalg.inv(covariance)
    apart = (d.rate - rate) * d.t
    ones = np.ones(n)
    apart = apart - ones @ inverse @ apart / (ones @ inverse @ ones)
    rival = Rival(lambda q, t: -rate * t - q[0], (0.0,), (1.0,))
    assert distance(d, rival) == pytest.approx(math.sqrt(apart @ inverse @ apart), rel=1e-5)


def test_without_noise_everything_can_be_told():
    d = drawn(draw.power(1.0, "log"))
    assert ceiling(d, 0.1) == stats.norm.cdf(FARTHEST - CERTAIN) > 1 - 1e-9


@pytest.mark.parametrize("off", [0.1, 0.25])
def test_more_noise_lowers_the_ceiling(off):
    most = [ceiling(drawn(draw.power(1.0, "linear", sd)), off) for sd in (0.01, 0.1, 1.0)]
    assert most[0] > most[1] > most[2]
    # Whoever answers at random with one error in twenty has that power.
    assert most[2] > stats.norm.cdf(-CERTAIN)


def test_the_ceiling_is_that_of_the_likelihood_ratio():
    """The best test between the law and its nearest rival, tried on draws of both."""
    d = drawn(draw.power(1.0, "linear", 0.1), seed=3)
    g = np.random.default_rng(0)
    t, z, off = d.t, np.log(d.clean), 0.25
    use = t >= d.settled

    def rival(q):
        return -(1 - off) * np.log(t + np.exp(q[0])) + q[1] * np.log(np.log(t + q[2])) + q[3]

    low, high = [0, -2, 1.5, -np.inf], [math.log(0.1 * t[-1]), 2, 3, np.inf]
    fitted = [
        optimize.least_squares(
            lambda q: (rival(q) - z)[use] / d.sd, [s, a, 2.0, 0.0], bounds=(low, high)
        )
        for s in (1.0, 4.0)
        for a in (-1.5, 0.0)
    ]
    apart = min(fitted, key=lambda f: f.cost).fun
    least = min(np.linalg.norm(side) for side in nearest(d, off))
    assert least <= math.sqrt(apart @ apart) * (1 + 1e-4)
    noise = g.standard_normal((20000, use.sum()))
    of_rival, of_law = noise @ apart + apart @ apart, noise @ apart
    # Reject the rival where its statistic lies below the twentieth of its own draws.
    power = (of_law < np.quantile(of_rival, 0.05)).mean()
    assert ceiling(d, off) <= power + 0.02


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0, 4.0])
def test_two_rivals_at_once_bound_more_than_one(apart):
    """Of a normal mean 0 against -d and d the best test is |x| < c, by symmetry."""
    d = np.array([apart])
    c = optimize.brentq(
        lambda c: stats.norm.cdf(c - apart) - stats.norm.cdf(-c - apart) - 0.05, 0, 9
    )
    exact = 2 * stats.norm.cdf(c) - 1
    assert leaving_out_both(d, -d) == pytest.approx(exact, abs=0.01)
    assert exact <= stats.norm.cdf(apart - CERTAIN)
    # One rival twice is one rival.
    assert leaving_out_both(d, d) == pytest.approx(stats.norm.cdf(apart - CERTAIN), abs=0.01)


def test_a_rival_farther_off_bounds_as_well():
    """Above a floor, a slow power that crosses over lies nearer than any that is 25% off."""
    d = drawn(draw.power(1.0, "log", 0.1, shift=(3.0, 15.0), crossing=(1e4, 3e4)))
    assert ceiling(d, 0.25) < 0.5
