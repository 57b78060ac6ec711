"""What is read off a run, or off how it moves along an axis, and what it is compared with."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import stats

from matsense.fitting import rates
from matsense.fitting.estimate import Estimate, Sense
from matsense.judging import claims
from matsense.judging.formulas import bracketed, powered, symbol
from matsense.judging.laws import Law, as_law
from matsense.judging.runs import Estimator, Run
from matsense.judging.trends import Nested, Trend

# A law as it is written: an expression, a function of what it asks for by name, or a number.
Written = Law | str | Callable[..., Any] | int | float
Mode = Literal["every run", "in the mean"] | tuple[Literal["with probability"], float]


@dataclass(frozen=True)
class Reading:
    """A number that each run gives, or with a trend each group of runs, and its name.

    The words that begin a sentence (`rate`, `exponent`, `final`, ...) make one; `scaling`,
    `spread`, ... say how it moves along an axis; `equals`, `at_most`, ... compare it. `quantities`
    are the traces that it reads, `fit` the law of one that it is a part of, once multiplied by
    `units`. With `averaged` it is read off the mean of the traces over seeds.
    """

    name: str
    of: Estimator
    quantities: tuple[str, ...] = ()
    laws: tuple[Law, ...] = ()
    trend: Trend | Nested | None = None
    averaged: bool = False
    fit: Callable[[Run], rates.Fit] | None = None
    units: tuple[Law, ...] = ()

    def __call__(self, run: Run) -> Estimate:
        """What one run gives, whatever the trend."""
        return self.of(run)

    def __truediv__(self, unit: Written) -> "Reading":
        """In units of a positive number: of the same run, or with a trend of the group's runs."""
        by = as_law(unit)
        name = f"{self.name} / {bracketed(by.name)}"
        if self.trend is None:
            return replace(
                self,
                name=name,
                of=lambda run: self.of(run).scaled(1 / by(run)),
                laws=(*self.laws, by),
                units=(*self.units, by),
            )
        known = _of_a_group(by)
        return self._then(name, lambda e, params: e.scaled(1 / known(params)), by)

    def __rsub__(self, number: int | float) -> "Reading":
        """A number less this one."""
        name = f"{number:g} - {bracketed(self.name)}"
        if self.trend is None:
            return replace(self, name=name, of=lambda run: number - self.of(run), fit=None)
        return self._then(name, lambda e, params: number - e)

    def _then(self, name: str, change: Callable[..., Estimate], *laws: Law) -> "Reading":
        """The trend's answer, changed."""
        if isinstance(self.trend, Nested):
            outer = self.trend.outer
            old = outer.then
            new: Any = replace(self.trend, outer=_after(outer, old, change))
        else:
            assert self.trend is not None
            new = _after(self.trend, self.trend.then, change)
        return replace(self, name=name, trend=new, laws=(*self.laws, *laws))

    def along(self, trend: Trend, name: str) -> "Reading":
        """How this moves along an axis; a trend of it becomes a trend of the trend."""
        nested = trend if self.trend is None else self._nested(trend)
        return replace(self, name=name, trend=nested)

    def _nested(self, outer: Trend) -> Nested:
        if isinstance(self.trend, Nested):
            raise ValueError(f"{self.name}: a trend of a trend of a trend")
        assert self.trend is not None
        return Nested(self.trend, outer)

    def scaling(self, axis: str, power: int | float = 1.0, **how: Any) -> "Reading":
        """The exponent s of this ~ (axis^power)^s."""
        place = powered(axis, power)
        return self.along(
            Trend("scaling", axis, power, **how), f"exponent of {bracketed(self.name)} in {place}"
        )

    def slope(self, axis: str, power: int | float = 1.0, **how: Any) -> "Reading":
        """Its change for each e-fold of the axis to a power."""
        place = powered(axis, power)
        return self.along(
            Trend("slope", axis, power, **how), f"change of {bracketed(self.name)} with ln {place}"
        )

    def spread(self, axis: str) -> "Reading":
        """Largest over smallest along the axis: 1 where that does not matter."""
        name = f"largest / smallest {bracketed(self.name)} over {symbol(axis)}"
        return self.along(Trend("invariance", axis), name)

    def threshold(self, axis: str, **how: Any) -> "Reading":
        """Where the share of successes (a reading of 1 against 0) crosses one half: all seeds."""
        return self.along(
            Trend("threshold", axis, **how),
            f"{symbol(axis)} at which half has {bracketed(self.name)}",
        )

    def crossing(self, axis: str, level: int | float = 0.5, **how: Any) -> "Reading":
        """Where this falls through a level along the axis."""
        name = f"{symbol(axis)} at which {self.name} = {level:g}"
        return self.along(Trend("crossing", axis, level=level, **how), name)

    def ratio(self, axis: str, over: Any, under: Any) -> "Reading":
        """Its value at one value of the axis over that at another."""
        name = f"{bracketed(self.name)}: {over} / {under}"
        return self.along(Trend("ratio", axis, pair=(over, under)), name)

    def mean_trace(self) -> "Reading":
        """Read off the traces averaged over seeds."""
        return replace(self, name=f"{self.name} of the mean over seeds", averaged=True)

    def called(self, name: str) -> "Reading":
        """The same under a name of its own."""
        return replace(self, name=name)

    def equals(self, target: Written, within: int | float = 0.0) -> "Comparison":
        """Is the target to a relative tolerance (an absolute one for a target of 0)."""
        return Comparison(self, "equals", _target(target), within)

    def at_most(self, target: Written, within: int | float = 0.0) -> "Comparison":
        """Is the target or less, to a relative tolerance."""
        return Comparison(self, "at most", _target(target), within)

    def at_least(self, target: Written, within: int | float = 0.0) -> "Comparison":
        """Is the target or more, to a relative tolerance."""
        return Comparison(self, "at least", _target(target), within)

    def between(self, low: int | float, high: int | float) -> "Comparison":
        """Lies between two numbers. Raises ValueError unless they increase."""
        if not low < high:
            raise ValueError(f"between({low:g}, {high:g}): the first is to be the smaller one")
        middle = (low + high) / 2
        return self.equals(middle, (high - low) / 2 / (abs(middle) or 1.0))


@dataclass(frozen=True)
class Comparison:
    """A reading held against a target, in every run unless it says otherwise."""

    reading: Reading
    sense: Sense
    target: float | Law
    within: int | float = 0.0
    mode: Mode = "every run"

    def in_the_mean(self) -> "Comparison":
        """The mean over seeds answers."""
        return replace(self, mode="in the mean")

    def with_probability(self, least: int | float) -> "Comparison":
        """A share of at least this of the runs answers so. Raises ValueError outside (0, 1)."""
        if not 0 < least < 1:
            raise ValueError(f"probability {least:g}: it is above 0 and below 1")
        return replace(self, mode=("with probability", float(least)))

    @property
    def measured(self) -> str:
        """The name of what is measured: in units of a target that is a law."""
        if isinstance(self.target, Law):
            return f"{self.reading.name} / {bracketed(self.target.name)}"
        return self.reading.name


def rate(quantity: str, start: Written = 0.0, floor: int | float = 0.0) -> Reading:
    """The exponential rate in nats a step that a trace tends to, from the tick `start` on.

    See `matsense.judging.claims.rate`; values at or below `floor` are known to be rounding.
    """
    begin = as_law(start)
    of = claims.rate(quantity, _number(begin), floor)
    return Reading("rate", of, (quantity,), (begin,), fit=_fitting(quantity, begin, floor))


def exponent(quantity: str, start: Written = 0.0, floor: int | float = 0.0) -> Reading:
    """The exponent p of the power law C (t + t0)^-p that a trace tends to."""
    begin = as_law(start)
    of = claims.exponent(quantity, _number(begin), floor)
    fit = _fitting(quantity, begin, floor)
    return Reading("exponent of 1/t", of, (quantity,), (begin,), fit=fit)


def pace(quantity: str, start: Written = 0.0, floor: int | float = 0.0) -> Reading:
    """The pace in nats a step over the later half of a trace: no limit is claimed."""
    begin = as_law(start)
    of = claims.local_rate(quantity, _number(begin), floor)
    return Reading("pace over the later half", of, (quantity,), (begin,))


def final(quantity: str) -> Reading:
    """The value at the last tick, or the one number that the quantity is."""
    return Reading(f"last {symbol(quantity)}", claims.final(quantity), (quantity,))


def recorded(what: Written, name: str = "") -> Reading:
    """A number of the run: a quantity, or a law of quantities and parameters; no interval.

    A law that returns an `Estimate` brings its interval.
    """
    number = as_law(what)

    def of(run: Run) -> Estimate:
        value = number(run)
        return value if isinstance(value, Estimate) else Estimate(float(value))

    return Reading(name or number.name, of, (), (number,))


def first_passage(quantity: str, level: Written) -> Reading:
    """The first tick at which a trace is at or below a level; known from one side if it never is.

    See `matsense.judging.claims.time_to`.
    """
    goal = as_law(level)
    name = f"steps until {symbol(quantity)} $\\leq$ {goal.name}"
    return Reading(name, claims.time_to(quantity, _number(goal)), (quantity,), (goal,))


def plateau(quantity: str) -> Reading:
    """The mean of a trace over the last third of its time.

    While it still moves there it is known from one side: a trace that falls ends below what it has
    been (and not below 0 if it is positive), one that rises above.

    It still moves if, over that third, a line through (the logarithm of) its last two thirds falls
    or rises by more than 5% and by more than four of its standard errors: derived here, so that a
    slow decay is not averaged. The interval is Student's for independent ticks,
    widened by how far the means of the two thirds lie apart, since neighbours may be correlated.
    """

    def of(run: Run) -> Estimate:
        t, y = run.quantities["t"], run.quantities[quantity]
        if not np.isfinite(y[-1]):
            return Estimate(math.nan, reason="diverged")
        late = t > t[-1] / 3
        thirds = y[late & (t <= 2 * t[-1] / 3)], y[t > 2 * t[-1] / 3]
        if min(map(len, thirds)) < 3:
            return Estimate(math.nan, reason="a plateau needs 3 ticks in each of its thirds")
        before, after = (float(np.mean(part)) for part in thirds)
        z = np.log(y[late]) if np.all(y[late] > 0) else y[late] / (abs(after) or 1.0)
        line = stats.linregress(t[late], z)
        drift, error = (abs(x) * t[-1] / 3 for x in (line.slope, line.stderr))
        if drift > max(4 * error, 0.05):
            reason = f"{quantity} still moves in its last third"
            if line.slope > 0:
                return Estimate(after, reason=reason, below=after - before, above=math.inf)
            least = 0.0 if np.all(y[late] > 0) else -math.inf
            return Estimate(after, reason=reason, below=after - least, above=before - after)
        n = len(thirds[1])
        scatter = float(np.std(thirds[1], ddof=1)) / math.sqrt(n)
        apart = abs(before - after)
        return Estimate(after, scatter, n - 1.0, "", apart, apart)

    return Reading(f"plateau of {symbol(quantity)}", of, (quantity,))


def limit(quantity: str) -> Reading:
    """The limit of a trace >= 0 that still moves: its last value, and how far that may be off.

    The trace may move as far again as it has over the last decade of ticks; and one that has fallen
    there by a share of ln 10 / (2 ln t) or more may go to 0, since 1 / ln t falls by twice that. No
    value from a single tick.
    """

    def of(run: Run) -> Estimate:
        t = run.quantities["t"]
        seen = np.ravel(run.quantities[quantity])[t >= t[-1] / 10]
        if len(seen) < 2:
            return Estimate(math.nan, reason="one tick shows no limit")
        value = float(seen[-1])
        fallen, risen = float(seen.max()) - value, value - float(seen.min())
        vanishes = fallen >= seen.max() * math.log(10) / (2 * math.log(t[-1]))
        return Estimate(value, below=value if vanishes else min(fallen, value), above=risen)

    return Reading(f"limit of {quantity.replace('_', ' ')}", of, (quantity,))


def deviation(quantity: str, law: Written, since: Written = 0.0) -> Reading:
    """The largest of |trace / law - 1| from a tick on; the law is evaluated at the ticks "t"."""
    curve, begin = as_law(law), as_law(since)

    def of(run: Run) -> Estimate:
        t, y = run.quantities["t"], run.quantities[quantity]
        late = t >= begin(run)
        if not late.any():
            return Estimate(math.nan, reason="the run ends before the law begins")
        apart = np.abs(y[late] / np.broadcast_to(curve(run), t.shape)[late] - 1)
        return Estimate(float(np.max(apart)))

    name = f"largest deviation of {symbol(quantity)} from {curve.name}"
    return Reading(name, of, (quantity,), (curve, begin))


def rise(quantity: str) -> Reading:
    """The largest rise of a trace from one tick to the next, relative to its largest value.

    `rise("error").at_most(0)`: it never rises.
    """

    def of(run: Run) -> Estimate:
        y = run.quantities[quantity]
        scale = float(np.max(np.abs(y))) or 1.0
        return Estimate(float(np.max(np.diff(y), initial=0.0)) / scale)

    return Reading(f"largest rise of {symbol(quantity)}", of, (quantity,))


def _number(law: Law) -> Callable[[Run], float]:
    """A law whose whole numbers are numbers too."""
    return lambda run: float(law(run))


def _fitting(quantity: str, begin: Law, floor: float) -> Callable[[Run], rates.Fit]:
    """The law that the trace follows."""
    return lambda run: run.fit(quantity, float(begin(run)), floor)


def _target(target: Written) -> float | Law:
    return float(target) if isinstance(target, int | float) else as_law(target)


def _after(trend: Trend, old: Callable[..., Estimate], change: Callable[..., Estimate]) -> Trend:
    return replace(trend, then=lambda estimate, params: change(old(estimate, params), params))


def _of_a_group(by: Law) -> Callable[[Any], float]:
    """A law of what the runs of a group have in common: their parameters."""
    return lambda params: float(by(Run("", "", params, 0)))
