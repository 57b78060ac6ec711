"""Blocks: fixed widths, bits that depend on the run alone, failures that stay alone."""

import contextlib
import dataclasses
import itertools
import pickle
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from matsense.judging.runs import Run
from sims.identity import jitted
from sims.running.blocks import Block, blocks
from sims.running.engine import Pool, run_all, tasks_of
from sims.running.worker import run_block, trial_of
from sims.storage.provenance import provenance
from sims.study import Sweep, runs_of
from sims.study.catalogue import load
from sims.terminal.progress import time_left

STUDY = "overparam_gd"
GRIDS = {
    "symmetric": {"n": (12,), "r": (2,), "steps": (60,), "kappa": (1.0, 2.0), "k": (2, 3, 4)},
    "symmetric_sensing": {"n": (8,), "r": (2,), "steps": (60,), "m": (30, 60), "k": (2, 3)},
    "one_step": {"n1": (9,), "n2": (7,), "r": (2,), "steps": (60,), "k": (3,), "kappa": (1.0,)},
}


def small(name: str, **axes: tuple) -> Sweep:
    return load(STUDY).sweep(name).with_axes({**GRIDS[name], **axes})


def results(
    wanted: list[Run], sweep: Sweep, jobs: int = 1, backend: str | None = None
) -> dict[str, Run]:
    found = {}
    for done in run_all(blocks(STUDY, [sweep], wanted), Pool(jobs, backend)):
        found |= {run.id: run for run in done.runs}
    return found


def assert_equal_bits(a: Run, b: Run) -> None:
    assert a.status == b.status == "ok", (a.message, b.message)
    for name, array in a.quantities.items():
        np.testing.assert_array_equal(array, b.quantities[name], err_msg=name)


@pytest.fixture(scope="module", params=sorted(GRIDS))
def whole(request: pytest.FixtureRequest) -> Iterator[tuple[Sweep, dict[str, Run]]]:
    sweep = small(request.param)
    yield sweep, results(runs_of(STUDY, sweep, 3, "float64"), sweep)


def test_every_run_is_computed_once(whole: tuple[Sweep, dict[str, Run]]) -> None:
    sweep, found = whole
    wanted = runs_of(STUDY, sweep, 3, "float64")
    assert len({p.id for p in wanted}) == len(wanted)
    assert set(found) == {p.id for p in wanted}


def test_bits_do_not_depend_on_the_company(whole: tuple[Sweep, dict[str, Run]]) -> None:
    """One run alone in its block, and a sparse half in reverse order: the same bits."""
    sweep, found = whole
    wanted = runs_of(STUDY, sweep, 3, "float64")
    alone = wanted[len(wanted) // 2]
    assert_equal_bits(results([alone], sweep)[alone.id], found[alone.id])
    half = results(wanted[::-2], sweep)
    for id, run in half.items():
        assert_equal_bits(run, found[id])


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_bits_do_not_depend_on_jobs_and_backend(backend: str) -> None:
    sweep = small("symmetric_sensing")
    wanted = runs_of(STUDY, sweep, 2, "float64")
    serial, parallel = results(wanted, sweep), results(wanted, sweep, jobs=2, backend=backend)
    assert set(serial) == set(parallel)
    for id, run in serial.items():
        assert_equal_bits(run, parallel[id])


@pytest.mark.parametrize("batches", [1, 2])
def test_there_are_never_more_workers_than_batches(batches: int) -> None:
    """Not fewer either, with more than one job: a batch that kills its process kills no command."""
    sweep = small("symmetric", k=(2,), kappa=(1.0,))
    seeds = batches * sweep.instances_wide
    packed = blocks(STUDY, [sweep], runs_of(STUDY, sweep, seeds, "float64"))
    assert len(packed) == batches
    workers: set[int] = set()
    for _ in run_all(packed, Pool(7)):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                workers |= {child.pid} if "LokyProcess" in " ".join(child.cmdline()) else set()
    assert len(workers) == batches


def test_instances_of_equal_shape_share_one_compilation() -> None:
    """Two m whose Gram matrices have one shape: two generators, one compiled trial."""
    sweep = small("symmetric_sensing", steps=(61,), m=(400, 500))
    # Naming does this too, if other tests have changed what was read while it traced.
    jitted.forget()
    packed = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 1, "float64"))
    assert {block.static["m"] for block in packed} == {400, 500}
    for block in packed:
        assert {run.status for run in run_block(block).runs} == {"ok"}
    (trial,) = {trial_of(block) for block in packed}
    assert trial._cache_size() == 1


def test_grown_axes_keep_old_ids_and_instances() -> None:
    old = {p.id for p in runs_of(STUDY, small("symmetric"), 2, "float64")}
    new = {
        p.id for p in runs_of(STUDY, small("symmetric", alpha=(0.5, 0.2, 0.1, 0.3)), 3, "float64")
    }
    assert old < new


def test_later_seeds_are_the_runs_that_a_grown_sweep_would_have() -> None:
    sweep = small("symmetric")
    grown = {p.id for p in runs_of(STUDY, sweep, 5, "float64")}
    fresh = runs_of(STUDY, sweep, 2, "float64", first=3)
    assert {p.seed for p in fresh} == {3, 4}
    assert {p.id for p in fresh} == grown - {p.id for p in runs_of(STUDY, sweep, 3, "float64")}
    stated = provenance(["sweep"], "float64", [(sweep, 2)], 1, first=3)
    assert stated["grid"]["symmetric"]["seeds"] == [3, 4]


def test_ids_tell_precision_and_parameters_apart() -> None:
    sweep = small("symmetric")
    a, b = runs_of(STUDY, sweep, 1, "float64"), runs_of(STUDY, sweep, 1, "float32")
    assert {p.id for p in a}.isdisjoint(p.id for p in b)
    wide = dataclasses.replace(sweep, lanes_wide=4)
    assert {p.id for p in a}.isdisjoint(p.id for p in runs_of(STUDY, wide, 1, "float64"))


def test_blocks_share_shapes_and_respect_widths() -> None:
    sweep = small("symmetric")
    packed = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 4, "float64"))
    for block in packed:
        assert len(block.rows) <= sweep.instances_wide
        assert all(len(row) <= sweep.lanes_wide for row in block.rows)
        assert len({len(row) for row in block.rows}) == 1
    assert sum(len(block.runs) for block in packed) == 2 * 3 * 3 * 4


def test_tasks_hold_blocks_of_one_shape_and_every_block_once() -> None:
    """After the first block of every shape comes shape after shape, so few programs are needed."""
    sweep = dataclasses.replace(small("symmetric_sensing"), instances_wide=1)
    packed = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 5, "float64"))
    shapes = [block.shape for block in packed]
    kinds = len(set(shapes))
    assert kinds > 1 and len(set(shapes[:kinds])) == kinds
    changes = sum(a != b for a, b in itertools.pairwise(shapes[kinds:]))
    assert changes == kinds - 1
    tasks = tasks_of(packed, Pool(2, together=3))
    assert sorted(map(id, itertools.chain(*tasks))) == sorted(map(id, packed))
    assert all(len({block.shape for block in task}) == 1 for task in tasks)
    assert max(map(len, tasks)) == 3
    assert [task[0] for task in tasks_of(packed, Pool(2))] == packed


def test_wide_ranks_get_a_wider_padding_and_the_same_numbers() -> None:
    sweep = small("symmetric", k=(3, 9))
    assert {
        b.static["width"] for b in blocks(STUDY, [sweep], runs_of(STUDY, sweep, 1, "float64"))
    } == {8, 12}


def test_divergence_is_a_status_not_an_error() -> None:
    sweep = small("symmetric", eta=(5.0, 0.1), k=(2,), alpha=(0.5,), kappa=(1.0,))
    found = results(runs_of(STUDY, sweep, 1, "float64"), sweep)
    by_eta = {run.params["eta"]: run for run in found.values()}
    assert (by_eta[5.0].status, by_eta[0.1].status) == ("diverged", "ok")
    assert not np.isfinite(by_eta[5.0].quantities["squared_error"][-1])


def test_a_host_stage_bears_diverged_runs() -> None:
    sweep = small("one_step", eta=(5.0, 0.1), alpha=(0.5,), balance=(1.0,))
    found = results(runs_of(STUDY, sweep, 1, "float64"), sweep)
    status = {run.params["eta"]: run.status for run in found.values()}
    assert status == {5.0: "diverged", 0.1: "ok"}


def test_a_block_that_is_sent_finds_its_sweep_in_the_study_that_is_imported_there() -> None:
    """Its functions do not travel: a lambda, or one of a file, cannot."""
    sweep = dataclasses.replace(small("symmetric"), after=lambda problem, quantities: quantities)
    block = blocks(STUDY, [sweep], runs_of(STUDY, sweep, 1, "float64"))[0]
    sent = pickle.loads(pickle.dumps(block))
    assert sent == block
    assert (block.sweep, sent.sweep) == (sweep, load(STUDY).sweep("symmetric"))


def test_a_trial_that_cannot_be_traced_fails_with_its_message() -> None:
    def trial(instance: object, key: object, k: int, alpha: float, eta: float, steps: int) -> dict:
        raise ValueError("no such update")

    broken = dataclasses.replace(small("symmetric", k=(2,)), name="untraceable", trial=trial)
    (block,) = blocks(STUDY, [broken], runs_of(STUDY, broken, 1, "float64"))
    runs = run_block(block).runs
    line = trial.__code__.co_firstlineno + 1
    assert {r.message for r in runs} == {f"ValueError: no such update (test_engine.py line {line})"}
    assert len(runs) == len(block.runs)


def test_a_run_that_raises_fails_alone() -> None:
    sweep = small("symmetric", k=(2, 3), alpha=(0.5,), kappa=(1.0,))

    def after(problem: object, quantities: dict, k: int, kappa: float) -> dict:
        if k == 3:
            raise ValueError("no answer\nfor k = 3")
        return quantities

    broken = dataclasses.replace(sweep, after=after)
    (block,) = blocks(STUDY, [broken], runs_of(STUDY, broken, 2, "float64"))
    runs = run_block(block).runs
    status = {(r.params["k"], r.seed): (r.status, r.message) for r in runs}
    assert status[2, 0] == status[2, 1] == ("ok", "")
    line = after.__code__.co_firstlineno + 2
    told = f"ValueError: no answer (test_engine.py line {line})"
    assert status[3, 0] == status[3, 1] == ("failed", told)


def test_time_left_uses_what_was_measured() -> None:
    def block(n: int) -> Block:
        return Block("s", "w", {"n": n}, ())

    assert np.isnan(time_left([block(1)], {}, 2))
    seen = {block(1).shape: [9.0, 2.0, 2.0], block(2).shape: [4.0]}
    assert time_left([block(1), block(1), block(2)], seen, 2) == pytest.approx((2 + 2 + 4) / 2)
