"""The study robust_subgm: what its command refuses, and what its estimates read off a run."""

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call
from matsense.judging.conditions import Condition
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from matsense.theory import robust as theory
from sims.studies.robust_subgm import study
from sims.studies.robust_subgm.figure import READ_OFF, SWEEPS, tuned
from sims.study import Sweep, grid_of
from sims.sweep import command

CLAIMS = {claim.id: claim for claim in study.claims}


def hypothesis(claim: str, word: str) -> Condition:
    (found,) = [own for own in CLAIMS[claim].hypotheses if word in own.words]
    return found


@pytest.mark.parametrize(
    "setting",
    [
        "sensing.p=1.0",
        "recovery.p=-0.1",
        "laws.law=gausian",
        "sensing.k=0",
        "sensing.k=21",
        "population.k=2",
        "sensing.eta=0",
        "sensing.eta=1",
        "fixed_rho.rho=1",
        "fixed_rho.rho=0",
        "paper_rank.travel=0.2",
        "budget.budget=0.01",
        "gaussian.nu=-0.1",
        "laws.scale=inf",
        "sensing.alpha=1",
        "sensing.alpha=0",
        "sensing.kappa=0.5",
        "methods.method=adam",
        "population.start=warm",
        "blow_up.loss=l3",
        "sensing.steps=0",
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(
    setting: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="give for example") as caught:
        command(["robust_subgm", "--quick", "--set", setting, "--out", str(tmp_path / "out")])
    assert str(caught.value).startswith(setting)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def a_run(sweep: str = "sensing", error: float = 1e-6, **params: object) -> Run:
    t = np.arange(0.0, 101.0)
    trace = np.maximum(np.exp(-0.3 * t), error)
    given = {"alpha": 1e-5, "eta": 0.3, "k": 2, "r": 1, "d": 20, "m": 1000, "p": 0.1, **params}
    return Run("x", sweep, given, 0, "ok", {"t": t, "error": trace})


def test_what_is_read_off_a_run() -> None:
    run = a_run()
    read = {id: float(CLAIMS[id].estimate(run).value) for id in CLAIMS if not run_lacks(id)}
    assert read["iterations"] == 39  # exp(-0.3 t) <= 1e-5
    assert read["l1-vs-l2"] == pytest.approx(0.01)
    assert read["any-noise"] == pytest.approx(1e-4)
    assert read["any-noise/agree"] == pytest.approx(1.2)
    assert read["iterations/stays"] == 1.0
    as_the_group_says = CLAIMS["any-noise/collapse"].estimate
    assert as_the_group_says(run).value == 1.0  # the group is 0.81 * 50
    assert as_the_group_says(a_run(p=0.9)).value == 0.0
    assert as_the_group_says(a_run(p=0.9, error=1.0)).value == 1.0
    assert CLAIMS["any-noise/agree"].estimate(a_run(error=2.0)).value == 0.0


def run_lacks(id: str) -> bool:
    """Whether a claim reads more than the error."""
    reading: Any = CLAIMS[id].answer.reading
    asked = {*reading.quantities, *(name for law in reading.laws for name in law.names)}
    return not asked <= {"t", "error", *a_run().params}


def test_the_papers_values_have_their_runs_and_are_tuned_by_the_median() -> None:
    for axis, printed in READ_OFF.items():
        assert set(printed) <= set(study.sweep(SWEEPS[axis]).axes[axis])
    runs = [a_run(error=e, travel=b) for b, e in ((8.0, 0.5), (8.0, 1e-9), (16.0, 1e-3))]
    assert [run.params["travel"] for run in tuned(runs[1:])] == [8.0]
    assert [run.params["travel"] for run in tuned(runs)] == [16.0]


# Settings by which nothing can have been seen: too few steps, steps too small, too small a start.
HOPELESS = ({"steps": 1}, {"steps": 30}, {"eta": 1e-6}, {"alpha": 1e-200}, {"m": 2})


def unmoved(sweep: Sweep, settings: dict[str, object]) -> list[Run]:
    """What runs look like that never left their start, at every point of the quick grid."""
    runs = []
    for number, params in enumerate(grid_of(sweep.with_axes(sweep.quick))):
        given = {**params, **{k: v for k, v in settings.items() if k in params}}
        t, alpha = np.array([0.0, 1.0]), float(given.get("alpha", 1e-5))
        same = np.ones(2)
        seen = {
            "t": t,
            "error": same,
            "spectral_error": same,
            "loss": same,
            "loss_at_truth": np.array(1.0),
            "left_over": alpha**2 * same,
            "idle": alpha**2 * same,
            "idle_start": np.array([alpha]),
            "travel": 0 * same,
        }
        runs.append(Run(f"{sweep.name} {number}", sweep.name, given, number % 3, "ok", seen))
    return runs


@pytest.mark.parametrize("settings", HOPELESS, ids=str)
def test_runs_that_never_moved_answer_no_claim(settings: dict[str, object]) -> None:
    """Whatever they would have shown; the claims on Q itself have no horizon and no such runs."""
    trajectories = [sweep for sweep in study.sweeps if "steps" in sweep.axes]
    runs = [run for sweep in trajectories for run in unmoved(sweep, settings)]
    concerned = [claim for claim in study.claims if any(claim.runs(run) for run in runs)]
    assert len(concerned) >= 20
    for claim in concerned:
        verdict = judge(claim, runs)
        assert verdict.call is Call.INCONCLUSIVE, (claim.id, verdict.sentence)
        # With 2 measurements a run that moves may still answer these two.
        if "m" not in settings or claim.id not in ("any-noise/collapse", "landscape/loss"):
            assert verdict.judged == 0, (claim.id, verdict.sentence)
        assert "steps" not in settings or "too short" in verdict.sentence, claim.id


def test_the_default_runs_are_inside_the_hypotheses_that_do_not_look_at_them() -> None:
    """Every claim covers points of the default grid by its settings and its horizon alone."""
    for claim in study.claims:
        tests = [c for c in claim.hypotheses if c.kind != "event"]
        points = [
            Run("x", sweep.name, params, 0, "ok")
            for sweep in study.sweeps
            for params in grid_of(sweep)
        ]
        mine = [run for run in points if claim.runs(run)]
        assert [run for run in mine if all(c.holds(run) for c in tests)], claim.id


def test_travel_is_spent_where_a_sum_of_steps_says_so() -> None:
    p: dict[str, Any] = {"eta": 0.3, "alpha": 1e-4, "budget": 0.65, "kappa": 1.0}
    total = float(theory.travel_budget(0.65, 1.0, 1e-4))
    rho = 1 - 0.3 / total
    made = np.cumsum(0.3 * rho ** np.arange(20000))
    np.testing.assert_allclose(made[-1], total, rtol=1e-10)
    for claim, word, share in (
        ("any-noise", "rho^T <= 1e-4", 1e-4),
        ("agnostic-rank", "rho^T <= alpha^2 / 100", 1e-10),
        ("l1-vs-l2", "rho^T <= alpha / 10", 1e-5),
    ):
        enough = math.ceil(math.log(share) / math.log(rho))
        assert total - made[enough - 1] <= share * total < total - made[enough - 2]
        spent = hypothesis(claim, word)
        assert spent.kind == "horizon"
        assert spent.holds(Run("x", "sensing", {**p, "steps": enough}, 0, "ok"))
        assert not spent.holds(Run("x", "sensing", {**p, "steps": enough - 1}, 0, "ok"))


def test_a_travel_is_that_of_rho_or_of_the_tie() -> None:
    """B = eta / (1 - rho), or 0.65 log(1/alpha); one eigenvalue needs log(1/alpha) / 2 of it."""
    enough = hypothesis("any-noise", "travel B >=")
    need = math.log(1e5) / 2 + 1
    for rho, holds in ((1 - 0.3 / (need * 1.001), True), (1 - 0.3 / (need * 0.999), False)):
        p = {"eta": 0.3, "alpha": 1e-5, "rho": rho}
        assert enough.holds(Run("x", "fixed_rho", p, 0, "ok")) == holds
    tied = {"eta": 0.3, "alpha": 1e-5, "kappa": 1.0}
    assert enough.holds(Run("x", "sensing", {**tied, "budget": 0.65}, 0, "ok"))
    assert not enough.holds(Run("x", "sensing", {**tied, "budget": 0.55}, 0, "ok"))


def test_the_transient_is_over_in_the_last_decade() -> None:
    """On the expected loss itself, at the least horizon that the hypothesis lets pass."""
    past = hypothesis("population/curve", "steps >=")
    in_residual = hypothesis("population/curve", "last decade")
    sweep = study.sweep("population")
    for kappa, alpha in ((1.0, 1e-5), (4.0, 1e-3)):
        steps = math.ceil(40 * kappa / 0.3 * (math.log(1 / alpha) + 1))
        p = {"eta": 0.3, "alpha": alpha, "kappa": kappa, "steps": steps}
        assert past.holds(Run("x", "population", p, 0, "ok"))
        assert not past.holds(Run("x", "population", {**p, "steps": steps - 1}, 0, "ok"))
        problem = sweep.problem(jax.random.key(0), 8, 2, kappa, 400, "gaussian")
        number = jnp.asarray
        seen = sweep.trial(
            problem, jax.random.key(1), number(alpha), number(8), number(0.3), "spectral", steps
        )
        run = Run("x", "population", p, 0, "ok", {k: np.asarray(v, float) for k, v in seen.items()})
        assert in_residual.holds(run)
        t = run.quantities["t"]
        early = {k: run.quantities[k][t <= 20] for k in ("t", "error", "left_over")}
        assert not in_residual.holds(Run("y", "population", p, 0, "ok", early))
