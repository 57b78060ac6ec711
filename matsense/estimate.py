"""One measured number with its uncertainty, and the decision whether it agrees with a target."""

import math
from enum import StrEnum
from typing import Literal, NamedTuple

from scipy import special

Sense = Literal["equals", "at most", "at least"]


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
    another reason than noise (a law that has yet to settle): seeds do not average them away.
    """

    value: float
    se: float = 0.0
    dof: float = math.inf
    reason: str = ""
    below: float = 0.0
    above: float = 0.0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Student interval at `level`, widened by `below` and `above`; (-inf, inf) for no value."""
        if math.isnan(self.value) or math.isnan(self.se):
            return -math.inf, math.inf
        if math.isinf(self.value):
            return self.value, self.value
        half = self.se * float(special.stdtrit(self.dof, 0.5 + level / 2)) if self.se else 0.0
        return self.value - self.below - half, self.value + self.above + half

    def scaled(self, factor: float) -> "Estimate":
        """The estimate in other units: times `factor`, errors and all."""
        below, above = self.below * abs(factor), self.above * abs(factor)
        if factor < 0:
            below, above = above, below
        return self._replace(
            value=self.value * factor, se=self.se * abs(factor), below=below, above=above
        )


def decide(
    estimate: Estimate, target: float, sense: Sense, tolerance: float, level: float = 0.95
) -> Call:
    """Holds the whole interval against the band target * (1 -+ tolerance).

    Consistent when the interval lies inside the band, contradicted when it lies outside, and
    inconclusive when it straddles an edge: an equivalence test, so that a wide interval can never
    read as agreement. `tolerance` is relative; with target 0 it is absolute. "at most" and
    "at least" use the one edge of the band that concerns them.
    """
    low, high = estimate.interval(level)
    slack = tolerance * (abs(target) if target != 0 else 1.0)
    floor = -math.inf if sense == "at most" else target - slack
    ceiling = math.inf if sense == "at least" else target + slack
    if floor <= low and high <= ceiling and not math.isnan(estimate.value):
        return Call.CONSISTENT
    if high < floor or low > ceiling:
        return Call.CONTRADICTED
    return Call.INCONCLUSIVE
