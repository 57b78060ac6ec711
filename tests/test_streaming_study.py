"""The study streaming_eig: what it refuses, what its claims select and read, and its trials."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from matsense.theory import streaming as theory
from sims.studies.streaming_eig import study, trials
from sims.study import grid_of
from sims.study.ranges import Words
from sims.sweep import command
from sims.terminal.grid import grid
from tests import streams

N, D = 1600, 20
CLAIMS = {claim.id: claim for claim in study.claims}
EVERY = study.sweep("power").range_of("method")
assert isinstance(EVERY, Words)


@pytest.mark.parametrize(
    "setting",
    [
        "certificate.R=1", "certificate.R=0.5", "certificate.n=10", "certificate.kind=sorted",
        "certificate.credit=0", "worst.d=1", "worst.speed=-1", "diagonal.R=2.5", "diagonal.R=9",
        "diagonal.m=0", "diagonal.d=8", "diagonal.starts=0", "gap.C=0", "light_gap.R=nan",
        "diagonal.R=nan", "mixed.R=inf", "gap.grows=2",
        "power.R=1.0", "power.R=nan", "blocks.grouped=0.5", "power.h=50", "power.h=-1",
        "power.share=1.5", "power.method=orakle", "power.order=sorted", "memory.belief=0.0",
        "half.carriers=0.0", "blocks.blocks=20001", "blocks.blocks=0", "blocks.trials=1",
        "directions_l.l=0", "directions_l.R=0.5", "one_tail.tail=1000", "one_sketch.l=0",
        "kept.h=65", "kept.s=0.0", "kept.s=0.001", "kept.R=1.0", "forgotten.q=0",
        "subsets.kind=mixt", "subsets.n=10", "baselines.n=70", "equal_memory.l=1",
    ],
)  # fmt: skip
def test_points_that_cannot_be_are_refused(setting: str) -> None:
    with pytest.raises(InvalidInput, match="give for example ") as caught:
        grid(study, False, None, [setting])
    assert str(caught.value).startswith(setting)
    assert "\n" not in str(caught.value)


def test_nothing_is_written_of_a_refused_command(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="give for example"):
        command(["streaming_eig", "--quick", "--set", "gap.C=0", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


# Trials


@pytest.mark.parametrize("method", EVERY.known)
def test_every_method_finds_v1_of_a_wide_gap(method: str) -> None:
    instance = streams.draw(jax.random.key(0), N, D, 128.0, h=2)
    seen = jax.jit(lambda: trials.pass_once(instance, jax.random.key(1), method, chunk=100))()
    assert seen["sin2"] < 0.15
    assert seen["stored"] >= D
    # In every pass of Oja's; with eta / t it is the first rate's, which says nothing but holds.
    assert ("certificate" in seen) == (method in ("oja", "harmonic", "rates"))
    if "certificate" in seen:
        assert seen["certificate"] <= 1e-12


def test_oja_at_equal_memory_stores_no_more_than_the_sketch() -> None:
    instance = streams.draw(jax.random.key(0), N, D, 8.0)
    for l in (2, 9):  # noqa: E741
        solvers = [trials.solver_of(instance, name, l=l)[0] for name in ("directions", "rates")]
        stored = [int(solver.stored(solver.init(jax.random.key(1)))) for solver in solvers]
        assert stored[0] == 2 * l * D
        assert 0.5 * stored[0] < stored[1] <= stored[0]


# Claims


def a_run(claim: str, seen: dict[str, object], **params: object) -> Run:
    """A finished run that the claim is about, at the first point of its sweep but for `params`."""
    for sweep in study.sweeps:
        for own in grid_of(sweep):
            run = Run("x", sweep.name, {**own, **params}, 0)
            if CLAIMS[claim].runs(run):
                numbers = {name: np.asarray(x, float) for name, x in seen.items()}
                return replace(run, status="ok", quantities={"t": np.ones(1), **numbers})
    pytest.fail(f"no run is one of {claim}")


def read(claim: str, seen: dict[str, object], **params: object) -> float:
    """What a claim reads off a run, in units of what it predicts where that is a law."""
    asked, run = CLAIMS[claim], a_run(claim, seen, **params)
    unit = asked.target(run) if callable(asked.target) else 1.0
    return asked.estimate(run).value / unit


def test_a_share_is_held_against_its_exact_interval() -> None:
    eta = np.array([2.0, 4.0])
    at = {"d": 1024, "R": 5.0, "m": 64, "starts": 400}
    near = np.rint(theory.hard_failure(np.log(1024), 5.0, eta, 64) * 400) / 400

    def apart(*failing: float) -> float:
        return read("D6", {"eta": eta, "failing": failing}, **at)

    assert apart(*near) == 0.0
    assert apart(near[0], near[1] - 0.15) > 0.01
    assert apart(1.0, 1.0) > 0.3


def test_the_threshold_of_the_best_rate_is_told_in_units_of_its_law() -> None:
    """Failure at the best of two rates falls through .68 half way from R = 4 to R = 5."""
    level = 1 - theory.AT_THRESHOLD
    runs = [
        replace(a_run("D6/threshold", {"failing": [1.0, s]}, d=1024, R=R), id=str(R))
        for R, s in ((4.0, 1.0), (5.0, 2 * level - 1), (6.0, 0.1))
    ]
    runs = [replace(run, seed=seed) for seed in range(3) for run in runs]
    found = judge(CLAIMS["D6/threshold"], runs)
    assert found.measured == pytest.approx(4.5 / theory.hard_threshold(np.log(1024)))


def test_foreign_rows_break_the_lemma_and_own_ones_do_not() -> None:
    instance = trials.rows_of_kind(jax.random.key(0), "mixed", 100, 12, jnp.array(8.0))
    for foreign, broken in ((0.0, False), (1.0, True)):
        seen = trials.keep_subsets(instance, jax.random.key(1), jnp.array(foreign), 6)
        assert seen["over_sigma"].shape == (8,)
        assert (read("D2", seen, foreign=0.0) > 1 + 1e-12) == broken


def test_what_is_read_off_a_run() -> None:
    """R of the very matrix where a law speaks of that, the axis' where it is the row's energy."""
    seen: dict[str, object] = {"sin2": 0.02, "R": 25.0}
    assert read("kw-upper", seen) == pytest.approx(0.02 * 5)
    assert read("D9", seen, s=0.5) == pytest.approx(0.02 * 25)
    assert read("kw-lower", seen, R=10.0) == pytest.approx(2.0)
    assert read("order/half/oja", seen) == pytest.approx(0.02 / (1.5 * np.log(50) / 25))
    limit = {"mean": 0.6, "error": 0.1, "law": 0.5}
    assert read("D3", limit) == pytest.approx(1.2)
    assert CLAIMS["D3"].estimate(a_run("D3", limit)).se == pytest.approx(0.2)
    row = {"failing_mixed": [1.0, 0.9], "largest_row": 0.2}
    assert read("px-hard/mixed", row) == 0.0
    assert read("px-hard/mixed", {**row, "largest_row": 0.3}) == 0.9


@pytest.mark.parametrize(
    ("claim", "sweep", "short", "words"),
    [
        ("kw-upper", "power", {"n": 1600}, "n >= 80 * d * ln(d)"),
        ("order/half", "half", {"n": 1600, "order": "energy"}, "n >= 80 * d * ln(d)"),
        ("D3", "blocks", {"n": 400}, "(blocks - 1) * (d - 1) / (n * R) <= 0.05"),
        ("mergeable/d", "directions_d", {"n": 400}, "n >= 5 * d"),
        ("px-gap/light", "light_gap", {"n": 3200}, "n >= 250 * d"),
        ("order/shuffled", "worst", {"n": 400}, "n >= 200 * d"),
    ],
)
def test_a_stream_that_is_too_short_is_named(
    claim: str, sweep: str, short: dict[str, object], words: str
) -> None:
    """The claim covers the sweep as it is, and calls one with fewer rows too short."""
    params = next(iter(grid_of(study.sweep(sweep))))
    params = {**params, **{name: v for name, v in short.items() if name != "n"}}
    assert CLAIMS[claim].covers(Run("as it is", sweep, params, 0))
    unmet = CLAIMS[claim].unmet(Run("short", sweep, {**params, "n": short["n"]}, 0))
    assert unmet is not None
    assert (unmet.words, unmet.kind) == (words, "horizon")
