"""A paper's sentence as data: an estimate per run, an optional trend, a comparison under a mode."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Estimate, Sense
from matsense.judging.conditions import Condition
from matsense.judging.runs import Estimator, Number, Run
from matsense.judging.trends import Nested, Trend

# Where a claim comes from: the paper's text was read; its abstract alone; it is recalled, the text
# not at hand; derived here; or seen in simulations here.
Source = Literal["stated", "abstract", "recalled", "derived", "measured"]


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper, or a law derived from it, in a form that runs can answer.

    - `statement` is the sentence in LaTeX, `plain` the same for a terminal; `measured` names the
      number that answers it.
    - `runs` selects whom the sentence is about, `hypotheses` whom it covers: runs that fail one of
      them are drawn, not judged. `remark` says what no test can.
    - `source` says where the sentence comes from; one that was not read may be ours alone.
    - `estimate` reads a number off each run; with `trend` the number is instead how that estimate
      moves along an axis, once a group of runs that differ in nothing else.
    - The number is compared (`sense`) with `target`, within the relative `tolerance`. A `target`
      that is a function of the run is its own prediction: the ratio is then compared with 1. With
      a trend it is the group's: what the trend gives is divided by it, and all runs of a group
      must agree on it.
    - `mode`: in "every run" each run answers (intervals widened to a familywise 95%); "in the
      mean" the mean over seeds answers; ("with probability", q) the share of runs that comply.
      Where a trend pools the seeds (a threshold), a group is one number with an interval of its
      own: "in the mean" is then the mean of the groups, whose errors are added as if they erred
      together, and no share of groups is a probability: that mode is refused.
    - `averaged` traces are means over the seeds: one number, then, for each point of the grid.
    - `control` selects runs on which the same comparison must come out contradicted; without one a
      claim is never better than inconclusive.
    """

    id: str
    cite: str
    statement: str
    plain: str
    measured: str
    runs: Callable[[Run], bool]
    estimate: Estimator
    sense: Sense
    target: float | Number
    tolerance: float = 0.0
    trend: Trend | Nested | None = None
    mode: Literal["every run", "in the mean"] | tuple[Literal["with probability"], float] = (
        "every run"
    )
    hypotheses: tuple[Condition, ...] = ()
    remark: str = ""
    control: Callable[[Run], bool] | None = None
    control_of: str = ""
    averaged: bool = False
    answer: Any = None
    source: Source = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.pools and isinstance(self.mode, tuple):
            raise InvalidInput(
                f"claim {self.id!r}, mode {self.mode[0]!r}",
                "it pools the seeds, so that no share of them can comply",
                'judge it in "every run" or "in the mean"',
            )

    @property
    def pools(self) -> bool:
        """Whether each number is that of all seeds together."""
        return self.averaged or (self.trend is not None and self.trend.pools)

    @property
    def assumes(self) -> str:
        """The hypotheses in words, and what else must be known to read the claim."""
        words = [condition.words for condition in self.hypotheses]
        return "; ".join([*words, self.remark] if self.remark else words)

    def unmet(self, run: Run) -> Condition | None:
        """The first hypothesis that the run fails, None for a run that the claim covers."""
        return next((c for c in self.hypotheses if not c.holds(run)), None)

    def covers(self, run: Run) -> bool:
        """Whether the run meets all hypotheses."""
        return self.unmet(run) is None

    @property
    def prediction(self) -> str:
        """The comparison and its mode in words, for a table."""
        sign = {"equals": "=", "at most": "<=", "at least": ">="}[self.sense]
        goal = 1.0 if callable(self.target) else self.target
        slack = ""
        if goal == 0 and self.sense != "equals":
            # With a target of 0 the tolerance is absolute, and a bound is the edge of its band.
            goal = self.tolerance if self.sense == "at most" else -self.tolerance
        elif self.tolerance:
            slack = f" within {100 * self.tolerance:g}%" if goal else f" within {self.tolerance:g}"
        return f"{sign} {goal:g}{slack}{self._mode_in_words}"

    @property
    def _mode_in_words(self) -> str:
        if self.mode == "every run":
            return ""
        if self.mode == "in the mean":
            return ", in the mean"
        return f", in {100 * self.mode[1]:g}% of {self.units} or more"

    @property
    def statistic(self) -> str:
        """What a verdict shows: the median or mean of the numbers, or the share that comply."""
        known = {"every run": "median", "in the mean": "mean"}
        return known[self.mode] if isinstance(self.mode, str) else "share"

    @property
    def units(self) -> str:
        """What is counted: runs, or the groups of them that a trend is read off."""
        return "runs" if self.trend is None else "groups of runs"


def rate(quantity: str, start: Number, resolution: float) -> Estimator:
    """Exponential rate in nats a step, of a trace that decays to `resolution` or to its end.

    It is the rate that the trace tends to, with an interval, or no value with the reason: see
    `matsense.fitting.rates.Fit.as_rate`. A power law has rate 0, which contradicts any positive
    one; a trace that has been flat for L steps has a rate in [0, 7 / L].
    """
    return lambda run: run.fit(quantity, start(run), resolution).as_rate


def exponent(quantity: str, start: Number, resolution: float) -> Estimator:
    """Exponent p of C (t + t0)^-p; +inf for an exponential law; no value for a flat trace."""
    return lambda run: run.fit(quantity, start(run), resolution).as_exponent


def local_rate(quantity: str, start: Number, resolution: float) -> Estimator:
    """The pace in nats a step over the later half of a trace: no limit is claimed.

    From half way between the first tick at or after `start` and the last one above `resolution`;
    see `matsense.fitting.rates.fit_locally`.
    """
    return lambda run: run.pace(quantity, start(run), resolution)


def final(quantity: str) -> Estimator:
    """The value at the last tick, or the one number that the quantity is: no interval."""
    return lambda run: Estimate(float(np.ravel(run.quantities[quantity])[-1]))


def time_to(quantity: str, level: float | Number) -> Estimator:
    """The first tick at which `quantity` is at or below `level`.

    The passage itself lies after the tick before (`below`). A run that never gets there answers
    too: it needs longer than its horizon, by how much is not known (`above` is infinite). `level`
    is a number, or one that is read off the run.
    """

    def estimate(run: Run) -> Estimate:
        goal = level(run) if callable(level) else level
        ticks = run.quantities["t"]
        if not math.isfinite(goal):
            return Estimate(math.nan, reason=f"the level of {quantity} is {goal:g}")
        below = np.flatnonzero(run.quantities[quantity] <= goal)
        if below.size == 0:
            reason = f"{quantity} does not reach {goal:g} within the horizon"
            return Estimate(float(ticks[-1]), reason=reason, above=math.inf)
        at = int(below[0])
        return Estimate(float(ticks[at]), below=float(ticks[at] - ticks[max(at - 1, 0)]))

    return estimate
