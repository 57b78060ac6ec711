"""Costs told before the work: counted operations, bytes of a batch, bounds on memory."""

import dataclasses
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from sims.running import memory
from sims.running.blocks import Block, blocks
from sims.running.cost import Probe, expected
from sims.running.flops import Work, count
from sims.running.worker import inputs, programs
from sims.study import Sweep, runs_of
from sims.study.catalogue import load
from tests import children, toy

STUDY = "overparam_gd"


def sensing_sweep(n: int = 20, m: int = 300, steps: int = 500) -> Sweep:
    sweep = load(STUDY).sweep("symmetric_sensing")
    return sweep.with_axes({"n": (n,), "m": (m,), "steps": (steps,), "k": (3,)})


def test_products_in_loops_are_counted_as_often_as_they_run() -> None:
    """A scan of 7 ticks around a loop of unknown length that takes 70 steps in all."""
    M = jnp.ones((5, 4))

    def between(v: jax.Array, tick: jax.Array) -> tuple[jax.Array, jax.Array]:
        v = jax.lax.fori_loop(tick, tick + 10, lambda _, v: M.T @ (M @ v), v)
        return v, jnp.sum(v)

    def trial(v: jax.Array) -> jax.Array:
        return jax.lax.scan(between, v, jnp.arange(7))[1]

    work = count(jax.make_jaxpr(trial)(jnp.ones(4)).jaxpr, 70.0)
    products = 70 * 2 * (2 * 5 * 4)
    assert products < work.flops < 1.5 * products
    assert work.moved == 70 * 8 * (2 * 20 + 2 * (5 + 4))


def test_a_sensing_trial_costs_what_its_operator_does() -> None:
    """2 p^2 operations a step and lane with the Gram form, within the rest of a step."""
    sweep = sensing_sweep()
    (block,) = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 1, "float64"))
    generate, trial = programs(block)
    keys, floats, lanes = inputs(block)
    instances = generate(keys, floats)
    work = count(jax.make_jaxpr(trial)(instances, keys, floats, lanes).jaxpr, 500.0)
    operator = 500 * sweep.lanes_wide * 2 * 210**2
    assert operator < work.flops < 1.6 * operator


def test_bytes_of_a_batch_hold_the_instances() -> None:
    sweep = sensing_sweep()
    (block,) = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 1, "float64"))
    found = memory.batch(block)
    generate, _ = programs(block)
    keys, floats, _ = inputs(block)
    held = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(generate(keys, floats)))
    assert held <= found.instances <= held + 4096
    assert found.total > found.instances


def test_a_memory_bound_narrows_blocks_and_refuses_with_the_arithmetic() -> None:
    sweep = load(STUDY).sweep("symmetric")
    wide = memory.heaviest(STUDY, sweep)
    fitted = memory.narrowed(STUDY, sweep, wide, wide.total // 2, lambda _: ("", ""))
    assert 1 <= fitted.instances_wide < sweep.instances_wide
    assert memory.heaviest(STUDY, fitted).total <= wide.total // 2
    with pytest.raises(
        InvalidInput,
        match=r"--memory 2M: .*one instance .* its 8 lanes .* leave 1.0 kB for it; more$",
    ):
        memory.narrowed(STUDY, sweep, wide, 1000, lambda _: ("--memory 2M", "more"))


def big(tree: Path) -> None:
    """The toy with instances of 14 MB, ten of them a block: 140 MB, and as much to draw them."""
    study = tree / "sims" / "studies" / "toy.py"
    text = study.read_text().replace("sensing.population(sensing", "sensing.measured(key, sensing")
    text = text.replace("jnp.ones(1)))", 'jnp.ones(1)), 2000, "rows")')
    text = text.replace('"n": (6,), "steps": (300,)', '"n": (30,), "steps": (30,)')
    study.write_text(text.replace("instances_wide=1", "instances_wide=10"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads memory in /proc")
def test_the_peak_stays_within_memory(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    big(tree)
    peaks = {}
    for limit in ("8G", "600M"):
        process = toy.start(tree, "toy", "--seeds", "10", "--memory", limit, "--out", limit)
        peak = 0
        while process.poll() is None:
            peak = max(peak, toy.weight(process))
            time.sleep(0.05)
        out, err = children.finish(process)
        assert process.returncode in (0, 1, 3), out + err
        assert len(toy.rows(tree / limit)) == 40
        peaks[limit] = peak
    assert peaks["600M"] < 0.6e9 < peaks["8G"]


def test_what_cannot_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    big(tree)
    refused = toy.sweep(tree, "toy", "--set", "n=300", "--memory", "1G")
    assert refused.returncode == 2, refused.stdout
    assert "one instance 1.4 GB" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tree / "figures").exists()


@pytest.mark.slow
def test_a_dry_run_tells_the_cost_and_writes_nothing(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    told = toy.sweep(tree, "toy", "--dry-run", "--jobs", "1")
    assert told.returncode == 0, told.stderr
    assert "120 runs: 0 stored, 120 to run" in told.stdout
    assert "about" in told.stdout
    assert not (tree / "figures").exists()
    toy.sweep(tree, "toy", "--seeds", "2", "--jobs", "1")
    assert "8 stored, 112 to run" in toy.sweep(tree, "toy", "--dry-run", "--jobs", "1").stdout


def test_the_breakdown_of_the_time_is_recorded(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    assert toy.sweep(tree, "toy", "--seeds", "2", "--jobs", "1").returncode == 0
    seconds = json.loads((tree / "figures/toy/provenance.json").read_text())["seconds"]
    assert {"run", "store", "read", "judge", "draw", "of which compiling"} <= set(seconds)
    assert 0 < seconds["of which compiling"] <= seconds["all workers"] <= seconds["run"] + 0.1


@pytest.mark.parametrize(("batches", "seconds"), [(1, (3 + 10) / 2), (2, (6 + 20) / 2), (8, 22.0)])
def test_a_shape_is_compiled_by_no_more_workers_than_it_has_batches(
    batches: int, seconds: float
) -> None:
    """Many shapes of one batch each, as in a quick grid, share the compiling among the workers."""
    probe = Probe(Block("s", "w", {"n": 1}, ()), 10.0, 1.0, 1.5, 0.5, Work(), 0)
    assert expected([probe] * batches, 2) == seconds
    other = dataclasses.replace(probe, block=Block("s", "w", {"n": 2}, ()))
    assert expected([probe, other] * batches, 2) == 2 * seconds
