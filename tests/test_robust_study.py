"""The study robust_subgm: what its command refuses, and what its estimates read off a run."""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call
from matsense.judging.claims import Run
from matsense.judging.judge import judge
from sims.studies.robust_subgm import hypotheses, laws, trials
from sims.studies.robust_subgm.claims import claims
from sims.studies.robust_subgm.paper import READ_OFF, SWEEPS, tuned
from sims.studies.robust_subgm.sweeps import sweeps
from sims.study import Sweep, grid_of
from sims.sweep import command


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
    assert laws.TIME(run).value == 39  # exp(-0.3 t) <= 1e-5
    assert laws.over_alpha(run) == pytest.approx(0.01)
    assert laws.recovered(run) == 1.0
    assert laws.achieved_exponent(run) == pytest.approx(1.2)
    assert laws.rebound(run) == 1.0
    assert hypotheses.group(run.params) == pytest.approx(0.81 * 50)
    assert laws.as_the_group_says(run) == 1.0
    assert laws.as_the_group_says(a_run(p=0.9)) == 0.0
    assert laws.as_the_group_says(a_run(p=0.9, error=1.0)) == 1.0
    fit = laws.fit(run)
    assert (fit.law, fit.floor) == ("plateau", pytest.approx(1e-6))
    assert fit.window[0] == 47
    assert laws.fit(a_run(error=1e-30)).law == "neither"
    assert laws.achieved_exponent(a_run(error=2.0)) == 0.0


def test_the_papers_values_have_their_runs_and_are_tuned_by_the_median() -> None:
    for axis, printed in READ_OFF.items():
        sweep = next(sweep for sweep in sweeps if sweep.name == SWEEPS[axis])
        assert set(printed) <= set(sweep.axes[axis])
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
    trajectories = [sweep for sweep in sweeps if "steps" in sweep.axes]
    runs = [run for sweep in trajectories for run in unmoved(sweep, settings)]
    concerned = [claim for claim in claims if any(claim.runs(run) for run in runs)]
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
    for claim in claims:
        tests = [c for c in claim.hypotheses if c.kind != "event"]
        points = [
            Run("x", sweep.name, params, 0, "ok") for sweep in sweeps for params in grid_of(sweep)
        ]
        mine = [run for run in points if claim.runs(run)]
        assert [run for run in mine if all(c.holds(run) for c in tests)], claim.id


def test_travel_is_spent_where_a_sum_of_steps_says_so() -> None:
    p = {"eta": 0.3, "alpha": 1e-4, "budget": 0.65, "kappa": 1.0, "steps": 0}
    total = hypotheses.travel(p)
    rho = 1 - 0.3 / total
    made = np.cumsum(0.3 * rho ** np.arange(2000))
    np.testing.assert_allclose(made[-1], total, rtol=1e-10)
    enough = int(np.argmax(made >= 0.99 * total)) + 1
    assert hypotheses.spent({**p, "steps": enough}, 0.01)
    assert not hypotheses.spent({**p, "steps": enough - 1}, 0.01)
    assert hypotheses.travel({"eta": 0.3, "rho": 0.9}) == pytest.approx(3.0)


def test_the_transient_is_over_in_the_last_decade() -> None:
    """On the expected loss itself, at the least horizon that the hypothesis lets pass."""
    for kappa, alpha in ((1.0, 1e-5), (4.0, 1e-3)):
        steps = math.ceil(40 * kappa / 0.3 * (math.log(1 / alpha) + 1))
        p = {"eta": 0.3, "alpha": alpha, "kappa": kappa, "steps": steps}
        assert hypotheses.past_the_transient(p)
        assert not hypotheses.past_the_transient({**p, "steps": steps - 1})
        problem = trials.instance(jax.random.key(0), 8, 2, kappa, 400, "gaussian")
        number = jnp.asarray
        seen = trials.expected_trial(
            problem, jax.random.key(1), number(alpha), number(8), number(0.3), "spectral", steps
        )
        run = Run("x", "population", p, 0, "ok", {k: np.asarray(v, float) for k, v in seen.items()})
        assert hypotheses.settled_into_the_residual(run)
        t = run.quantities["t"]
        early = {k: run.quantities[k][t <= 20] for k in ("t", "error", "left_over")}
        assert not hypotheses.settled_into_the_residual(Run("y", "population", p, 0, "ok", early))
