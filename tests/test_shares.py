"""Shares of runs: Wilson's interval, and what lanes of one instance do to it."""

import numpy as np
import pytest
from scipy import stats

from matsense.shares import share


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 7), (39, 40), (40, 40), (320, 1000)])
def test_with_one_run_an_instance_it_is_wilsons(hits: int, n: int) -> None:
    found, interval = share(np.arange(n) < hits, np.arange(n))
    assert found == hits / n
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert interval == pytest.approx(tuple(expected), abs=1e-12)


def test_runs_that_repeat_their_instance_count_once() -> None:
    """Eight copies of each outcome: a score interval of 20 runs, with Student's quantile."""
    outcomes = np.arange(20) < 16
    copied, instances = np.repeat(outcomes, 8), np.repeat(np.arange(20), 8)
    found, (low, high) = share(copied, instances)
    assert found == 0.8
    # The ends of a score interval are the shares that lie a quantile of their own errors away.
    for end in (low, high):
        error = np.sqrt(end * (1 - end) / 20)
        assert abs(found - end) == pytest.approx(stats.t.ppf(0.975, 19) * error)
    # All alike: nothing shows that runs of an instance are more than one.
    _, (low, high) = share(np.ones(160, bool), instances)
    assert (low, high) == (pytest.approx(1 / (1 + stats.t.ppf(0.975, 19) ** 2 / 20)), 1.0)
    assert share(np.ones(9, bool), np.full(9, 4)) == (1.0, (0.0, 1.0))


def test_more_instances_tell_more_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    instances = np.repeat(np.arange(30), 6)
    outcomes = rng.random(180) < 0.7
    shuffled = rng.permutation(180)
    assert share(outcomes, instances) == share(outcomes[shuffled], instances[shuffled])
    low, high = share(outcomes, instances)[1]
    fewer = share(outcomes[:60], instances[:60])[1]
    assert high - low < fewer[1] - fewer[0]


@pytest.mark.parametrize(
    ("p", "correlation", "least"),
    [(0.5, 0.0, 0.93), (0.8, 0.1, 0.93), (0.8, 0.4, 0.93), (0.5, 0.9, 0.93), (0.9, 0.4, 0.88)],
)
def test_coverage_with_lanes_that_share_their_instance(
    p: float, correlation: float, least: float
) -> None:
    """600 data sets of 20 instances with 8 runs each, their chances beta distributed.

    One standard deviation of a coverage of 95% is .9%; the seed is fixed.
    """
    rng = np.random.default_rng(7)
    instances, covered, naive = np.repeat(np.arange(20), 8), 0, 0
    for _ in range(600):
        scale = (1 - correlation) / correlation if correlation else 0.0
        chance = rng.beta(p * scale, (1 - p) * scale, 20) if correlation else np.full(20, p)
        outcomes = rng.random(160) < np.repeat(chance, 8)
        low, high = share(outcomes, instances)[1]
        covered += low <= p <= high
        low, high = share(outcomes, np.arange(160))[1]
        naive += low <= p <= high
    assert covered / 600 >= least
    if correlation >= 0.4:
        assert naive < 0.8 * 600 < covered
