"""How an estimate moves along an axis: scaling exponent, invariance, threshold, crossing."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matsense.estimate import Estimate


@dataclass(frozen=True)
class Trend:
    """Along `axis`, read as a number by `read` and taken to the power `power`, one of

    - "scaling": the exponent s of estimate ~ (axis^power)^s, by least squares on logarithms;
    - "slope": the change of the estimate per e-fold of axis^power, by least squares; estimates may
      be any numbers, such as successes of 1 against 0;
    - "invariance": largest over smallest estimate, 1 when the axis does not matter;
    - "threshold": where the share of successes (estimates of 1 against 0) crosses one half;
    - "crossing": where estimates that are shares themselves fall through `level`, interpolated.

    Groups hold runs that differ in `axis` alone; a threshold also pools the seeds. `then(estimate,
    params)` may put the answer in other units, from what the runs of the group have in common.
    """

    kind: Literal["scaling", "slope", "invariance", "threshold", "crossing"]
    axis: str
    power: float = 1.0
    level: float = 0.5
    read: Callable[[Any], float] = float
    then: Callable[[Estimate, Mapping[str, Any]], Estimate] = lambda estimate, params: estimate

    def group_key(self, params: Mapping[str, Any], seed: int) -> tuple[Any, ...]:
        """What the runs of one group have in common."""
        others = tuple(sorted((k, v) for k, v in params.items() if k != self.axis))
        return others if self.kind == "threshold" else (*others, ("seed", seed))

    def along(self, params: Sequence[Mapping[str, Any]], estimates: Sequence[Estimate]) -> Estimate:
        """The trend's own estimate from the runs of one group, given by their parameters."""
        return self.then(self.of([p[self.axis] for p in params], estimates), params[0])

    def of(self, axis: Sequence[Any], estimates: Sequence[Estimate]) -> Estimate:
        """The trend's own estimate from one group, given by its values of the axis."""
        for estimate in estimates:
            if math.isnan(estimate.value):
                return Estimate(math.nan, reason=estimate.reason)
        y = np.array([e.value for e in estimates])
        distinct = len(set(axis))
        needed = {"scaling": 3, "threshold": 3}.get(self.kind, 2)
        if distinct < needed:
            reason = f"{distinct} values of {self.axis} where {needed} are needed"
            return Estimate(math.nan, reason=reason)
        if self.kind == "threshold":
            return threshold(self.places(axis), y)
        if self.kind == "crossing":
            return crossing(self.places(axis), y, self.level)
        if self.kind == "slope":
            # Seeds carry the error: the scatter about a line is no error of a 0-or-1 outcome.
            return Estimate(float(np.polyfit(np.log(self.places(axis)), y, 1)[0]))
        if not np.all(np.isfinite(y) & (y > 0)):
            # A rate of exactly 0 (another law) has no logarithm: the axis matters beyond any power.
            return Estimate(math.inf)
        log_se = np.array([e.se for e in estimates]) / y
        dof = min(e.dof for e in estimates)
        if self.kind == "invariance":
            high, low = int(np.argmax(y)), int(np.argmin(y))
            ratio = y[high] / y[low]
            return Estimate(ratio, ratio * math.hypot(log_se[high], log_se[low]), dof)
        return scaling(np.log(self.places(axis)), np.log(y), log_se, dof)

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


def scaling(
    log_x: np.ndarray, log_y: np.ndarray, log_se: np.ndarray, dof: float = math.inf
) -> Estimate:
    """Slope of log_y on log_x; its error is the larger of scatter and propagation."""
    centred = log_x - log_x.mean()
    spread = centred @ centred
    slope = centred @ log_y / spread
    residual = log_y - log_y.mean() - slope * centred
    free = float(len(log_x) - 2)
    scatter = residual @ residual / free / spread
    propagated = (centred**2) @ (log_se**2) / spread**2
    if propagated > scatter:
        return Estimate(float(slope), math.sqrt(propagated), dof)
    return Estimate(float(slope), math.sqrt(scatter), free)


def crossing(x: np.ndarray, share: np.ndarray, level: float) -> Estimate:
    """Where shares that fall along x pass `level`, linear between neighbours.

    Sampled shares may rise here and there: they are first made to fall, by least squares. The
    error of the answer is the scatter over seeds.
    """
    from scipy import optimize  # here: a quarter of a second that workers need not spend

    order = np.argsort(x)
    x, y = x[order], optimize.isotonic_regression(share[order], increasing=False).x
    if not y[-1] < level < y[0]:
        return Estimate(math.nan, reason="all shares on one side of the level")
    after = int(np.argmax(y < level))
    low, high = x[after - 1], x[after]
    return Estimate(float(low + (high - low) * (y[after - 1] - level) / (y[after - 1] - y[after])))


def threshold(x: np.ndarray, success: np.ndarray) -> Estimate:
    """Where the success probability crosses 1/2, by a logistic curve in log x (delta method).

    Needs overlap, outcomes out of order. Without it, even if both outcomes occur at one x between
    (quasi-separation), the likelihood has no maximum and only a bracket is known: from the last x
    with one outcome alone to the first with the other alone. Its geometric middle is returned, with
    a standard error whose 95% interval covers it all. NaN if an end of the bracket was not run.
    """
    from scipy import optimize

    log_x = np.log(x)
    failed, passed = log_x[success < 0.5], log_x[success >= 0.5]
    if failed.size == 0 or passed.size == 0:
        return Estimate(math.nan, reason="all runs on one side of the threshold")
    for first, last in ((failed, passed), (passed, failed)):
        if first.max() <= last.min():
            before, after = first[first < last.min()], last[last > first.max()]
            if before.size == 0 or after.size == 0:
                return Estimate(math.nan, reason="the threshold lies at an end of the axis")
            low, high = before.max(), after.min()
            middle = math.exp((low + high) / 2)
            return Estimate(middle, (math.exp(high) - middle) / 1.95)
    centre, width = log_x.mean(), max(float(np.ptp(log_x)), 1e-12)
    design = np.stack([np.ones_like(log_x), (log_x - centre) / width], axis=1)
    sign = np.where(success >= 0.5, 1.0, -1.0)
    solution = optimize.minimize(
        lambda b: np.logaddexp(0.0, -sign * (design @ b)).sum(), np.zeros(2), method="BFGS"
    )
    a, b = solution.x
    if b == 0:
        return Estimate(math.nan, reason="success does not depend on the axis")
    p = 1 / (1 + np.exp(-(design @ solution.x)))
    information = (design * (p * (1 - p))[:, None]).T @ design
    gradient = np.array([-1 / b, a / b**2])
    se = width * math.sqrt(gradient @ np.linalg.solve(information, gradient))
    value = math.exp(centre - width * a / b)
    return Estimate(value, value * se, len(x) - 2)
