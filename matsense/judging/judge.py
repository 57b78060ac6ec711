"""From a claim and the runs it speaks of to a verdict; see `matsense.fitting.calibration`."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import numpy as np

from matsense.fitting.estimate import Call, Estimate, decide, outside_by, scale_of
from matsense.judging.claims import Claim
from matsense.judging.conditions import Condition
from matsense.judging.proportions import mean_of_groups, mean_over_seeds, share
from matsense.judging.runs import Run, Status

LEVEL = 0.95
# A control has power if nearly all of its units contradict the claim, not just one of many.
POWER = 0.95
# More unanswerable units than this, and a mean over the others would be a selection.
MOST_SILENT = 0.1
# Predictions of the runs of a group agree up to rounding.
AGREE = 1e-9
# Sources of sentences that may not stand in the paper as they stand here.
UNREAD = {"recalled": "the paper's text was not at hand", "abstract": "only its abstract was read"}


@dataclass(frozen=True)
class Verdict:
    """What the runs say of a claim.

    `measured` (the claim's `statistic`) and `interval` are in units of the prediction, or shares.

    `units` are the runs (or, with a trend, the groups of runs) that were compared, `contradicted`
    those among them that contradict the claim one by one; `deviation` is the smallest relative
    deviation from the prediction that these runs would have contradicted. `margin` is how far, in
    units of the prediction, the intervals lie outside the tolerance: above 0 just where the claim
    is contradicted with power (in "every run" by 95% of the units: it is theirs, the least). `held`
    counts the intervals, each at 95%, that hold an exact prediction, and all such intervals.
    `excluded` runs turned out not to be of the kind that the claim is about (an infeasible
    instance). `unmet` are the hypotheses that put runs outside, with the number of such runs.
    `window` spans the ticks used by all fits, `horizon` is the last tick of any run.
    """

    claim: Claim
    call: Call
    measured: float
    interval: tuple[float, float]
    wanted: int
    judged: int
    outside: int
    diverged: int
    failed: int
    missing: int
    units: int
    contradicted: int
    deviation: float
    window: tuple[float, float]
    horizon: float
    sentence: str
    control: "Verdict | None" = None
    excluded: int = 0
    unmet: tuple[tuple[Condition, int], ...] = ()
    margin: float = math.nan
    held: tuple[int, int] | None = None


@dataclass(frozen=True)
class Unit:
    """One run's (or one group's) estimate in units of its prediction; its seed and its instance.

    Without a name for its instance a run is taken to share it with all runs of its seed. A group
    that spans several instances goes by its first: groups along one axis share all of theirs.
    """

    estimate: Estimate
    seed: int
    instance: str

    @property
    def silent(self) -> bool:
        """Whether it has no value."""
        return math.isnan(self.estimate.value)


def compared(claim: Claim, run: Run) -> Estimate:
    """The run's estimate, divided by its own prediction if the claim has one for each run.

    With a trend it is the estimate as it is: a prediction is then the trend's, not the run's.
    """
    estimate = claim.estimate(run)
    return estimate if claim.trend is not None else _over_prediction(claim, estimate, [run])


def _over_prediction(claim: Claim, estimate: Estimate, runs: Sequence[Run]) -> Estimate:
    """An estimate in units of the prediction that is common to these runs."""
    if not callable(claim.target):
        return estimate
    predicted = [claim.target(run) for run in runs]
    for value in predicted:
        if not (math.isfinite(value) and value > 0):
            return Estimate(math.nan, reason=f"the prediction is {value:g}")
    low, high = min(predicted), max(predicted)
    if high - low > AGREE * high:
        reason = f"predictions from {low:g} to {high:g} within a group, where a trend has one"
        return Estimate(math.nan, reason=reason)
    return estimate.scaled(1 / predicted[0])


def units_of(claim: Claim, runs: Sequence[Run]) -> list[Unit]:
    """The numbers that answer the claim: one a run, or one a group along the claim's trend."""
    trend = claim.trend
    if claim.averaged:
        runs = averaged(runs)
    if trend is None:
        groups = [[run] for run in runs]
    else:
        by_key: dict[tuple, list[Run]] = {}
        for run in runs:
            by_key.setdefault(trend.group_key(run.params, run.seed), []).append(run)
        groups = list(by_key.values())
    units = []
    for group in groups:
        own = [claim.estimate(run) for run in group]
        estimate = own[0] if trend is None else trend.along([run.params for run in group], own)
        if claim.pools and not (estimate.se or estimate.below or estimate.above):
            # All seeds are in this one number: nothing else can show its error.
            estimate = estimate._replace(
                se=math.nan, reason=estimate.reason or "seeds are pooled without an error"
            )
        first = group[0]
        instance = first.instance or str(first.seed)
        units.append(Unit(_over_prediction(claim, estimate, group), first.seed, instance))
    return units


def averaged(runs: Sequence[Run]) -> list[Run]:
    """One run for each point of the grid: its recorded numbers are their means over the seeds."""
    points: dict[tuple, list[Run]] = {}
    for run in runs:
        points.setdefault((run.sweep, *sorted(run.params.items())), []).append(run)
    return [
        replace(
            own[0],
            quantities={
                name: np.mean([run.quantities[name] for run in own], axis=0)
                for name in own[0].quantities
            },
        )
        for own in points.values()
    ]


def judge(claim: Claim, runs: Iterable[Run]) -> Verdict:
    """Judges a claim on the runs that it selects, and its negative control on the control's runs.

    A claim whose control is not contradicted has been tested without power: it cannot be better
    than inconclusive. Nor can one without a control, or one with diverged, failed or missing runs
    among those it covers. A status that is not known counts as missing.
    """
    runs = [
        run if run.status in get_args(Status) else replace(run, status="missing") for run in runs
    ]
    verdict = weigh(claim, [run for run in runs if claim.runs(run)])
    if verdict.call is Call.CONTRADICTED and claim.source in UNREAD:
        why = f"What failed is our reading of the claim: {UNREAD[claim.source]}."
        verdict = replace(verdict, sentence=f"{verdict.sentence} {why}")
    if claim.control is None:
        if verdict.call is not Call.CONSISTENT:
            return verdict
        return _held_back(
            verdict, "But without a negative control nothing shows that it could fail."
        )
    # A control is there to fail: the hypotheses may be what it breaks.
    control = weigh(replace(claim, hypotheses=()), [run for run in runs if claim.control(run)])
    powerless = control.call is not Call.CONTRADICTED or (
        claim.mode == "every run" and control.contradicted < POWER * control.units
    )
    if powerless:
        control = replace(control, call=Call.INCONCLUSIVE)
    if powerless and verdict.call is Call.CONSISTENT:
        verdict = _held_back(verdict, "But the negative control was not contradicted.")
    return replace(verdict, control=control)


def _held_back(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, call=Call.INCONCLUSIVE, sentence=f"{verdict.sentence} {why}")


class _Answer(NamedTuple):
    call: Call = Call.INCONCLUSIVE
    measured: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    deviation: float = math.nan
    margin: float = math.nan
    why: str = ""


def weigh(claim: Claim, runs: Sequence[Run]) -> Verdict:
    """What these runs alone say of the claim, whoever they are and whatever a control would say."""
    unmet = [claim.unmet(run) for run in runs]
    inside = [run for run, failed in zip(runs, unmet, strict=True) if failed is None]
    outside = Counter(condition for condition in unmet if condition is not None)
    usable = [run for run in inside if run.status == "ok"]
    units = units_of(claim, usable)
    answered = [unit for unit in units if not unit.silent]
    goal = 1.0 if callable(claim.target) else claim.target
    level = 1 - (1 - LEVEL) / max(len(answered), 1)
    calls = [decide(u.estimate, goal, claim.sense, claim.tolerance, level) for u in answered]
    answer = _decide(claim, goal, units, answered, calls)
    counts = {s: sum(run.status == s for run in inside) for s in ("diverged", "failed", "missing")}
    if answer.call is Call.CONSISTENT and any(counts.values()):
        answer = answer._replace(call=Call.INCONCLUSIVE)
    against = calls.count(Call.CONTRADICTED)
    used = [fit for run in usable for fit in run._fits.values() if fit.points]
    return Verdict(
        claim,
        answer.call,
        answer.measured,
        answer.interval,
        wanted=len(runs),
        judged=len(usable),
        outside=len(runs) - len(inside),
        diverged=counts["diverged"],
        failed=counts["failed"],
        missing=counts["missing"],
        units=len(units),
        contradicted=against,
        deviation=answer.deviation,
        window=(
            min((fit.window[0] for fit in used), default=math.nan),
            max((fit.window[1] for fit in used), default=math.nan),
        ),
        horizon=max(
            (float(run.quantities["t"][-1]) for run in usable if "t" in run.quantities),
            default=math.nan,
        ),
        sentence=_sentence(claim, answer, units, against, counts, outside),
        unmet=tuple(outside.most_common()),
        excluded=sum(run.status == "excluded" for run in inside),
        margin=answer.margin,
        held=_held(claim, answered),
    )


def _decide(
    claim: Claim, goal: float, units: list[Unit], answered: list[Unit], calls: list[Call]
) -> _Answer:
    if not answered:
        return _Answer()
    scale = scale_of(goal)
    against = (goal, claim.sense, claim.tolerance)
    if claim.mode == "every run":
        level = 1 - (1 - LEVEL) / len(answered)
        if Call.CONTRADICTED in calls:
            call = Call.CONTRADICTED
        elif set(calls) == {Call.CONSISTENT} and len(answered) == len(units):
            call = Call.CONSISTENT
        else:
            call = Call.INCONCLUSIVE
        ends = np.array([unit.estimate.interval(level) for unit in answered])
        bounded = ends[np.isfinite(ends).all(axis=1)]
        widest = float(np.max(bounded[:, 1] - bounded[:, 0], initial=0.0))
        span = (float(ends[:, 0].min()), float(ends[:, 1].max()))
        middle = float(np.median([unit.estimate.value for unit in answered]))
        apart = [outside_by(unit.estimate, *against, level) for unit in units]
        least = sorted((-math.inf if math.isnan(x) else x for x in apart), reverse=True)
        margin = least[math.ceil(POWER * len(units)) - 1]
        return _Answer(call, middle, span, claim.tolerance + widest / scale, margin)
    if claim.mode == "in the mean":
        if len(units) - len(answered) > MOST_SILENT * len(units):
            return _Answer()
        estimates = [unit.estimate for unit in answered]
        seeds = [unit.seed for unit in answered]
        mean = mean_of_groups(estimates) if claim.pools else mean_over_seeds(estimates, seeds)
        low, high = mean.interval(LEVEL)
        return _Answer(
            decide(mean, *against, LEVEL),
            mean.value,
            (low, high),
            claim.tolerance + (high - low) / scale,
            outside_by(mean, *against, LEVEL),
            mean.reason,
        )
    found, (low, high) = _share_that_complies(claim, goal, units)
    q = claim.mode[1]
    call = Call.CONSISTENT if low >= q else Call.CONTRADICTED if high < q else Call.INCONCLUSIVE
    return _Answer(call, found, (low, high), high - low, (q - high) / q)


def _share_that_complies(
    claim: Claim, goal: float, units: list[Unit]
) -> tuple[float, tuple[float, float]]:
    """Those who comply beyond doubt, of all; who cannot tell may be for or against the claim.

    So the lower end counts runs without an answer as against, the upper end as for it.
    """
    calls = np.array([decide(u.estimate, goal, claim.sense, claim.tolerance, LEVEL) for u in units])
    _, instances = np.unique([unit.instance for unit in units], return_inverse=True)
    found, (low, _) = share(calls == Call.CONSISTENT, instances, LEVEL)
    _, (_, high) = share(calls != Call.CONTRADICTED, instances, LEVEL)
    return found, (low, high)


def _held(claim: Claim, answered: list[Unit]) -> tuple[int, int] | None:
    """How many 95% intervals hold an exact prediction, of those that are intervals.

    The honesty of the errors themselves, where a law is known exactly: some 95% should. Numbers
    without an error, and those known from one side, have no interval that could fail.
    """
    if claim.trend is not None or claim.sense != "equals" or not callable(claim.target):
        return None
    ends = [unit.estimate.interval(LEVEL) for unit in answered]
    ends = [(low, high) for low, high in ends if low < high and math.isfinite(high - low)]
    return (sum(bool(low <= 1 <= high) for low, high in ends), len(ends)) if ends else None


def reasons_outside(unmet: Iterable[tuple[Condition, int]]) -> list[str]:
    """The hypotheses that put runs outside, in words; one on the horizon is named as such."""
    # A horizon is what more steps mend.
    return [
        f"{count} too short: {condition.words}"
        if condition.kind == "horizon"
        else f"{count} outside: {condition.words}"
        for condition, count in unmet
    ]


def _sentence(
    claim: Claim,
    answer: _Answer,
    units: list[Unit],
    against: int,
    counts: dict[str, int],
    outside: Counter[Condition],
) -> str:
    silent = [unit.estimate.reason for unit in units if unit.silent]
    if not units and outside:
        why = "; ".join(reasons_outside(outside.most_common()))
        text = f"No run meets the hypotheses ({why})"
    elif math.isnan(answer.measured):
        text = f"No answer from {len(units)} {claim.units}"
    else:
        low, high = answer.interval
        text = (
            f"{claim.measured} {claim.prediction}: {answer.call} with {len(units)} {claim.units}, "
            f"{claim.statistic} {answer.measured:.4g} in [{low:.4g}, {high:.4g}]"
        )
    if claim.mode == "every run" and against:
        text += f"; {against} of {len(units)} contradict it one by one"
    if silent:
        text += f"; {len(silent)} gave no value ({max(set(silent), key=silent.count)})"
    unsure = [unit.estimate for unit in units if not unit.silent and _unbounded(unit.estimate)]
    if unsure and answer.call is Call.INCONCLUSIVE:
        known = [estimate.reason for estimate in unsure if estimate.reason]
        why = f" ({max(set(known), key=known.count)})" if known else ""
        text += f"; {len(unsure)} known from one side or not at all{why}"
    if answer.why and answer.call is Call.INCONCLUSIVE:
        text += f"; {answer.why}"
    lost = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    return f"{text}; {lost}." if lost else f"{text}."


def _unbounded(estimate: Estimate) -> bool:
    low, high = estimate.interval(LEVEL)
    return math.isfinite(estimate.value) and math.isinf(high - low)
