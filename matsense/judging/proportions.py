"""Shares and means of runs; runs of one instance share their data, and the errors remember it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from matsense.fitting.estimate import Estimate, pooled_dof

# Share of seeds that must be infinite for their mean to be.
NEARLY_ALL = 0.95


def share(
    outcomes: Bool[np.ndarray, " runs"], instances: Int[np.ndarray, " runs"], level: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """The share of true outcomes, and its Wilson score interval at `level`.

    Runs of an instance (its lanes) may succeed and fail together. With more than one run an
    instance, n runs therefore count as n / (1 + (m - 1) rho), m the runs of an instance (weighted
    by that number) and rho the correlation within instances, by one-way analysis of variance, at
    least 0; the normal quantile becomes Student's with one degree of freedom less than instances.
    If all outcomes are alike nothing shows the correlation, and only instances count (rho = 1);
    one outcome that differs shows little more, and no end passes the one of that case. One instance
    with several runs tells nothing: (0, 1).

    With one run an instance it is Wilson's interval itself, [wilson1927]; the effective number of
    runs as in surveys with clusters, [korn1998]. With 20 instances of 8 runs the 95% interval
    covers in 93 to 98% of data sets for shares of .5 to .95, whatever the correlation.
    """
    n, p = outcomes.size, float(outcomes.mean())
    names, group = np.unique(instances, return_inverse=True)
    clusters, sizes = names.size, np.bincount(group).astype(float)
    quantile, effective = float(special.ndtri(0.5 + level / 2)), float(n)
    if clusters < n:
        if clusters == 1:
            return p, (0.0, 1.0)
        m = float(np.sum(sizes**2)) / n
        effective = n / (1 + (m - 1) * _correlation(outcomes, group, sizes))
        quantile = float(special.stdtrit(clusters - 1, 0.5 + level / 2))
    z2 = quantile**2 / effective
    half = math.sqrt(z2 * p * (1 - p) + z2**2 / 4)
    low, high = (p + z2 / 2 - half) / (1 + z2), (p + z2 / 2 + half) / (1 + z2)
    if clusters < n:
        # One failure shows hardly more of the correlation than none: it cannot narrow the interval.
        bound = 1 / (1 + quantile**2 / clusters)
        low, high = min(low, bound), max(high, 1 - bound)
    # At a share of 0 or 1 that end is exact, and rounding must not push it outside.
    return p, (0.0 if p == 0 else low, 1.0 if p == 1 else high)


def _correlation(
    outcomes: Bool[np.ndarray, " runs"], group: np.ndarray, sizes: np.ndarray
) -> float:
    """Intraclass correlation, from the mean squares between and within the groups."""
    n, clusters, p = outcomes.size, sizes.size, float(outcomes.mean())
    shares = np.bincount(group, weights=outcomes) / sizes
    between = float(np.sum(sizes * (shares - p) ** 2)) / (clusters - 1)
    within = float(np.sum(sizes * shares * (1 - shares))) / (n - clusters)
    typical = (n - float(np.sum(sizes**2)) / n) / (clusters - 1)
    total = between + (typical - 1) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0 else 1.0


def mean_over_seeds(estimates: Sequence[Estimate], seeds: Sequence[int]) -> Estimate:
    """Mean of the seeds' means: lanes of one seed share their instance and are not independent.

    The error is the larger, at 95%, of two: the scatter of the seeds, and what the estimates' own
    standard errors would make of it if each were independent, since few seeds may lie close by
    chance. What lanes of a seed have in common, and unknown errors (`se` NaN), show in the scatter;
    fewer than three seeds show nothing, and the error is infinite. `below` and `above` do not
    average away: the mean has their mean.

    An infinite value has no mean with finite ones. If nearly all seeds are infinite so is the mean;
    otherwise the infinite ones count as the most extreme finite one, and further on is unknown.
    """
    names, group = np.unique(np.asarray(seeds), return_inverse=True)
    lanes = np.bincount(group)
    by_seed = lambda numbers: np.bincount(group, weights=numbers) / lanes  # noqa: E731
    value = np.array([e.value for e in estimates])
    finite = np.isfinite(value)
    up, down = value == math.inf, value == -math.inf
    for which in (up, down):
        if by_seed(which.astype(float)).mean() >= NEARLY_ALL:
            return Estimate(float(value[which][0]))
    if not finite.any():
        return Estimate(math.nan, reason="seeds are infinite in both directions")
    value = np.clip(value, value[finite].min(), value[finite].max())
    above = np.where(up, math.inf, [e.above for e in estimates])
    below = np.where(down, math.inf, [e.below for e in estimates])
    mean = Estimate(
        float(by_seed(value).mean()),
        below=float(by_seed(below).mean()),
        above=float(by_seed(above).mean()),
    )
    n = names.size
    if n < 3:
        return mean._replace(se=math.inf, dof=1.0, reason="fewer than 3 seeds show no error")
    own = np.nan_to_num([e.se for e in estimates], posinf=math.inf)
    variances = (own / lanes[group] / n) ** 2
    dofs = np.array([e.dof for e in estimates], dtype=float)
    known = mean._replace(se=math.sqrt(float(variances.sum())), dof=pooled_dof(variances, dofs))
    scatter = float(by_seed(value).std(ddof=1)) / math.sqrt(n)
    seen = mean._replace(se=scatter, dof=n - 1.0)
    return known if known.half_width() > seen.half_width() else seen


def mean_of_groups(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of numbers each of which pools all seeds, with an error of its own.

    Groups may share their instances and their seeds, so that their errors are averaged as if all
    erred together; nothing is gained by many groups, and nothing is lost to their differences.
    """
    if len(estimates) == 1:
        return estimates[0]
    return Estimate(
        float(np.mean([e.value for e in estimates])),
        float(np.mean([e.se for e in estimates])),
        min(e.dof for e in estimates),
        max((e.reason for e in estimates), key=len),
        float(np.mean([e.below for e in estimates])),
        float(np.mean([e.above for e in estimates])),
    )


def exact_interval(
    successes: Float[np.ndarray, "*shares"], n: int, level: float
) -> tuple[Float[np.ndarray, "*shares"], Float[np.ndarray, "*shares"]]:
    """Clopper and Pearson's interval for a share of n independent outcomes; `level` is the chance
    that it misses, at most, whatever the share: Wilson's does not keep it near 0 and 1.
    """
    low = special.betaincinv(successes, n - successes + 1, level / 2)
    high = special.betainccinv(successes + 1, n - successes, level / 2)
    return np.where(successes == 0, 0.0, low), np.where(successes == n, 1.0, high)
