"""The study robust_subgm: what its command refuses, and what its estimates read off a run."""

from pathlib import Path

import numpy as np
import pytest

from matsense.claims import Run
from matsense.errors import InvalidInput
from sims.studies.robust_subgm import hypotheses, laws
from sims.studies.robust_subgm.paper import READ_OFF, SWEEPS, tuned
from sims.studies.robust_subgm.sweeps import sweeps
from sims.sweep import command


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("sensing.p=1.0", "p = 1.0"),
        ("recovery.p=-0.1", "p = -0.1"),
        ("laws.law=gausian", "did you mean gaussian"),
        ("sensing.k=0", "k = 0"),
        ("sensing.k=21", "k = 21"),
        ("population.k=2", "k = 2"),
        ("sensing.eta=0", "eta = 0.0"),
        ("sensing.eta=1", "eta = 1.0"),
        ("fixed_rho.rho=1", "rho = 1"),
        ("fixed_rho.rho=0", "rho = 0"),
        ("paper_rank.travel=0.2", "rho = -0.5"),
        ("budget.budget=0.01", "rho = "),
        ("gaussian.nu=-0.1", "nu = -0.1"),
        ("laws.scale=inf", "scale = inf"),
        ("sensing.alpha=1", "alpha = 1.0"),
        ("sensing.alpha=0", "alpha = 0.0"),
        ("sensing.kappa=0.5", "kappa = 0.5"),
        ("methods.method=adam", "method = adam"),
        ("population.start=warm", "start = warm"),
        ("blow_up.loss=l3", "loss = l3"),
        ("sensing.steps=0", "steps = 0"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(
    setting: str, word: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=r"give|did you mean") as caught:
        command(["robust_subgm", "--quick", "--set", setting, "--out", str(tmp_path / "out")])
    assert word in str(caught.value)
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
