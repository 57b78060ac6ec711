"""Shares and means of runs: Wilson's and Student's intervals, and what shared instances do."""

import math

import numpy as np
import pytest
from scipy import stats

from matsense.fitting.estimate import Estimate
from matsense.judging.proportions import exact_interval, mean_of_groups, mean_over_seeds, share


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


def test_a_failure_never_raises_the_lower_end() -> None:
    """All of 160 succeed: at least .82, by their 20 instances. One fails: it was .96."""
    outcomes, instances, ends = np.ones(160, bool), np.repeat(np.arange(20), 8), []
    for fails in (0, 8, 24, 80):
        ends.append(share(outcomes, instances)[1][0])
        assert share(~outcomes, instances)[1][1] == pytest.approx(1 - ends[-1])
        outcomes[fails] = False
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize(
    ("p", "correlation", "least"),
    [
        (0.5, 0.0, 0.93),
        (0.8, 0.1, 0.93),
        (0.8, 0.4, 0.93),
        (0.5, 0.9, 0.93),
        (0.9, 0.4, 0.93),
        (0.95, 0.4, 0.93),
    ],
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


SEEDS = list(range(8))


def test_a_mean_keeps_what_does_not_average_away() -> None:
    values = np.linspace(0.9, 1.1, 8)
    exact = [Estimate(float(v)) for v in values]
    half = values.std(ddof=1) / math.sqrt(8) * stats.t.ppf(0.975, 7)
    assert mean_over_seeds(exact, SEEDS).interval() == pytest.approx((1 - half, 1 + half))
    bounded = [e._replace(below=0.1, above=0.01 * j) for j, e in enumerate(exact)]
    found = mean_over_seeds(bounded, SEEDS)
    assert found.interval() == pytest.approx((0.9 - half, 1.035 + half))
    # One seed is later than the horizon: the mean is at least so large.
    later = [*exact[:7], exact[7]._replace(above=math.inf)]
    assert mean_over_seeds(later, SEEDS).interval() == (pytest.approx(1 - half), math.inf)
    assert mean_over_seeds(later[5:], SEEDS[5:]).interval()[1] == math.inf
    assert math.isinf(mean_over_seeds(exact[:2], SEEDS[:2]).se)
    # An unknown error is left to the seeds.
    unknown = [e._replace(se=math.nan) for e in exact]
    assert mean_over_seeds(unknown, SEEDS) == mean_over_seeds(exact, SEEDS)


def test_the_error_of_a_mean_is_no_less_than_what_its_readings_say() -> None:
    """Three seeds that lie close by chance, or are all read with a large error."""
    close = [Estimate(1.0 + 1e-4 * j, 0.3, 20) for j in range(3)]
    found = mean_over_seeds(close, [0, 1, 2])
    assert (found.se, found.dof) == (pytest.approx(0.3 / math.sqrt(3)), pytest.approx(60))
    # Lanes that err apart shrink it; what those of a seed share shows in the scatter of seeds.
    lanes = [e._replace(value=e.value + 0.5 * j) for j, e in enumerate(close) for _ in range(10)]
    seeds = [j for j in range(3) for _ in range(10)]
    apart = mean_over_seeds([e for e in close for _ in range(10)], seeds)
    assert apart.se == pytest.approx(0.3 / math.sqrt(30))
    assert mean_over_seeds(lanes, seeds).se == pytest.approx(0.5 / math.sqrt(3), rel=1e-3)


@pytest.mark.parametrize(("seeds", "own", "between"), [(3, 1.0, 0.0), (5, 0.5, 0.5), (10, 0.1, 1)])
def test_means_over_seeds_cover(seeds: int, own: float, between: float) -> None:
    """400 data sets, three lanes a seed: one standard deviation of a coverage of 95% is 1.1%."""
    rng, covered = np.random.default_rng(seeds), 0
    for _ in range(400):
        of_seed = between * rng.standard_normal(seeds)
        read = np.repeat(of_seed, 3) + own * rng.standard_normal(3 * seeds)
        made = [Estimate(float(v), own) for v in read]
        low, high = mean_over_seeds(made, np.repeat(np.arange(seeds), 3).tolist()).interval()
        covered += low <= 0 <= high
    assert covered / 400 >= 0.92


def test_some_infinite_seeds_are_no_infinite_mean() -> None:
    """One run in eight that was taken for an exponential says nothing of the mean exponent."""
    finite = [Estimate(2.0 + 0.01 * (j % 2)) for j in range(8)]
    one = mean_over_seeds([Estimate(math.inf), *finite[1:]], SEEDS)
    assert 2.0 < one.interval()[0] < 2.005 and one.interval()[1] == math.inf
    assert mean_over_seeds([Estimate(math.inf)] * 8, SEEDS).value == math.inf
    assert mean_over_seeds([Estimate(-math.inf)] * 8, SEEDS).value == -math.inf
    both = [Estimate(math.inf), Estimate(-math.inf)] * 4
    assert math.isnan(mean_over_seeds(both, SEEDS).value)


def test_groups_that_pool_the_seeds_err_together() -> None:
    one = Estimate(1.0, 0.1, 9, "", 0.1, 0.2)
    assert mean_of_groups([one]) == one
    found = mean_of_groups([one, Estimate(2.0, 0.3, 5, "", 0.3, math.inf)])
    assert (found.value, found.se, found.dof) == pytest.approx((1.5, 0.2, 5.0))
    assert (found.below, found.above) == (pytest.approx(0.2), math.inf)


def test_the_exact_interval_is_clopper_and_pearsons() -> None:
    hits = np.array([0.0, 3.0, 40.0])
    for index, (low, high) in enumerate(zip(*exact_interval(hits, 40, 1e-3), strict=True)):
        expected = stats.binomtest(int(hits[index]), 40).proportion_ci(1 - 1e-3, method="exact")
        assert (low, high) == pytest.approx(tuple(expected), abs=1e-12)
