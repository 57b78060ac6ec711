"""From a claim and the runs it speaks of to a verdict; calibrated by `matsense.calibration`."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matsense.claims import Claim, Condition, Run
from matsense.estimate import Call, Estimate, decide
from matsense.shares import share

LEVEL = 0.95
# A control has power if nearly all of its units contradict the claim, not just one of many.
POWER = 0.95
# More unanswerable units than this, and a mean over the others would be a selection.
MOST_SILENT = 0.1


@dataclass(frozen=True)
class Verdict:
    """What the runs say of a claim.

    `measured` (the claim's `statistic`) and `interval` are in units of the prediction, or shares.

    `units` are the runs (or, with a trend, the groups of runs) that were compared, `contradicted`
    those among them that contradict the claim one by one; `deviation` is the smallest relative
    deviation from the prediction that these runs would have contradicted. `excluded` runs
    turned out not to be of the kind that the claim is about (an infeasible instance). `unmet` are
    the hypotheses that put runs outside, in words, with the number of such runs. `window`
    spans the ticks used by all fits, `horizon` is the last tick of any run.
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
    unmet: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Unit:
    """One run's (or one group's) estimate in units of its prediction; its seed and its instance.

    Without a name for its instance a run is taken to share it with all runs of its seed. A group
    that spans several instances goes by its first: groups along one axis share all of theirs.
    """

    estimate: Estimate
    seed: int
    instance: str


def _unit(estimate: Estimate, run: Run) -> Unit:
    return Unit(estimate, run.seed, run.instance or str(run.seed))


def compared(claim: Claim, run: Run) -> Estimate:
    """The run's estimate, divided by its own prediction if the claim has one for each run."""
    estimate = claim.estimate(run)
    if not callable(claim.target):
        return estimate
    predicted = claim.target(run)
    if not (math.isfinite(predicted) and predicted > 0):
        return Estimate(math.nan, reason=f"the prediction is {predicted:g}")
    return estimate.scaled(1 / predicted)


def units_of(claim: Claim, runs: Sequence[Run]) -> list[Unit]:
    """The numbers that answer the claim: one a run, or one a group along the claim's trend."""
    if claim.trend is None:
        return [_unit(compared(claim, run), run) for run in runs]
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        groups.setdefault(claim.trend.group_key(run.params, run.seed), []).append(run)
    return [
        _unit(
            claim.trend.along(
                [run.params for run in group], [compared(claim, run) for run in group]
            ),
            group[0],
        )
        for group in groups.values()
    ]


def judge(claim: Claim, runs: Iterable[Run]) -> Verdict:
    """Judges a claim on the runs that it selects, and its negative control on the control's runs.

    A claim whose control is not contradicted has been tested without power: it cannot be better
    than inconclusive. Nor can one with diverged, failed or missing runs among those it covers.
    """
    runs = list(runs)
    verdict = _judge(claim, [run for run in runs if claim.runs(run)])
    if claim.control is None:
        return verdict
    # A control is there to fail: the hypotheses may be what it breaks.
    control = _judge(replace(claim, hypotheses=()), [run for run in runs if claim.control(run)])
    powerless = control.call is not Call.CONTRADICTED or (
        claim.mode == "every run" and control.contradicted < POWER * control.units
    )
    if powerless:
        control = replace(control, call=Call.INCONCLUSIVE)
    if powerless and verdict.call is Call.CONSISTENT:
        sentence = f"{verdict.sentence} But the negative control was not contradicted."
        verdict = replace(verdict, call=Call.INCONCLUSIVE, sentence=sentence)
    return replace(verdict, control=control)


def _judge(claim: Claim, runs: list[Run]) -> Verdict:
    unmet = [claim.unmet(run) for run in runs]
    inside = [run for run, failed in zip(runs, unmet, strict=True) if failed is None]
    outside = Counter(condition for condition in unmet if condition is not None)
    usable = [run for run in inside if run.status == "ok"]
    units = units_of(claim, usable)
    answered = [unit for unit in units if not math.isnan(unit.estimate.value)]
    silent = [unit.estimate.reason for unit in units if math.isnan(unit.estimate.value)]
    goal = 1.0 if callable(claim.target) else claim.target
    level = 1 - (1 - LEVEL) / max(len(answered), 1)
    calls = [decide(u.estimate, goal, claim.sense, claim.tolerance, level) for u in answered]
    against = calls.count(Call.CONTRADICTED)
    call, measured, interval, deviation = _decide(claim, goal, units, answered, calls)
    counts = {s: sum(run.status == s for run in inside) for s in ("diverged", "failed", "missing")}
    if call is Call.CONSISTENT and any(counts.values()):
        call = Call.INCONCLUSIVE
    used = [fit for run in usable for fit in run._fits.values() if fit.points]
    return Verdict(
        claim,
        call,
        measured,
        interval,
        wanted=len(runs),
        judged=len(usable),
        outside=len(runs) - len(inside),
        diverged=counts["diverged"],
        failed=counts["failed"],
        missing=counts["missing"],
        units=len(units),
        contradicted=against,
        deviation=deviation,
        window=(
            min((fit.window[0] for fit in used), default=math.nan),
            max((fit.window[1] for fit in used), default=math.nan),
        ),
        horizon=max((float(run.quantities["t"][-1]) for run in usable), default=math.nan),
        sentence=_sentence(
            claim, call, measured, interval, len(units), against, silent, counts, outside
        ),
        unmet=tuple((condition.words, count) for condition, count in outside.most_common()),
        excluded=sum(run.status == "excluded" for run in inside),
    )


def _decide(
    claim: Claim, goal: float, units: list[Unit], answered: list[Unit], calls: list[Call]
) -> tuple[Call, float, tuple[float, float], float]:
    silent = len(units) - len(answered)
    nothing = (Call.INCONCLUSIVE, math.nan, (math.nan, math.nan), math.nan)
    if not answered:
        return nothing
    scale = abs(goal) if goal != 0 else 1.0
    values = np.array([unit.estimate.value for unit in answered])
    if claim.mode == "every run":
        level = 1 - (1 - LEVEL) / len(answered)
        if Call.CONTRADICTED in calls:
            call = Call.CONTRADICTED
        elif set(calls) == {Call.CONSISTENT} and not silent:
            call = Call.CONSISTENT
        else:
            call = Call.INCONCLUSIVE
        ends = np.array([unit.estimate.interval(level) for unit in answered])
        bounded = ends[np.isfinite(ends).all(axis=1)]
        widest = float(np.max(bounded[:, 1] - bounded[:, 0], initial=0.0))
        span = (float(ends[:, 0].min()), float(ends[:, 1].max()))
        return call, float(np.median(values)), span, claim.tolerance + widest / scale
    if claim.mode == "in the mean":
        if silent > MOST_SILENT * len(units):
            return nothing
        mean = _mean_over_seeds(answered)
        low, high = mean.interval(LEVEL)
        call = decide(mean, goal, claim.sense, claim.tolerance, LEVEL)
        return call, mean.value, (low, high), claim.tolerance + (high - low) / scale
    found, (low, high) = _share_that_complies(claim, goal, units)
    q = claim.mode[1]
    call = Call.CONSISTENT if low >= q else Call.CONTRADICTED if high < q else Call.INCONCLUSIVE
    return call, found, (low, high), high - low


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


def _mean_over_seeds(units: list[Unit]) -> Estimate:
    """Mean of the seeds' means: lanes of one seed share their instance and are not independent."""
    by_seed: dict[int, list[float]] = {}
    for unit in units:
        by_seed.setdefault(unit.seed, []).append(unit.estimate.value)
    means = np.array([np.mean(values) for values in by_seed.values()])
    if not np.all(np.isfinite(means)):
        return Estimate(float(means.mean()))
    if len(means) < 3:
        return Estimate(float(means.mean()), math.inf, 1.0)
    return Estimate(
        float(means.mean()), float(means.std(ddof=1) / math.sqrt(len(means))), len(means) - 1
    )


def _sentence(
    claim: Claim,
    call: Call,
    measured: float,
    interval: tuple[float, float],
    units: int,
    against: int,
    silent: list[str],
    counts: dict[str, int],
    outside: Counter[Condition],
) -> str:
    if not units and outside:
        # A hypothesis on the horizon is named as such: it is the one that more steps mend.
        why = "; ".join(
            f"{n} {'is' if n == 1 else 'are'} too short for it: {c.words}"
            if c.kind == "horizon"
            else f"{n} outside: {c.words}"
            for c, n in outside.most_common()
        )
        text = f"No run meets the hypotheses ({why})"
    elif math.isnan(measured):
        text = f"No answer from {units} {claim.units}"
    else:
        text = (
            f"{claim.measured} {claim.prediction}: {call} with {units} {claim.units}, "
            f"{claim.statistic} {measured:.4g} in [{interval[0]:.4g}, {interval[1]:.4g}]"
        )
    if claim.mode == "every run" and against:
        text += f"; {against} of {units} contradict it one by one"
    if silent:
        text += f"; {len(silent)} gave no value ({max(set(silent), key=silent.count)})"
    lost = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    return f"{text}; {lost}." if lost else f"{text}."
