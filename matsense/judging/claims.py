"""A paper's sentence as data: an estimate per run, an optional trend, a comparison under a mode."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from matsense.errors import InvalidInput
from matsense.fitting import rates
from matsense.fitting.estimate import Estimate, Sense
from matsense.judging.trends import Nested, Trend

Status = Literal["ok", "diverged", "failed", "excluded", "missing"]


@dataclass(frozen=True)
class Run:
    """One point of a grid and one seed, with what was recorded of it.

    `quantities` maps names to arrays: "t" (ticks) and, along the same leading axis or as scalars,
    whatever the trial recorded. A run that is wanted but not stored has status "missing" and no
    quantities; a diverged run keeps its numbers, NaN included; an excluded one (an infeasible
    instance) is one that no claim is about, and `message` says why. Runs of one `instance` share
    their data, and are not independent. `derived` are sizes that follow from the parameters, such
    as a horizon that depends on the method. `program` names what computes it, `precision` says in
    which arithmetic, `seconds` how long that took.
    """

    id: str
    sweep: str
    params: Mapping[str, Any]
    seed: int
    status: Status = "missing"
    quantities: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    message: str = ""
    instance: str = ""
    derived: Mapping[str, Any] = field(default_factory=dict, repr=False)
    program: str = ""
    precision: str = ""
    seconds: float = 0.0
    # Not handed on by `replace`: another run's numbers have other fits.
    _fits: dict[tuple[str, float, float], rates.Fit] = field(
        default_factory=dict, repr=False, init=False
    )

    def fit(self, quantity: str, start: float = 0.0, resolution: float = 0.0) -> rates.Fit:
        """The law that `quantity` follows from tick `start` on, above the rounding level
        `resolution`; computed once a run.
        """
        asked = (quantity, start, resolution)
        if asked not in self._fits:
            t, y = self.quantities["t"], self.quantities[quantity]
            self._fits[asked] = rates.fit(t, y, start=start, resolution=resolution)
        return self._fits[asked]


Number = Callable[[Run], float]
Estimator = Callable[[Run], Estimate]
OfParams = Callable[[Mapping[str, Any]], bool]

# Where a claim comes from: the paper's text was read; its abstract alone; it is recalled, the text
# not at hand; derived here; or seen in simulations here.
Source = Literal["stated", "abstract", "recalled", "derived", "measured"]


def everything(params: Mapping[str, Any]) -> bool:
    """Every point of a grid."""
    return True


class Condition(NamedTuple):
    """One hypothesis of a claim, written once: the words that are printed and what is tested.

    `kind` is "setting" (sizes, steps, starts), "horizon" (the run is long enough to show what is
    claimed) or "event" (something that must have happened in the run).
    """

    words: str
    holds: Callable[[Run], bool]
    kind: Literal["setting", "horizon", "event"] = "setting"


def given(words: str, test: OfParams) -> Condition:
    """A hypothesis on a run's parameters."""
    return Condition(words, lambda run: bool(test(run.params)))


def lasting(words: str, test: OfParams) -> Condition:
    """A hypothesis that the horizon of a run, by its parameters, is long enough to tell."""
    return Condition(words, lambda run: bool(test(run.params)), "horizon")


def happened(words: str, test: Callable[[Run], bool]) -> Condition:
    """A hypothesis on what a run recorded; one that did not finish is missed, not excused."""
    return Condition(words, lambda run: run.status != "ok" or bool(test(run)), "event")


def of(
    *sweeps: str,
    where: OfParams = everything,
    seen: Callable[[Mapping[str, Any]], bool] = lambda quantities: True,
) -> Callable[[Run], bool]:
    """Selects runs by sweep and parameters, and by what was seen of those that finished.

    A run that did not finish is selected whatever it would have shown: it is missed, not dropped.
    """
    return lambda run: (
        run.sweep in sweeps and where(run.params) and (run.status != "ok" or seen(run.quantities))
    )


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
    hypotheses: tuple[Any, ...] = ()
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

    def unmet(self, run: Run) -> Any:
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

    def estimate(run: Run) -> Estimate:
        t, y = run.quantities["t"], run.quantities[quantity]
        return rates.fit_locally(t, y, start=start(run), resolution=resolution)

    return estimate


def recorded(value: Number) -> Estimator:
    """A number that the run carries exactly, up to rounding: no interval."""

    def estimate(run: Run) -> Estimate:
        return Estimate(float(value(run)))

    return estimate


def relative(estimator: Estimator, unit: Number) -> Estimator:
    """An estimate in units of a positive number of the same run."""

    def estimate(run: Run) -> Estimate:
        return estimator(run).scaled(1 / unit(run))

    return estimate


def last(quantity: str) -> Number:
    """The value of `quantity` at the last tick, or the one number that it is."""
    return lambda run: float(np.asarray(run.quantities[quantity]).reshape(-1)[-1])


def final(quantity: str) -> Estimator:
    """`last`, as an estimate."""
    return recorded(last(quantity))


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
