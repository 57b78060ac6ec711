"""Operators in float32, everything else in float64: the same limits, the same trajectories."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from matsense.factors import gaussian_start
from matsense.loops import log_ticks, run
from matsense.operators import Gram, Rows, cast, product
from matsense.problems import sensing
from matsense.problems.sensing import Sensing
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from sims.running.blocks import blocks
from sims.running.precision import Precision, has_operator
from sims.running.worker import run_block
from sims.study import runs_of
from sims.study.catalogue import load
from tests import toy

STUDY = "overparam_gd"


def trajectory(problem: Sensing, k: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors and iterates at ticks."""
    start = gaussian_start(jax.random.key(1), 20, jnp.asarray(k), 8, jnp.asarray(0.5))

    def record(X: Array) -> dict[str, Array]:
        return {"error": problem.squared_error(X, X), "X": X}

    solver, ticks = symmetric_gd(problem, jnp.asarray(0.1)), log_ticks(steps, 20)
    recorded = run(solver, start, ticks, record)[1]
    return np.asarray(recorded["error"]), np.asarray(recorded["X"])


@pytest.fixture(scope="module", params=["rows", "gram"])
def problem(request: pytest.FixtureRequest) -> Sensing:
    key_truth, key_rows = jax.random.split(jax.random.key(0))
    truth = sensing.symmetric_truth(key_truth, 20, sensing.geometric_spectrum(3, 1.0))
    return sensing.measured(key_rows, truth, 300, request.param, symmetric=True)


def test_mixed_precision_converges_to_the_floor_of_float64(problem: Sensing) -> None:
    """float32 alone would stop near 1e-14; the rounding of a product shrinks with it."""
    error, _ = trajectory(cast(problem, jnp.float32), 3, 3000)
    assert error[-1] < 1e-28


@pytest.mark.parametrize("k", [3, 5])
def test_mixed_precision_follows_float64_to_1e_6(problem: Sensing, k: int) -> None:
    """Iterates always; squared errors from 1 to 1e-16, half way down to the floor in decades.

    An operator that differs by 6e-8 has a rate that differs by as much: over a fall by e^L the
    errors drift apart by L times that, in whatever precision they are computed.
    """
    error, X = trajectory(problem, k, 3000)
    mixed_error, mixed_X = trajectory(cast(problem, jnp.float32), k, 3000)
    gap = np.linalg.norm(X - mixed_X, axis=(1, 2)) / np.linalg.norm(X, axis=(1, 2))
    assert gap.max() < 1e-6
    above = error > 1e-16
    np.testing.assert_allclose(mixed_error[above], error[above], rtol=1e-6)


def test_a_product_keeps_relative_accuracy_at_any_scale() -> None:
    """Against float64, at scales that float32 cannot hold; and zero stays zero."""
    rng = np.random.default_rng(0)
    M, v = rng.normal(size=(30, 40)), rng.normal(size=40)
    for scale in (1e-200, 1e-30, 1.0, 1e150):
        narrow = product(jnp.asarray(M, dtype=jnp.float32), jnp.asarray(scale * v))
        wide = M.astype(np.float32).astype(float) @ (scale * v)
        assert narrow.dtype == jnp.float64
        assert np.max(np.abs(narrow - wide)) < 1e-6 * np.max(np.abs(wide))
    assert not np.any(product(jnp.asarray(M, dtype=jnp.float32), jnp.zeros(40)))


def test_only_operators_are_cast(problem: Sensing) -> None:
    narrow = cast(problem, jnp.float32)
    assert isinstance(narrow.operator, Rows | Gram)
    assert {leaf.dtype for leaf in jax.tree.leaves(narrow.operator)} == {jnp.dtype("float32")}
    assert narrow.truth.U.dtype == jnp.float64
    population = sensing.population(problem.truth)
    assert jax.tree.leaves(cast(population, jnp.float32)) == jax.tree.leaves(population)


def test_ids_differ_only_where_an_operator_is() -> None:
    mixed = Precision("float32")
    for name, dense in (("symmetric", False), ("symmetric_sensing", True)):
        sweep = load(STUDY).sweep(name)
        assert has_operator(sweep) is dense
        ids = {p.id for p in runs_of(STUDY, sweep, 1, Precision().of(sweep))}
        narrow = {p.id for p in runs_of(STUDY, sweep, 1, mixed.of(sweep))}
        assert (ids != narrow) is dense
        on_gpu = {p.id for p in runs_of(STUDY, sweep, 1, Precision(device="gpu").of(sweep))}
        assert ids.isdisjoint(on_gpu)


def test_a_block_keeps_its_operator_in_the_dtype_that_is_asked_for() -> None:
    sweep = load(STUDY).sweep("symmetric_sensing")
    sweep = sweep.with_axes({"n": (8,), "r": (2,), "steps": (60,), "m": (30,), "k": (2,)})
    seen = []

    def after(problem: Sensing, quantities: dict) -> dict:
        seen.append(jax.tree.leaves(problem.operator)[0].dtype)
        return quantities

    watched = dataclasses.replace(sweep, after=after)
    for dtype in ("float64", "float32"):
        for block in blocks(STUDY, [watched], runs_of(STUDY, watched, 1, dtype), dtype):
            assert {r.status for r in run_block(block).runs} == {"ok"}
    assert set(seen) == {np.dtype("float64"), np.dtype("float32")}


@pytest.mark.slow
def test_the_command_states_it_everywhere(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    study = tree / "sims" / "studies" / "toy.py"
    text = study.read_text()
    words = ["toy", "--seeds", "2", "--jobs", "1", "--operator-dtype", "float32"]
    refused = toy.sweep(tree, *words)
    assert refused.returncode == 2
    assert "no sweep of this study has a measurement operator" in refused.stderr
    study.write_text(
        text.replace("sensing.population(sensing", "sensing.measured(key, sensing").replace(
            "jnp.ones(1)))", 'jnp.ones(1)), 200, "rows")'
        )
    )
    assert toy.sweep(tree, *words[:-2]).returncode in (0, 1)
    done = toy.sweep(tree, *words)
    assert "0 stored, 8 to run" in done.stdout
    assert json.loads((tree / "figures/toy/verdict.json").read_text())["precision"] == (
        "float64, operator in float32"
    )
    told = json.loads((tree / "figures/toy/provenance.json").read_text())
    assert told["precision"] == "float64, operator in float32"
