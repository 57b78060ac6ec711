"""The part of streaming_eig on bounded memory: what it refuses, what its claims select and read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.claims import Run
from matsense.problems import streaming
from sims.studies.streaming_eig import power_laws as laws
from sims.studies.streaming_eig import power_trials as trials
from sims.studies.streaming_eig import study
from sims.studies.streaming_eig.power_sweeps import sweeps
from sims.study import grid_of
from sims.terminal.grid import grid
from tests import streams

N, D = 1600, 20
BY_NAME = {sweep.name: sweep for sweep in sweeps}


@pytest.mark.parametrize(
    ("sweep", "axis", "value"),
    [
        ("power", "R", 1.0),
        ("power", "R", float("nan")),
        ("blocks", "grouped", 0.5),
        ("power", "h", 50),
        ("power", "h", -1),
        ("power", "share", 1.5),
        ("power", "method", "orakle"),
        ("power", "order", "sorted"),
        ("memory", "belief", 0.0),
        ("half", "carriers", 0.0),
        ("blocks", "blocks", 20_001),
        ("blocks", "blocks", 0),
        ("blocks", "trials", 1),
        ("directions_l", "l", 0),
        ("directions_l", "R", 0.5),
        ("one_tail", "tail", 1000),
        ("one_sketch", "l", 0),
        ("kept", "h", 65),
        ("kept", "s", 0.0),
        ("kept", "s", 0.001),
        ("kept", "R", 1.0),
        ("forgotten", "q", 0),
        ("subsets", "kind", "mixt"),
        ("subsets", "n", 10),
    ],
)
def test_points_that_cannot_be_are_refused(sweep: str, axis: str, value: object) -> None:
    typed = f"{sweep}.{axis}={value}"
    with pytest.raises(InvalidInput, match=r"give for example ") as caught:
        grid(study, False, None, [typed])
    assert str(caught.value).startswith(typed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", trials.METHODS)
def test_every_method_finds_v1_of_a_wide_gap(method: str) -> None:
    instance = streams.draw(jax.random.key(0), N, D, 128.0, h=2)
    seen = jax.jit(lambda: trials.pass_trial(instance, jax.random.key(1), method, chunk=100))()
    assert seen["sin2"] < 0.15
    assert seen["stored"] >= D
    # D0 in every Oja run; with eta / t it is the first rate's, which says nothing but holds.
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


def test_a_tail_of_fewer_coordinates_is_the_smaller_stream() -> None:
    key = jax.random.key(0)
    wide = trials.flat_rows(key, 200, 30, jnp.array(5.0), 10)
    narrow = streaming.draw(key, 200, 10, 5.0)
    np.testing.assert_array_equal(wide.rows[:, :10], narrow.rows)
    np.testing.assert_array_equal(wide.rows[:, 10:], 0.0)
    np.testing.assert_allclose(np.linalg.norm(wide.rows @ wide.v1) ** 2, 5.0, rtol=1e-10)


def test_foreign_rows_break_the_lemma_and_own_ones_do_not() -> None:
    instance = trials.subset_rows(jax.random.key(0), "mixed", 100, 12, jnp.array(8.0))
    for foreign, broken in ((0.0, False), (1.0, True)):
        seen = trials.subsets_trial(instance, jax.random.key(1), jnp.array(foreign), 6)
        run = Run("x", "subsets", {}, 0, "ok", {k: np.asarray(v, float) for k, v in seen.items()})
        assert seen["over_sigma"].shape == (8,)
        assert (laws.worst(run) > 1 + 1e-12) == broken


def test_what_is_read_off_a_run() -> None:
    seen = {name: np.array(x) for name, x in {"sin2": 0.02, "R": 25.0}.items()}
    params = {"R": 10.0, "s": 0.5, "d": 100, "blocks": 7}
    run = Run("x", "kept", params, 0, "ok", seen)
    assert laws.in_upper_units(run) == pytest.approx(0.1)
    assert laws.kept_law(run) == pytest.approx(1 / 25)
    assert laws.in_row_energy(run) == pytest.approx(2.0)
    assert laws.spare_blocks(params) == pytest.approx(6.0)
    assert laws.over_certificate(run) == pytest.approx(0.02 / (1.5 * np.log(100) / 25))


@pytest.mark.parametrize(
    ("claim", "sweep", "short", "words"),
    [
        ("kw-upper", "power", {"n": 1600}, "n >= 80 d ln d"),
        (
            "order/half",
            "half",
            {"n": 1600, "method": "oracle", "order": "energy"},
            "n >= 80 d ln d",
        ),
        ("D3", "blocks", {"n": 400}, "(t - 1)(d - 1) / (n R) <= 0.05"),
        ("mergeable/d", "directions_d", {"n": 400}, "n >= 5 d"),
        ("px-gap/light", "light_gap", {"n": 3200}, "n >= 250 d"),
        ("order/shuffled", "worst", {"n": 400}, "n >= 200 d"),
    ],
)
def test_a_stream_that_is_too_short_is_named(
    claim: str, sweep: str, short: dict[str, object], words: str
) -> None:
    """The claim covers the sweep as it is, and calls one with fewer rows too short."""
    asked = next(c for c in study.claims if c.id == claim)
    params = next(iter(grid_of(next(s for s in study.sweeps if s.name == sweep))))
    params = {**params, **{name: v for name, v in short.items() if name != "n"}}
    assert asked.covers(Run("as it is", sweep, params, 0))
    unmet = asked.unmet(Run("short", sweep, {**params, "n": short["n"]}, 0))
    assert unmet is not None
    assert (unmet.words, unmet.kind) == (words, "horizon")
