"""One measured number with its uncertainty, and the decision whether it agrees with a target."""

import math
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

Sense = Literal["equals", "at most", "at least"]

LEVEL = 0.95  # of every interval, unless it says otherwise
FAMILYWISE = 1 - (1 - LEVEL) / 200  # the level at which one of 200 runs contradicts a claim


class Call(StrEnum):
    """The three answers. Nothing is ever "proved": a consistent claim has survived one sweep."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"


class Estimate(NamedTuple):
    """A number read off one run (or one group of runs), with its standard error.

    `value` may be infinite: the exponent of a trace that is seen to be exponential is +inf, which
    contradicts every bound on an exponent. It is NaN where the run cannot answer; `reason` then
    says why in one sentence. `below` and `above` say how far the truth may lie from `value` for
    another reason than noise (a law that has yet to settle, an event that is still to come): seeds
    do not average them away, and one of them may be infinite. An `se` of 0 is that of a number
    known exactly, NaN that of one whose error nothing shows: alone it answers nothing.
    """

    value: float
    se: float = 0.0
    dof: float = math.inf
    reason: str = ""
    below: float = 0.0
    above: float = 0.0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Student interval at `level`, widened by `below` and `above`; (-inf, inf) for no value."""
        below, above = (math.inf if math.isnan(x) else x for x in (self.below, self.above))
        if math.isnan(self.value) or math.isnan(self.se):
            return -math.inf, math.inf
        if math.isinf(self.value):
            # Beyond every number: no finite width brings it back.
            low = -math.inf if below == math.inf else self.value
            return low, math.inf if above == math.inf else self.value
        half = self.half_width(level)
        return self.value - below - half, self.value + above + half

    def half_width(self, level: float = 0.95) -> float:
        """What noise alone makes of the interval at `level`, on either side."""
        if not self.se:
            return 0.0
        quantile = float(special.stdtrit(self.dof, 0.5 + level / 2)) if self.dof > 0 else math.inf
        return self.se * quantile

    def scaled(self, factor: float) -> "Estimate":
        """The estimate in other units: times `factor`, errors and all."""
        below, above = self.below * abs(factor), self.above * abs(factor)
        if factor < 0:
            below, above = above, below
        return self._replace(
            value=self.value * factor, se=self.se * abs(factor), below=below, above=above
        )

    def __rsub__(self, number: int | float) -> "Estimate":
        """`number - estimate`, errors and all."""
        return self._replace(value=number - self.value, below=self.above, above=self.below)


def pooled_dof(variances: np.ndarray, dofs: np.ndarray) -> float:
    """Degrees of freedom of a sum of independent variances, [welch1947] (Satterthwaite's rule)."""
    if np.any(np.isinf(variances)):
        return 1.0  # of an error that is infinite whatever its degrees of freedom
    counted = variances > 0
    with np.errstate(divide="ignore"):
        lost = float(np.sum(variances[counted] ** 2 / dofs[counted]))
    return float(np.sum(variances)) ** 2 / lost if lost > 0 else math.inf


def band(target: float, sense: Sense, tolerance: float) -> tuple[float, float]:
    """The values that agree with `target`: target * (1 -+ tolerance), or one edge of that.

    `tolerance` is relative; with target 0 it is absolute. "at most" and "at least" use the one
    edge that concerns them.
    """
    slack = tolerance * scale_of(target)
    floor = -math.inf if sense == "at most" else target - slack
    return floor, math.inf if sense == "at least" else target + slack


def scale_of(target: float) -> float:
    """What deviations from a target are relative to: its size, or 1 for a target of 0."""
    return abs(target) if target != 0 else 1.0


def outside_by(
    estimate: Estimate, target: float, sense: Sense, tolerance: float, level: float = 0.95
) -> float:
    """How far the interval lies outside the band, relative to the target: > 0 contradicts it.

    Where they overlap it is the negative of how far; NaN without a value.
    """
    if math.isnan(estimate.value) or math.isnan(estimate.se):
        return math.nan
    low, high = estimate.interval(level)
    floor, ceiling = band(target, sense, tolerance)
    return max(floor - high, low - ceiling) / scale_of(target)


def decide(
    estimate: Estimate, target: float, sense: Sense, tolerance: float, level: float = 0.95
) -> Call:
    """Holds the whole interval against the `band` of the target.

    Consistent when the interval lies inside the band, contradicted when it lies outside, and
    inconclusive when it straddles an edge: an equivalence test, so that a wide interval can never
    read as agreement. Without a value, or with an error that nothing shows, it is inconclusive.
    """
    if math.isnan(estimate.value) or math.isnan(estimate.se):
        return Call.INCONCLUSIVE
    low, high = estimate.interval(level)
    floor, ceiling = band(target, sense, tolerance)
    if floor <= low and high <= ceiling:
        return Call.CONSISTENT
    if high < floor or low > ceiling:
        return Call.CONTRADICTED
    return Call.INCONCLUSIVE
