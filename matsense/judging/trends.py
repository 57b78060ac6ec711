"""How an estimate moves along an axis: scaling exponent, invariance, threshold, crossing."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matsense.fitting.estimate import Estimate
from matsense.judging.lines import Readings, logarithms, quotient, ratio, slope
from matsense.judging.thresholds import crossing, threshold


@dataclass(frozen=True)
class Trend:
    """Along `axis`, read as a number by `read` and taken to the power `power`, one of

    - "scaling": the exponent s of estimate ~ (axis^power)^s, by least squares on logarithms;
    - "slope": the change of the estimate per e-fold of axis^power, by least squares; estimates may
      be any numbers, such as successes of 1 against 0;
    - "invariance": largest over smallest estimate, 1 when the axis does not matter;
    - "threshold": where the share of successes (estimates of 1 against 0) crosses one half;
    - "crossing": where estimates that are shares themselves fall through `level`, interpolated;
    - "ratio": the estimate at the first value of `pair` over that at the second.

    Each keeps the errors of what it is fitted to, `below` and `above` included: an estimate that
    is known from one side gives a trend that is known from one side, or not at all
    (`matsense.judging.lines`, `matsense.judging.thresholds`). Exact numbers give an exact ratio,
    and a line the scatter about it. Where nothing shows the error (a line through two exact
    numbers, a slope of outcomes, a crossing of shares that come without one) it is unknown, `se`
    NaN: a single group then answers nothing, many seeds do.

    Groups hold runs that differ in `axis` alone; a threshold also pools the seeds. `then(estimate,
    params)` may put the answer in other units, from what the runs of the group have in common.
    """

    kind: Literal["scaling", "slope", "invariance", "threshold", "crossing", "ratio"]
    axis: str
    power: int | float = 1.0
    level: int | float = 0.5
    read: Callable[[Any], float] = float
    then: Callable[[Estimate, Mapping[str, Any]], Estimate] = lambda estimate, params: estimate
    pair: tuple[Any, ...] = ()

    @property
    def pools(self) -> bool:
        """Whether a group holds all seeds."""
        return self.kind == "threshold"

    def group_key(self, params: Mapping[str, Any], seed: int) -> tuple[Any, ...]:
        """What the runs of one group have in common."""
        others = tuple(sorted((k, v) for k, v in params.items() if k != self.axis))
        return others if self.pools else (*others, ("seed", seed))

    def along(self, params: Sequence[Mapping[str, Any]], estimates: Sequence[Estimate]) -> Estimate:
        """The trend's own estimate from the runs of one group, given by their parameters."""
        return self.then(self.of([p[self.axis] for p in params], estimates), params[0])

    def of(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        """The trend's own estimate from one group, given by its values of the axis."""
        for estimate in estimates:
            if math.isnan(estimate.value):
                return Estimate(math.nan, reason=estimate.reason)
        distinct = len(set(axis))
        needed = {"scaling": 3, "threshold": 3}.get(self.kind, 2)
        if distinct < needed:
            reason = f"{distinct} values of {self.axis} where {needed} are needed"
            return Estimate(math.nan, reason=reason)
        if self.kind == "threshold":
            return self._threshold(axis, estimates)
        if self.kind == "crossing":
            return self._crossing(axis, estimates)
        if self.kind == "ratio":
            return self._ratio(axis, estimates)
        if self.kind == "slope":
            return self._slope(axis, estimates)
        logs = logarithms(estimates)
        if isinstance(logs, Estimate):
            return logs
        if self.kind == "invariance":
            return ratio(logs)
        return slope(np.log(self.places(axis)), logs)

    def _slope(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        readings = Readings.of(estimates)
        if not np.all(np.isfinite(readings.z)):
            return Estimate(math.nan, reason="an estimate is infinite: no line goes through it")
        found = slope(np.log(self.places(axis)), readings)
        if readings.exact and set(readings.z) <= {0.0, 1.0}:
            # Three outcomes alike have no scatter, and yet they say little: seeds are the sample.
            reason = "the error of a slope of outcomes shows in many seeds alone"
            return found._replace(se=math.nan, reason=reason)
        return found

    def _threshold(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        ends = np.array([e.interval() for e in estimates])
        if np.any((ends[:, 0] < 0.5) != (ends[:, 1] < 0.5)):
            return Estimate(math.nan, reason="an outcome is neither a success nor a failure")
        return threshold(self.places(axis), ends[:, 0])

    def _crossing(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        shares, places = Readings.of(estimates), self.places(axis)
        nothing = np.zeros(len(places))
        value, *_ = crossing(places, shares.z, self.level, nothing, nothing)
        if math.isnan(value):
            return Estimate(math.nan, reason="all shares on one side of the level")
        # Shares that err together move the crossing most: that is the error stated.
        _, left, right = crossing(places, shares.z, self.level, shares.se, shares.se)
        _, first, last = crossing(places, shares.z, self.level, shares.below, shares.above)
        if shares.exact:
            reason = "the error of a crossing of shares shows in many seeds alone"
            return Estimate(value, math.nan, reason=reason)
        return Estimate(
            value,
            max(value - left, right - value),
            float(shares.dof.min()),
            below=value - first,
            above=last - value,
        )

    def _ratio(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        own = dict(zip(axis, estimates, strict=True))
        for value in self.pair:
            if value not in own:
                return Estimate(math.nan, reason=f"no run has {self.axis} = {value}")
        logs = logarithms([own[value] for value in self.pair])
        return logs if isinstance(logs, Estimate) else quotient(logs)

    def places(self, axis: Sequence[Any]) -> np.ndarray:
        """Where values of the axis stand."""
        return np.array([self.read(value) for value in axis]) ** self.power


@dataclass(frozen=True)
class Nested:
    """A trend of a trend: `inner` along its axis gives a number, `outer` is how that moves.

    For example the exponent in alpha, and how it depends on m; or the threshold in m, and whether
    it stays put along p. Groups hold runs that differ in the two axes alone; an inner threshold
    pools the seeds.
    """

    inner: Trend
    outer: Trend

    @property
    def axis(self) -> str:
        """The axis of the outer trend."""
        return self.outer.axis

    @property
    def pools(self) -> bool:
        """Whether a group holds all seeds."""
        return self.inner.pools

    def group_key(self, params: Mapping[str, Any], seed: int) -> tuple[Any, ...]:
        """What the runs of one group have in common."""
        rest = {name: value for name, value in params.items() if name != self.outer.axis}
        return self.inner.group_key(rest, seed)

    def along(self, params: Sequence[Mapping[str, Any]], estimates: Sequence[Estimate]) -> Estimate:
        """The outer trend's estimate from the inner trends of one group."""
        rows: dict[Any, list[int]] = {}
        for index, values in enumerate(params):
            rows.setdefault(values[self.outer.axis], []).append(index)
        inner = [
            self.inner.along([params[i] for i in row], [estimates[i] for i in row])
            for row in rows.values()
        ]
        return self.outer.along([params[row[0]] for row in rows.values()], inner)
