"""The hypotheses of `overparam_gd`: what is too short, or did not happen, is never judged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from matsense.errors import InvalidInput
from matsense.factors import gaussian_start
from matsense.fitting.estimate import Call
from matsense.judging.claims import Claim
from matsense.judging.conditions import Condition
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from matsense.loops import linear_ticks, run
from matsense.problems import sensing
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory.overparam import growth_steps
from sims.studies.overparam_gd import study
from sims.study import grid_of, unnamed
from sims.terminal.grid import grid

CLAIMS = {claim.id: claim for claim in study.claims}
STEP, MEASURED = "eta <= 0.3", "m >= 1.5 * k * (n1 + n2)"
# Claims and a word of the hypothesis of each that is meant.
LASTS, NEAR, NATS = (
    ("asym/limit", "growth"),
    ("asym/limit", "near a limit"),
    ("asym/limit", "at the rate"),
)
TRIGGERED, DEFINITE = ("asym/limit", "is taken"), ("asym-over/rate", "definite")
BURNT_IN, AT_LIMIT = ("sym-over", "least singular"), ("sym-over/constant", "least singular")


def hypothesis(claim: str, word: str) -> Condition:
    (found,) = [own for own in CLAIMS[claim].hypotheses if word in own.words]
    return found


BASE = {
    "n1": 50, "n2": 40, "r": 3, "k": 4, "kappa": 1.0, "alpha": 0.5, "eta": 0.1, "steps": 3000,
}  # fmt: skip
MODIFIED = {**BASE, "balance": 1.0, "trigger": 0.05}


def still(run: Run) -> Run:
    """A run that never moved: its error is flat and no modified step was triggered."""
    params = run.params
    t = np.unique(np.linspace(0, params["steps"], min(params["steps"], 200) + 1).round())
    alpha, k, r = params["alpha"], params["k"], params["r"]
    directions = np.zeros(8) if k == r else np.where(np.arange(8) < k - r, alpha, 0.0)
    null = np.full(2, 0.8 * alpha**2 * (k > r))
    quantities: dict[str, Any] = {
        "t": t,
        "squared_error": np.full(len(t), 3.0),
        "null_block": np.tile(directions, (len(t), 1)),
        "imbalance": np.asarray(alpha**2),
        "null_of_F": null,
        "null_of_G": null,
        "near_limit": np.asarray(0.0),
    }
    if "balance" in params:
        quantities["switched_at"] = np.asarray(-1.0)
    return replace(run, status="ok", quantities=quantities)


def still_runs(*settings: str) -> list[Run]:
    return [
        still(run)
        for sweep, _ in grid(study, True, 3, list(settings))
        for run in unnamed("overparam_gd", sweep, 3)
    ]


@pytest.mark.parametrize("setting", ["eta=0.00001", "steps=1", "steps=50"])
def test_runs_too_short_to_have_moved_contradict_nothing(setting: str) -> None:
    """And where a claim judges none of them, it says so: the horizon is the first thing unmet."""
    runs = still_runs(setting)
    for claim in study.claims:
        verdict = judge(claim, runs)
        assert verdict.call is Call.INCONCLUSIVE, claim.id
        assert verdict.judged == 0, claim.id
        assert "too short" in verdict.sentence, claim.id


def test_runs_long_enough_to_have_moved_contradict() -> None:
    """The horizons do not excuse a method that fails: as judged by their own recorded numbers."""
    runs = still_runs()
    for claim in ("sym-exact", "asym-over", "sym-exact/sensing", "asym-exact/sensing"):
        verdict = judge(CLAIMS[claim], runs)
        assert verdict.judged > 0, claim
        assert verdict.call is Call.CONTRADICTED, claim


def test_a_study_of_one_step_is_drawn() -> None:
    runs = still_runs("steps=1")
    figure = study.draw(runs, [judge(claim, runs) for claim in study.claims])
    assert isinstance(figure, Figure)


@pytest.mark.parametrize("claim", ["one-step", "one-step/alpha", "one-step/sensing"])
def test_a_step_that_was_never_triggered_is_not_judged(claim: str) -> None:
    runs = [run for run in still_runs() if CLAIMS[claim].runs(run)]
    assert runs
    for unmet in map(CLAIMS[claim].unmet, runs):
        assert unmet == hypothesis(*TRIGGERED)


def test_every_claim_bounds_the_step_and_the_horizon() -> None:
    for claim in study.claims:
        assert STEP in [own.words for own in claim.hypotheses], claim.id
        assert any(condition.kind == "horizon" for condition in claim.hypotheses), claim.id
        if "m" in next(iter(chosen(claim))):
            assert MEASURED in [own.words for own in claim.hypotheses], claim.id


def chosen(claim: Claim) -> list[Mapping[str, Any]]:
    points = [(s.name, params) for s in study.sweeps for params in grid_of(s)]
    return [p for name, p in points if claim.runs(Run("", name, p, 0, "ok"))]


@pytest.mark.parametrize(
    ("claim", "word", "base", "holds", "fails"),
    [
        ("sym-over", STEP, BASE, {"eta": 0.3}, {"eta": 0.31}),
        ("sym-over", "alpha <=", BASE, {"alpha": 0.5}, {"alpha": 0.51}),
        ("asym-over/sensing", MEASURED, BASE, {"m": 540}, {"m": 539}),
        ("asym/limit", "slower than the signal", BASE, {"alpha": 0.5},
         {"alpha": 0.5, "kappa": 1.01}),
        ("asym-exact", "r < min", BASE, {"r": 39}, {"r": 40}),
        ("one-step", "k < n1", BASE, {"n1": 5}, {"n1": 4}),
        # beta^2 = 1/6, sigma_1^2 / beta^2 = 6, the slowest is 1/6: eta <= 2 / (19/3).
        ("one-step", "eta <= 2", {**MODIFIED, "kappa": 3.0, "balance": 0.5}, {"eta": 0.315},
         {"eta": 0.316}),
        ("one-step", "trigger <= 0.05", MODIFIED, {"trigger": 0.05}, {"trigger": 0.06}),
        ("one-step", "trigger <= min", MODIFIED, {"balance": 0.5}, {"balance": 0.4}),
        ("one-step", "trigger <= min", MODIFIED, {"balance": 2.0}, {"balance": 2.5}),
        (*LASTS, BASE, {"steps": 240}, {"steps": 239}),
        # growth: ln(50 / 0.25) / (2 ln 1.1) = 27.8; 7 nats at 0.2107: 33.2.
        (*LASTS, BASE, {"k": 3, "steps": 62}, {"k": 3, "steps": 61}),
        (*LASTS, MODIFIED, {"steps": 62}, {"steps": 61}),
        ("asym-exact/sensing", "bound", BASE, {"steps": 360}, {"steps": 359}),
        # growth and 15 nats: 27.8 + 71.2 = 99.0.
        ("sym-over", "15 nats", BASE, {"steps": 3131}, {"steps": 3129}),
        ("sym-over/curve", "15 nats", BASE, {"steps": 9_899}, {"steps": 9_897}),
    ],
)  # fmt: skip
def test_conditions_on_parameters_hold_up_to_their_edge(
    claim: str, word: str, base: dict, holds: dict, fails: dict
) -> None:
    condition = hypothesis(claim, word)
    assert condition.holds(Run("", "x", {**base, **holds}, 0, "ok"))
    assert not condition.holds(Run("", "x", {**base, **fails}, 0, "ok"))


@pytest.mark.parametrize(
    ("claim", "word", "holds", "fails"),
    [
        (*NEAR, {"near_limit": 1.0}, {"near_limit": 0.0}),
        ("asym-exact", "imbalance", {"imbalance": 0.05}, {"imbalance": 0.051}),
        ("asym-over", "alpha^2 / 4", {"null_of_F": [0.0625, 1], "null_of_G": [0.0625, 1]},
         {"null_of_F": [0.07, 1], "null_of_G": [0.06, 1]}),
        (*DEFINITE, {"null_of_F": [-2, -1], "null_of_G": [-2, -1]},
         {"null_of_F": [1, 2], "null_of_G": [-1, 2]}),
        (*DEFINITE, {"null_of_F": [1.0, 2], "null_of_G": [1.05, 3]},
         {"null_of_F": [1.0, 2], "null_of_G": [1.06, 2]}),
        (*DEFINITE, {"null_of_F": [-2, -1.0], "null_of_G": [-3, -1.0]},
         {"null_of_F": [-2, 1.0], "null_of_G": [-3, 1.0]}),
        (*TRIGGERED, {"switched_at": 0.0}, {"switched_at": -1.0}),
        (*BURNT_IN, {"null_block": [[0.19, 0.0]]}, {"null_block": [[0.18, 0.0]]}),
        (*AT_LIMIT, {"null_block": [[0.58, 0.0]]}, {"null_block": [[0.57, 0.0]]}),
        # 7 nats from eta alpha^2 t = 3 on: 2880 steps are left.
        (*NATS, {"near_limit": 1.0, "limit_rate": 0.00244},
         {"near_limit": 1.0, "limit_rate": 0.00242}),
        (*NATS, {"near_limit": 1.0, "limit_rate": 1.0}, {"near_limit": 0.0}),
    ],
)  # fmt: skip
def test_conditions_on_what_was_recorded_hold_up_to_their_edge(
    claim: str, word: str, holds: dict, fails: dict
) -> None:
    """3000 steps of 0.1 from alpha = 0.5: 20 burn-ins are s^2 = 1/30."""
    condition = hypothesis(claim, word)

    def finished(recorded: dict, status: Any = "ok") -> Run:
        arrays = {name: np.asarray(value, float) for name, value in recorded.items()}
        return Run("", "x", BASE, 0, status, arrays)

    assert condition.holds(finished(holds))
    assert not condition.holds(finished(fails))
    # One that did not finish is missed, not excused.
    assert condition.holds(finished({}, "diverged"))


def test_settled_is_read_in_the_middle_of_the_stretch_above_rounding() -> None:
    """At the tick 100, half way from the start of the fit to the tick 200."""
    t = np.array([0.0, 100.0, 200.0, 3000.0])
    error = np.array([1.0, 1e-10, 1e-20, 1e-30])
    for late, holds in ((0.995, True), (0.985, False)):
        recorded = {"t": t, "squared_error": error, "settled": np.array([0.5, late, 1.0, 1.0])}
        settled = hypothesis("asym/limit", "faster modes")
        assert settled.holds(Run("", "x", BASE, 0, "ok", recorded)) == holds


@pytest.mark.parametrize(("alpha", "eta"), [(0.5, 0.1), (0.05, 0.1), (0.05, 0.01)])
def test_the_signal_grows_in_about_the_time_that_the_horizons_allow_for(
    alpha: float, eta: float
) -> None:
    """The squared error of a run halves within 0.7 to 1.7 of it."""
    n, r, kappa = 40, 2, 2.0
    grown = growth_steps(alpha, eta, kappa, n, n)
    truth = sensing.symmetric_truth(jax.random.key(0), n, sensing.geometric_spectrum(r, kappa))
    problem = sensing.population(truth)
    ticks = linear_ticks(int(4 * grown), 1)
    X0 = gaussian_start(jax.random.key(1), n, r, r, alpha)
    # The last direction to be learnt is sigma_r's: half of its own square is left.
    error = run(
        symmetric_gd(problem, eta), X0, ticks, lambda X: {"e": problem.squared_error(X, X)}
    )[1]["e"]
    halved = int(np.argmax(np.asarray(error) < 0.5 / kappa**2))
    assert 0.7 * grown < halved < 1.7 * grown


def test_a_condition_number_other_than_1_at_rank_1_is_refused() -> None:
    grid(study, False, None, ["r=1", "kappa=1"])
    with pytest.raises(InvalidInput, match=r"^kappa=3\.0, r=1, .* give for example kappa=1"):
        grid(study, False, None, ["r=1", "kappa=3.0"])


def test_an_indefinite_imbalance_predicts_no_tail() -> None:
    quantities = {"null_of_F": np.array([-0.1, 0.1]), "null_of_G": np.array([0.1, 0.1])}
    target: Any = CLAIMS["asym-over/rate"].target
    assert np.isnan(target(Run("", "asymmetric", BASE, 0, "ok", quantities)))
