"""Minimisation over balls, regularisation paths, the max-margin descent, and the study's stages."""

import re
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call
from matsense.judging.claims import Claim
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from matsense.loops import linear_ticks, run
from matsense.problems import attention
from matsense.references.attention import nuclear_svm, svm
from matsense.solvers.attention.accelerated import accelerated
from matsense.solvers.attention.key_query import KeyQuery
from matsense.solvers.attention.max_margin import margins, max_margin_ngd
from matsense.solvers.attention.paths import into_ball, path_kq, path_w, relative_gap
from matsense.theory.attention import misalignment
from sims.running.blocks import blocks
from sims.running.worker import run_block
from sims.study import runs_of
from sims.study.catalogue import load
from sims.terminal.grid import grid

STUDY = "attention_svm"


def test_accelerated_descent_finds_the_minimum_over_a_ball() -> None:
    """A quadratic of condition 1e4, whose minimum over the ball solves a secular equation."""
    curvature, centre = jnp.geomspace(1e-4, 1.0, 12), jnp.ones(12)
    solver = accelerated(lambda x: curvature * (x - centre), lambda x: into_ball(x, 1.0), 1.0)
    x = run(solver, solver.init(jnp.zeros(12)), linear_ticks(3000, 1000), lambda s: {})[0].x
    c = np.asarray(curvature)
    multiplier = optimize.brentq(lambda m: np.sum((c / (c + m)) ** 2) - 1, 1e-9, 1.0)
    np.testing.assert_allclose(x, c / (c + multiplier), rtol=1e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_path_over_w_is_a_general_solvers_minimum(seed: int) -> None:
    problem = attention.draw(jax.random.key(seed), 2, 3, 3)
    best = np.asarray(problem.best)
    near = svm.frobenius(np.asarray(problem.X), np.asarray(problem.z), best)
    B = 3.0 * near.norm
    solver = path_w(problem, B)
    start = solver.init(jnp.asarray(3.0 * near.W))
    W = run(solver, start, linear_ticks(2000, 1000), lambda s: {})[0].x
    objective = jax.jit(jax.value_and_grad(lambda w: jnp.log(problem.excess(w.reshape(3, 3)))))
    slow = optimize.minimize(
        lambda w: tuple(np.asarray(v) for v in objective(w)), 2.9 * near.W.ravel(), jac=True,
        method="SLSQP", constraints={"type": "ineq", "fun": lambda w: B**2 - w @ w},
        options={"ftol": 1e-14, "maxiter": 400},
    )  # fmt: skip
    np.testing.assert_allclose(np.asarray(W).ravel(), slow.x, atol=2e-5 * B)
    assert abs(float(relative_gap(problem, W, B, nuclear=False))) < 1e-10


def test_path_over_factors_reaches_the_optimum_of_the_nuclear_ball() -> None:
    """Its gap over the ball certifies it; no point of the ball that is tried has a lower loss."""
    problem = attention.draw(jax.random.key(2), 3, 4, 5)
    X, z, best = (np.asarray(a) for a in (problem.X, problem.z, problem.best))
    one = nuclear_svm.nuclear(X, z, best)
    B = 20.0 * one.norm
    solver = path_kq(problem, B)
    eye = into_ball(KeyQuery(1e6 * jnp.asarray(one.W) + jnp.eye(5), 1e6 * jnp.eye(5)), 2 * B)
    assert isinstance(eye, KeyQuery)
    state = run(solver, solver.init(eye), linear_ticks(8000, 4000), lambda s: {})[0].x
    assert abs(float(relative_gap(problem, state.W, B, nuclear=True))) < 1e-6
    assert np.isclose(np.linalg.norm(np.asarray(state.W), "nuc"), B, rtol=1e-6)
    assert np.isclose(float(state.energy), 2 * B, rtol=1e-9)
    rng, least = np.random.default_rng(0), float(problem.excess(state.W))
    for size in (1e-3, 1e-2, 1e-1):
        other = np.asarray(state.W) / B + size * rng.normal(size=(5, 5))
        other = jnp.asarray(other * B / np.linalg.norm(other, "nuc"))
        assert float(problem.excess(other)) > least


def test_max_margin_descent_tends_to_the_solution() -> None:
    problem = attention.draw(jax.random.key(3), 4, 5, 6)
    choice = jnp.array([0, 3, 1, 2])
    exact = svm.frobenius(np.asarray(problem.X), np.asarray(problem.z), np.asarray(choice))
    solver = max_margin_ngd(problem, choice)
    errors = []
    for steps in (500, 5000):
        W = run(solver, jnp.zeros((6, 6)), linear_ticks(steps, steps), lambda W: {})[0]
        errors.append(misalignment(np.asarray(W), exact.W))
        assert float(jnp.min(margins(problem, W, choice))) > 0
    assert np.isclose(errors[0] / errors[1], 100, rtol=0.3)


def small(name: str, seeds: int = 2, **axes: Any) -> list[Run]:
    """The runs of one sweep of the study on a smaller grid."""
    sweep = replace(load(STUDY).sweep(name).with_axes({k: (v,) for k, v in axes.items()}))
    wanted = runs_of(STUDY, sweep, seeds, "float64")
    return [run for block in blocks(STUDY, [sweep], wanted) for run in run_block(block).runs]


def claim_of(name: str) -> Claim:
    return next(claim for claim in load(STUDY).claims if claim.id == name)


def test_infeasible_instances_are_excluded_by_name() -> None:
    """d = 1: tokens on a line; few choices can be separated, and such runs are counted apart."""
    runs = small("svm", seeds=3, n=5, T=6, d=1, schatten=2)
    assert {run.status for run in runs} == {"excluded"}
    assert all(run.message.startswith("infeasible") for run in runs)
    feasible = small("feasible", seeds=1, n=8, T=9, d=2, choice=0)
    assert [(r.status, float(r.quantities["feasible"])) for r in feasible] == [("ok", 0.0)]


def test_descents_are_held_against_their_own_choice() -> None:
    runs = small("losses", tokens="sphere", loss="exponential", steps=20_000)
    for descent in runs:
        q = descent.quantities
        assert descent.status == "ok"
        assert q["gap"] < 1e-12
        assert q["misalignment"][-1] < 1e-2
        assert np.isclose(q["norm"][0], 0.1)
        same = np.allclose(q["to_best"], q["misalignment"])
        assert same == bool(q["best"])


def test_an_unfinished_path_is_too_short_instead_of_being_judged() -> None:
    runs = small("path_kq", m=6, kappa=256.0, steps=50)
    claim = claim_of("regpath-KQ/norm")
    unmet = [claim.unmet(run) for run in runs]
    assert [(u is not None and u.kind) for u in unmet] == ["horizon"] * len(runs)
    assert judge(claim, runs).call is Call.INCONCLUSIVE


def test_the_papers_eight_claims_are_there() -> None:
    study = load(STUDY)
    ids = {claim.id.split("/")[0] for claim in study.claims}
    assert ids == {
        "feasible", "direction", "local", "global", "regpath-W", "regpath-KQ", "rank", "nonlinear",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        (["T=1"], "T=1"),
        (["d=0"], "d=0"),
        (["kq.m=7"], "kq.m=7 with d=6"),
        (["loss=square"], "loss=square"),
        (["eta=0.0"], "eta=0.0"),
        (["kappa=1e4"], "kappa=1e4"),
        (["schatten=3"], "schatten=3"),
        (["first=5", "steps=2"], "first=5, steps=2"),
        (["choice=-1"], "choice=-1"),
        (["eta=1e300"], "eta=1e300"),
        (["longest=inf"], "longest=inf"),
        (["trap.left=6"], "trap.left=6 with n=6"),
        (["equal.n=11"], "equal.n=11"),
        (["trap.n=1"], "trap.n=1"),
        (["tokens=cube"], "tokens=cube"),
    ],
)
def test_points_that_cannot_be_are_refused(settings: list[str], value: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(value)}[:,]"):
        grid(load(STUDY), False, None, settings)
