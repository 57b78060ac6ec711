"""Estimates, trends and verdicts, on runs whose answer is known by construction."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from matsense.fitting.estimate import Call, Estimate, decide
from matsense.judging.claims import Claim, exponent, final, rate, time_to
from matsense.judging.conditions import given
from matsense.judging.judge import judge, weigh
from matsense.judging.runs import Run
from matsense.judging.trends import Trend

T = np.arange(0, 401, 5.0)


def a_run(value: float, seed: int = 0, sweep: str = "main", status: str = "ok", **params) -> Run:  # type: ignore[no-untyped-def]
    """A run that carries one exact number, and an exponential trace of that rate."""
    quantities = {"t": T, "x": np.array([value]), "e": np.exp(-value * T)}
    id = f"{sweep}{seed}{sorted(params.items())}"
    return Run(id, sweep, params, seed, status, quantities if status == "ok" else {})  # type: ignore[arg-type]


def a_claim(**changes) -> Claim:  # type: ignore[no-untyped-def]
    base = Claim(
        "c", "derived", "$x=1$", "x = 1", "x", lambda run: run.sweep == "main",
        final("x"), "equals", 1.0, 0.05, source="derived",
    )  # fmt: skip
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("value", "se", "sense", "call"),
    [
        (1.0, 0.001, "equals", Call.CONSISTENT),
        (1.0, 0.2, "equals", Call.INCONCLUSIVE),
        (1.3, 0.01, "equals", Call.CONTRADICTED),
        (0.5, 0.01, "at most", Call.CONSISTENT),
        (0.5, 0.01, "at least", Call.CONTRADICTED),
        (math.inf, 0.0, "at most", Call.CONTRADICTED),
        (math.inf, 0.0, "at least", Call.CONSISTENT),
        (math.nan, 0.0, "at least", Call.INCONCLUSIVE),
        (math.nan, 0.0, "at most", Call.INCONCLUSIVE),
    ],
)
def test_decide_holds_the_interval_against_the_band(
    value: float, se: float, sense: str, call: Call
) -> None:
    assert decide(Estimate(value, se, 30), 1.0, sense, 0.05) is call  # type: ignore[arg-type]


def test_interval_is_students() -> None:
    low, high = Estimate(2.0, 0.5, 7).interval(0.9)
    half = 0.5 * stats.t.ppf(0.95, 7)
    assert (low, high) == pytest.approx((2 - half, 2 + half))
    assert Estimate(math.nan).interval() == (-math.inf, math.inf)


def test_every_run_must_comply() -> None:
    assert weigh(a_claim(), [a_run(1.0, s) for s in range(5)]).call is Call.CONSISTENT
    verdict = weigh(a_claim(), [a_run(1.0, s) for s in range(5)] + [a_run(1.2, 9)])
    assert (verdict.call, verdict.contradicted, verdict.units) == (Call.CONTRADICTED, 1, 6)


def test_a_prediction_of_the_same_run_is_compared_as_a_ratio() -> None:
    runs = [a_run(0.1 * k, k, k=k) for k in range(1, 6)]
    claim = a_claim(target=lambda run: 0.1 * run.params["k"])
    verdict = weigh(claim, runs)
    assert verdict.call is Call.CONSISTENT
    assert verdict.measured == pytest.approx(1)
    silent = weigh(a_claim(target=lambda run: 0.0), runs)
    assert silent.call is Call.INCONCLUSIVE
    assert "prediction is 0" in silent.sentence


def test_outside_the_hypotheses_is_counted_not_judged() -> None:
    runs = [a_run(1.0, s, alpha=0.1) for s in range(3)] + [
        a_run(5.0, s, alpha=0.9) for s in range(2)
    ]
    verdict = weigh(a_claim(hypotheses=(given("alpha < 0.5"),)), runs)
    assert (verdict.call, verdict.judged, verdict.outside, verdict.wanted) == (
        Call.CONSISTENT, 3, 2, 5,
    )  # fmt: skip


@pytest.mark.parametrize("status", ["diverged", "failed", "missing"])
def test_lost_runs_are_counted_and_forbid_consistency(status: str) -> None:
    verdict = weigh(a_claim(), [a_run(1.0, 0), a_run(1.0, 1, status=status)])
    assert verdict.call is Call.INCONCLUSIVE
    assert getattr(verdict, status) == 1
    assert status in verdict.sentence
    assert weigh(a_claim(), [a_run(2.0, 0), a_run(1.0, 1, status=status)]).call is Call.CONTRADICTED


def test_no_runs_is_inconclusive() -> None:
    assert weigh(a_claim(), []).call is Call.INCONCLUSIVE


def test_a_control_that_passes_takes_the_verdict_away() -> None:
    main = [a_run(1.0, s) for s in range(3)]
    claim = a_claim(control=lambda run: run.sweep == "control")
    bad = judge(claim, main + [a_run(2.0, s, "control") for s in range(3)])
    assert bad.call is Call.CONSISTENT
    assert bad.control is not None
    assert bad.control.call is Call.CONTRADICTED
    one_of_three = [a_run(2.0, 0, "control"), a_run(1.0, 1, "control"), a_run(1.0, 2, "control")]
    for control in ([a_run(1.0, s, "control") for s in range(3)], one_of_three, []):
        verdict = judge(claim, main + control)
        assert verdict.call is Call.INCONCLUSIVE
        assert "control" in verdict.sentence


def test_mean_over_seeds_has_students_interval_and_clusters_lanes() -> None:
    rng = np.random.default_rng(0)
    of_seed = rng.normal(1.0, 0.02, size=8)
    runs = [a_run(of_seed[s], s, lane=lane) for s in range(8) for lane in range(10)]
    verdict = weigh(a_claim(mode="in the mean"), runs)
    half = of_seed.std(ddof=1) / math.sqrt(8) * stats.t.ppf(0.975, 7)
    assert verdict.interval == pytest.approx((of_seed.mean() - half, of_seed.mean() + half))
    assert weigh(a_claim(mode="in the mean"), runs[:20]).call is Call.INCONCLUSIVE


def test_probability_holds_a_share_of_independent_runs_against_its_bound() -> None:
    good = [a_run(1.0, s) for s in range(90)]
    claim = a_claim(mode=("with probability", 0.9))
    assert weigh(claim, good).call is Call.CONSISTENT
    assert weigh(claim, good[:10]).call is Call.INCONCLUSIVE
    verdict = weigh(claim, good[:50] + [a_run(2.0, s) for s in range(100, 130)])
    assert verdict.call is Call.CONTRADICTED
    assert verdict.measured == pytest.approx(50 / 80)
    # As many runs, but of nine instances: they are not ninety witnesses.
    lanes = [a_run(1.0, s, lane=lane) for s in range(9) for lane in range(10)]
    assert weigh(claim, lanes).call is Call.INCONCLUSIVE
    apart = [replace(run, instance=run.id) for run in lanes]
    assert weigh(claim, apart).call is Call.CONSISTENT


def test_probability_takes_who_cannot_tell_neither_for_nor_against() -> None:
    claim = a_claim(mode=("with probability", 0.7), target=lambda run: run.params.get("p", 1.0))
    yes, no = [a_run(1.0, s) for s in range(60)], [a_run(2.0, s) for s in range(100, 105)]
    silent = [a_run(1.0, s, p=0.0) for s in range(200, 240)]
    assert weigh(claim, yes + no).call is Call.CONSISTENT
    unknown = weigh(claim, yes + no + silent)
    assert unknown.call is Call.INCONCLUSIVE
    assert unknown.measured == pytest.approx(60 / 105)
    assert unknown.interval[0] < 0.5 and unknown.interval[1] > 0.9
    assert weigh(claim, silent + [a_run(2.0, s) for s in range(300, 400)]).call is Call.CONTRADICTED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "= 1 within 5%"),
        ({"tolerance": 0.0}, "= 1"),
        ({"target": lambda run: 7.0, "mode": "in the mean"}, "= 1 within 5%, in the mean"),
        ({"sense": "at most", "target": 2.0}, "<= 2 within 5%"),
        ({"sense": "at most", "target": 0.0, "tolerance": 0.01}, "<= 0.01"),
        ({"sense": "at least", "target": 0.0, "tolerance": 0.01}, ">= -0.01"),
        ({"target": 0.0, "tolerance": 0.0}, "= 0"),
        ({"target": 0.0, "tolerance": 0.5}, "= 0 within 0.5"),
        ({"mode": ("with probability", 0.8)}, "= 1 within 5%, in 80% of runs or more"),
    ],
)
def test_the_comparison_in_words(changes: dict, words: str) -> None:
    assert a_claim(**changes).prediction == words


def test_the_sentence_says_what_its_number_is_and_who_disagrees() -> None:
    runs = [a_run(1.0, s) for s in range(39)]
    assert "median 1 in" in weigh(a_claim(), runs).sentence
    assert "mean 1 in" in weigh(a_claim(mode="in the mean"), runs).sentence
    off = [*runs, a_run(2.0, 39)]
    assert weigh(a_claim(), off).sentence.endswith("1 of 40 contradict it one by one.")
    verdict = weigh(a_claim(mode=("with probability", 0.8)), off)
    assert "consistent with 40 runs, share 0.975 in [0.87" in verdict.sentence


def test_scaling_trend_reads_the_exponent_of_every_group() -> None:
    runs = [
        a_run(3 * alpha**4 * (1 + 0.01 * seed), seed, alpha=alpha)
        for seed in range(4)
        for alpha in (0.1, 0.2, 0.4)
    ]
    claim = a_claim(target=2.0, tolerance=0.01, trend=Trend("scaling", "alpha", power=2.0))
    verdict = weigh(claim, runs)
    assert (verdict.call, verdict.units, verdict.judged) == (Call.CONSISTENT, 4, 12)
    assert verdict.measured == pytest.approx(2.0)
    assert weigh(claim, runs[:2]).call is Call.INCONCLUSIVE


def test_a_rate_of_zero_has_no_scaling_exponent() -> None:
    trend = Trend("scaling", "alpha")
    assert trend.of([1, 2, 3], [Estimate(0.0), Estimate(1.0), Estimate(2.0)]).value == math.inf
    # All alike at 0, nothing can be said of how they move.
    assert math.isnan(trend.of([1, 2, 3], [Estimate(0.0)] * 3).value)
    nothing = Estimate(math.nan, reason="too short")
    assert trend.of([1, 2, 3], [Estimate(1.0), nothing, nothing]).reason == "too short"


def test_scaling_error_is_that_of_least_squares() -> None:
    x, y = np.array([1.0, 2, 4, 8, 16]), np.array([1.0, 2.1, 3.9, 8.2, 15.5])
    fit = stats.linregress(np.log(x), np.log(y))
    found = Trend("scaling", "x").of(list(map(float, x)), [Estimate(float(v)) for v in y])
    assert (found.value, found.se, found.dof) == pytest.approx((fit.slope, fit.stderr, 3))


def test_invariance_is_the_ratio_of_extremes() -> None:
    found = Trend("invariance", "x").of([1, 2, 3], [Estimate(v, 0.01, 9) for v in (2.0, 2.2, 1.9)])
    assert found.value == pytest.approx(2.2 / 1.9)
    assert found.se == pytest.approx(found.value * math.hypot(0.01 / 2.2, 0.01 / 1.9))
    assert 9 < found.dof <= 18


def test_rates_and_exponents_of_other_laws_are_answers() -> None:
    t = np.unique(np.round(np.geomspace(1, 1e5, 120)))
    power = Run("p", "s", {}, 0, "ok", {"t": t, "e": (t + 20.0) ** -2})
    straight = Run("x", "s", {}, 0, "ok", {"t": T, "e": np.exp(-0.1 * T)})
    flat = Run("f", "s", {}, 0, "ok", {"t": T, "e": np.full(T.size, 0.3)})
    stalled = Run("g", "s", {}, 0, "ok", {"t": T, "e": np.exp(-0.1 * T) + 1e-6})
    anywhere = (lambda run: 0.0, 1e-24)
    speed, order = rate("e", *anywhere), exponent("e", *anywhere)
    assert speed(straight).value == pytest.approx(0.1, rel=1e-6)
    assert order(power).value == pytest.approx(2.0, rel=1e-3)
    assert order(straight).value == math.inf
    assert [speed(run).value for run in (power, flat, stalled)] == [0.0, 0.0, 0.0]
    # Flat for L steps: it may still fall by up to seven nats in as long, and no more.
    assert speed(flat).interval() == pytest.approx((0.0, 7 / 400), abs=1e-9)
    assert speed(stalled).interval()[1] > 7 / 400
    # No exponent 0: of (1 + t / t0)^-p with t0 far beyond the horizon one would see the same.
    for run in (flat, stalled):
        assert math.isnan(order(run).value) and "flat from t = " in order(run).reason


def test_time_to_a_level() -> None:
    straight = Run("x", "s", {}, 0, "ok", {"t": T, "e": np.exp(-0.1 * T)})
    assert time_to("e", 1e-2)(straight).value == 50
    # Seen at 50, not yet at 45; and one that the horizon of 400 does not show comes later still.
    assert time_to("e", 1e-2)(straight).interval() == (45, 50)
    assert time_to("e", 1.0)(straight).interval() == (0, 0)
    assert time_to("e", lambda run: 1e-30)(straight).interval() == (400, math.inf)
    assert math.isnan(time_to("e", math.nan)(straight).value)


def test_excluded_runs_are_counted_apart_and_change_nothing() -> None:
    good = [a_run(1.0, s) for s in range(3)]
    verdict = weigh(a_claim(), [*good, a_run(9.0, 3, status="excluded")])
    assert (verdict.call, verdict.judged, verdict.excluded) == (Call.CONSISTENT, 3, 1)
    assert weigh(a_claim(), [a_run(1.0, 0, status="excluded")]).call is Call.INCONCLUSIVE


def test_slope_trend_is_the_rise_per_e_fold_and_takes_outcomes() -> None:
    x = [1.0, math.e, math.e**2]
    found = Trend("slope", "x").of(x, [Estimate(v) for v in (0.0, 0.0, 1.0)])
    assert found.value == pytest.approx(0.5) and math.isnan(found.se)
    assert Trend("slope", "x").of(x, [Estimate(1.0)] * 3).value == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(Trend("slope", "x").of([2.0, 2.0], [Estimate(1.0)] * 2).value)
    # Seeds are the sample: shares of 0.2, 0.5 and 0.8 rise by 0.3 an e-fold.
    rng = np.random.default_rng(3)
    runs = [
        a_run(float(rng.random() < 0.2 + 0.3 * j), seed, alpha=math.e**j)
        for seed in range(200) for j in range(3)
    ]  # fmt: skip
    claim = a_claim(target=0.3, tolerance=0.5, trend=Trend("slope", "alpha"), mode="in the mean")
    verdict = weigh(claim, runs)
    assert verdict.call is Call.CONSISTENT
    # Three half-widths of the 95% interval: a false alarm in some 1e8 seeds.
    low, high = verdict.interval
    assert abs(verdict.measured - 0.3) < 1.5 * (high - low)
