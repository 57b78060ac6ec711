"""What a verdict needs beside its own runs: a control, its margin, predictions, known errors."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call, Estimate
from matsense.judging.claims import Claim, final, time_to
from matsense.judging.conditions import given, happened, lasting
from matsense.judging.judge import Verdict, judge, weigh
from matsense.judging.runs import Run
from matsense.judging.trends import Nested, Trend
from tests.test_judge import a_claim, a_run

T = np.arange(0, 401, 5.0)


def controlled(**changes) -> Claim:  # type: ignore[no-untyped-def]
    return a_claim(control=lambda run: run.sweep == "control", **changes)


def with_error(se: float):  # type: ignore[no-untyped-def]
    """Reads the number x of a run, with a standard error."""
    return lambda run: Estimate(float(run.quantities["x"][0]), se)


GOOD = [a_run(1.0, s) for s in range(20)]


def test_without_a_control_nothing_is_consistent() -> None:
    verdict = judge(a_claim(), GOOD)
    assert verdict.call is Call.INCONCLUSIVE
    assert "without a negative control" in verdict.sentence
    assert judge(a_claim(), [a_run(2.0)]).call is Call.CONTRADICTED
    assert judge(controlled(), [*GOOD, a_run(2.0, 0, "control")]).call is Call.CONSISTENT


def test_a_status_that_is_not_known_counts_as_missing() -> None:
    odd, control = a_run(1.0, 99), a_run(2.0, 99, "control")
    for run in (odd, control):
        object.__setattr__(run, "status", "exploded")  # as a store of another version may say
    for call, runs in ((Call.INCONCLUSIVE, GOOD), (Call.CONTRADICTED, [a_run(2.0)])):
        verdict = judge(controlled(), [*runs, odd, a_run(2.0, 0, "control")])
        assert (verdict.call, verdict.missing, verdict.judged) == (call, 1, len(runs))
    # Nor can a control rest on such runs.
    powerless = judge(controlled(), [*GOOD, control])
    assert powerless.call is Call.INCONCLUSIVE and powerless.control is not None
    assert powerless.control.missing == 1


def margin(claim: Claim, values: list[float]) -> float:
    runs = [a_run(x, s, "control") for s, x in enumerate(values)]
    verdict = judge(claim, [*GOOD, *runs])
    assert isinstance(verdict.control, Verdict)
    # A margin above 0 is what a control's contradiction is.
    assert (verdict.control.margin > 0) == (verdict.control.call is Call.CONTRADICTED)
    return verdict.control.margin


def test_the_margin_of_a_control_is_that_of_the_unit_that_decides() -> None:
    """Distance from the interval to the band of 1 -+ 5%, for all but one in twenty."""
    assert margin(controlled(), [2.0, 1.5, 0.8]) == pytest.approx(0.15)
    assert margin(controlled(), [*[2.0] * 18, 1.2, 1.0]) == pytest.approx(0.15)
    assert margin(controlled(), [*[2.0] * 18, 1.03, 1.0]) == pytest.approx(-0.02)
    assert margin(controlled(target=10.0, tolerance=0.1), [2.0, 8.0]) == pytest.approx(0.1)
    assert margin(controlled(), [2.0, math.nan]) == -math.inf
    wide = margin(controlled(estimate=with_error(0.1)), [2.0])
    assert wide == pytest.approx(0.95 - 0.196, abs=1e-3)
    mean = margin(controlled(mode="in the mean", estimate=with_error(0.1)), [2.0, 2.0, 2.0])
    assert mean == pytest.approx(0.95 - 0.196 / math.sqrt(3), abs=1e-3)
    shares = margin(controlled(mode=("with probability", 0.9)), [2.0] * 60)
    assert shares == pytest.approx(1 - 0.0602 / 0.9, abs=1e-3)


def test_intervals_that_hold_an_exact_prediction_are_counted() -> None:
    """At 95% each, whatever the familywise level; numbers without an interval are left out."""
    claim = a_claim(target=lambda run: 2.0, estimate=with_error(0.1), tolerance=0.5)
    runs = [a_run(x, s) for s, x in enumerate((2.0, 2.15, 2.25, 1.9, math.nan))]
    assert weigh(claim, runs).held == (3, 4)
    assert weigh(replace(claim, sense="at most"), runs).held is None
    assert weigh(replace(claim, target=2.0), runs).held is None
    assert weigh(replace(claim, estimate=final("x")), runs).held is None
    late = replace(claim, estimate=lambda run: Estimate(2.0, 0.1, above=math.inf))
    assert weigh(late, runs).held is None


def test_what_was_not_read_is_our_reading() -> None:
    for source, words in (("recalled", "not at hand"), ("abstract", "abstract"), ("stated", "")):
        sentence = judge(a_claim(source=source), [a_run(2.0)]).sentence
        assert ("our reading" in sentence) == bool(words)
        assert words in sentence
        assert "our reading" not in judge(a_claim(source=source), GOOD).sentence


def test_hypotheses_that_put_runs_outside_are_named_by_their_kind() -> None:
    claim = a_claim(
        hypotheses=(
            given("alpha < .5", "alpha < 0.5"),
            lasting("horizon of 20 burn-ins", "steps >= 20"),
            happened("the step was triggered", lambda x: x[0] > 0),
        )
    )
    runs = [a_run(1.0, s, alpha=0.1, steps=2) for s in range(3)] + [
        a_run(1.0, 3, alpha=0.9, steps=2), a_run(-1.0, 4, alpha=0.1, steps=99),
    ]  # fmt: skip
    sentence = judge(claim, runs).sentence
    assert "3 too short: horizon of 20 burn-ins" in sentence
    assert "1 outside: alpha < .5" in sentence and "1 outside: the step was trigg" in sentence


@given_values(
    values=st.lists(st.floats(0.5, 1.5), min_size=1, max_size=30),
    se=st.floats(0, 0.2), more=st.floats(0, 1) | st.just(math.inf), off=st.floats(0, 1),
    sense=st.sampled_from(["equals", "at most", "at least"]),
    mode=st.sampled_from(["every run", "in the mean", ("with probability", 0.7)]),
)  # fmt: skip
def test_knowing_less_of_every_run_never_makes_an_answer(
    values: list[float], se: float, more: float, off: float, sense: Any, mode: Any
) -> None:
    """In each mode, for runs of one instance each: wider intervals, or looser bounds."""
    runs = [a_run(x, s) for s, x in enumerate(values)]
    claim = a_claim(sense=sense, mode=mode, estimate=with_error(se), tolerance=0.1)
    before = weigh(claim, runs).call
    assert weigh(replace(claim, estimate=with_error(se + more)), runs).call in (
        before, Call.INCONCLUSIVE,
    )  # fmt: skip
    loose = lambda run: with_error(se)(run)._replace(below=off, above=off)  # noqa: E731
    assert weigh(replace(claim, estimate=loose), runs).call in (before, Call.INCONCLUSIVE)


# Predictions and trends


def success(m: float, p: float, seed: int, factor: float) -> Run:
    """A run that succeeds from m = factor * 100 / (1 - p) on, up to luck."""
    luck = np.random.default_rng([seed, int(m)]).logistic() / 4
    won = math.log(m * (1 - p) / (100 * factor)) > luck
    return a_run(float(won), seed, m=m, p=p)


def phase(factor: float) -> list[Run]:
    return [
        success(m, p, seed, factor)
        for p in (0.0, 0.5) for m in np.geomspace(20, 2000, 13).tolist() for seed in range(40)
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["every run", "in the mean"])
def test_a_prediction_is_held_against_the_trend(mode: str) -> None:
    """The law of a threshold, 100 / (1 - p): dividing outcomes by it first made them all fail."""
    claim = a_claim(
        trend=Trend("threshold", "m"), mode=mode, tolerance=0.3,
        target=lambda run: 100 / (1 - run.params["p"]),
    )  # fmt: skip
    verdict = weigh(claim, phase(1.0))
    assert (verdict.call, verdict.units) == (Call.CONSISTENT, 2)
    assert verdict.measured == pytest.approx(1.0, abs=0.15)
    assert weigh(claim, phase(2.0)).call is Call.CONTRADICTED


def test_a_prediction_that_moves_along_the_trend_is_refused() -> None:
    claim = a_claim(trend=Trend("threshold", "m"), target=lambda run: run.params["m"])
    verdict = weigh(claim, phase(1.0))
    assert verdict.call is Call.INCONCLUSIVE
    assert "within a group" in verdict.sentence
    nothing = replace(claim, target=lambda run: 0.0)
    assert "the prediction is 0" in weigh(nothing, phase(1.0)).sentence


def test_a_share_of_pooled_groups_is_no_probability() -> None:
    with pytest.raises(InvalidInput, match=r'pools the seeds.*judge it in "every run"'):
        a_claim(trend=Trend("threshold", "m"), mode=("with probability", 0.9))
    nested = Nested(Trend("threshold", "m"), Trend("invariance", "p"))
    with pytest.raises(InvalidInput):
        a_claim(trend=nested, mode=("with probability", 0.9))
    a_claim(trend=Nested(Trend("scaling", "m"), nested.outer), mode=("with probability", 0.9))


@pytest.mark.parametrize("mode", ["every run", "in the mean"])
def test_a_pooled_number_answers_by_its_own_interval_or_not_at_all(mode: str) -> None:
    one = [run for run in phase(1.0) if run.params["p"] == 0.0]
    claim = a_claim(trend=Trend("threshold", "m"), mode=mode, target=100.0, tolerance=0.3)
    verdict = weigh(claim, one)
    assert (verdict.call, verdict.units) == (Call.CONSISTENT, 1)
    low, high = claim.trend.along(  # type: ignore[union-attr]
        [run.params for run in one], [claim.estimate(run) for run in one]
    ).interval()
    assert verdict.interval == pytest.approx((low, high))
    assert weigh(replace(claim, target=300.0), one).call is Call.CONTRADICTED
    # What loses the error on the way is no exact number.
    lost = replace(claim.trend, then=lambda estimate, params: Estimate(estimate.value))  # type: ignore[type-var]
    for target in (100.0, 300.0):
        assert weigh(replace(claim, trend=lost, target=target), one).call is Call.INCONCLUSIVE


def test_a_slope_of_outcomes_needs_seeds() -> None:
    """Three failures have slope 0 exactly; that is no evidence that it is not 0.3."""
    runs = [a_run(0.0, s, alpha=math.e**j) for s in range(3) for j in range(3)]
    claim = a_claim(target=0.3, trend=Trend("slope", "alpha"))
    assert weigh(claim, runs).call is Call.INCONCLUSIVE
    mixed = [a_run(float(s % 4 > 2 - j), s, alpha=math.e**j) for s in range(60) for j in range(3)]
    assert weigh(replace(claim, tolerance=0.5), mixed).call is Call.INCONCLUSIVE
    assert weigh(replace(claim, tolerance=0.5, mode="in the mean"), mixed).call is Call.CONSISTENT


# First passages that never come


def decaying(rate: float, seed: int = 0, sweep: str = "main") -> Run:
    return Run(f"{sweep}{seed}", sweep, {}, seed, "ok", {"t": T, "e": np.exp(-rate * T)})


def test_a_passage_that_never_comes_is_evidence() -> None:
    """Within 400 steps: it contradicts every bound below that, and no bound above."""
    never = [decaying(0.001, s) for s in range(4)]
    claim = controlled(estimate=time_to("e", 0.01), sense="at most", target=100.0, tolerance=0.0)
    verdict = weigh(claim, never)
    assert (verdict.call, verdict.contradicted) == (Call.CONTRADICTED, 4)
    assert weigh(replace(claim, sense="equals"), never).call is Call.CONTRADICTED
    assert weigh(replace(claim, sense="at least"), never).call is Call.CONSISTENT
    longer = weigh(replace(claim, target=500.0), never)
    assert longer.call is Call.INCONCLUSIVE
    assert "e does not reach 0.01 within the horizon" in longer.sentence
    mean = replace(claim, mode="in the mean")
    assert weigh(mean, never).call is Call.CONTRADICTED
    assert weigh(mean, never).interval[1] == math.inf
    assert weigh(replace(mean, target=500.0), never).call is Call.INCONCLUSIVE


def test_a_control_that_never_succeeds_is_caught() -> None:
    claim = controlled(estimate=time_to("e", 0.01), sense="at most", target=100.0)
    main = [decaying(0.1, s) for s in range(4)]
    verdict = judge(claim, [*main, *(decaying(0.001, s, "control") for s in range(4))])
    assert verdict.call is Call.CONSISTENT
    assert verdict.control is not None
    assert verdict.control.margin == pytest.approx((400 - 105) / 100)
