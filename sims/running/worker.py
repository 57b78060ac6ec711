"""Runs one block, in whatever process it finds itself: draws the instances, runs the trials."""

import functools
import time
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from matsense.errors import Excluded
from matsense.judging.runs import Run
from sims.identity import jitted
from sims.identity.jitted import by_name
from sims.identity.names import Names
from sims.running.blocks import Block
from sims.running.environment import prepare
from sims.study import blame, instance_key, names_of
from sims.text.escape import visible

COMPILE_EVENTS = "/jax/core/compile/"


@dataclass(frozen=True)
class Spent:
    """Seconds of a worker on one block: in all, compiling (tracing too), in the host stage."""

    total: float
    compile: float = 0.0
    after: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.total + other.total, self.compile + other.compile, self.after + other.after
        )


@dataclass(frozen=True)
class Done:
    """A finished block, and its runs as they came out."""

    block: Block
    runs: list[Run]
    spent: Spent


class _Compiling:
    """Seconds that this process has spent compiling, as JAX reports them."""

    seconds = 0.0

    @classmethod
    def listen(cls, event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith(COMPILE_EVENTS):
            cls.seconds += duration_secs


@functools.cache
def _listening() -> type[_Compiling]:
    jax.monitoring.register_event_duration_secs_listener(_Compiling.listen)
    return _Compiling


def compiling_seconds() -> float:
    """Seconds that this process has spent on tracing and compiling since this was first asked."""
    return _listening().seconds


def run_block(block: Block) -> Done:
    """Runs one block. A host stage that raises fails its own run; a traced trial, all of them."""
    prepare()
    start, compiling = time.perf_counter(), compiling_seconds()
    after = 0.0
    try:
        _check_program(block)
        runs, after = _compute(block)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit, and the panics of libraries in Rust, too
        runs = [_failed(run, error) for run in block.runs]
    total = time.perf_counter() - start
    each = total / max(len(block.runs), 1)
    timed = [replace(run, seconds=each) for run in runs]
    # Older versions of JAX count a function that is traced inside of another one twice.
    compile = min(compiling_seconds() - compiling, total)
    return Done(block, timed, Spent(total, compile, after))


def killed(block: Block) -> list[Run]:
    """The runs of a block that killed its worker, as failed."""
    error = MemoryError("the worker died of this batch, alone (out of memory?)")
    return [_failed(run, error) for run in block.runs]


def _failed(run: Run, error: BaseException) -> Run:
    return replace(run, status="failed", message=visible(blame.told(error)))


def _check_program(block: Block) -> None:
    """Raises RuntimeError if this process would compute a block with another program."""
    sweep, wanted = block.sweep, block.rows[0][0].program
    own = _names(block.study).of(sweep, block.static, block.wide, block.operator) if wanted else ""
    if own != wanted:
        raise RuntimeError(
            "this worker's code, or a package or setting of it, differs from the caller's: install "
            "the same on both and start the worker anew (what a script has replaced is not in its "
            "workers: use --jobs 1)"
        )


@functools.cache
def _names(study: str) -> Names:
    """The names that this process gives, by what it has imported when it first met the study."""
    return names_of(study)


def _compute(block: Block) -> tuple[list[Run], float]:
    sweep = block.sweep
    generate, trial = programs(block)
    keys, floats, lanes = inputs(block)
    instances = generate(keys, floats)
    quantities = jax.tree.map(np.asarray, trial(instances, keys, floats, lanes))
    began = time.perf_counter()
    runs = []
    for i, row in enumerate(block.rows):
        instance = None
        for j, run in enumerate(row):
            own = {name: array[i, j] for name, array in quantities.items()}
            if sweep.after is not None:
                if instance is None:
                    instance = jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), instances)
                values = {**block.static, **run.params}
                try:
                    stored = sweep.after(instance, own, **by_name(sweep.after, values))
                    own = {name: _array(value) for name, value in stored.items()}
                except Excluded as reason:
                    runs.append(replace(run, status="excluded", message=visible(str(reason))))
                    continue
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    runs.append(_failed(run, error))
                    continue
            finite = all(np.all(np.isfinite(array)) for array in own.values())
            recorded = {name: np.asarray(array) for name, array in own.items()}
            runs.append(replace(run, status="ok" if finite else "diverged", quantities=recorded))
    return runs, time.perf_counter() - began


def _array(value: Any) -> np.ndarray:
    """What a host stage stores, a plain number or truth value too, as an array of numbers."""
    array = np.asarray(value)
    return array if isinstance(value, np.ndarray) and array.dtype != bool else array.astype(float)


def programs(block: Block) -> tuple[Any, Any]:
    """The two jitted functions of a block's shape: draw the instances, run the trials."""
    return jitted.generator_of(block.sweep.problem, block.static, block.operator), trial_of(block)


def trial_of(block: Block, **instead: Any) -> Any:
    """The jitted trial of a block's shape, with some of its static parameters replaced."""
    sweep = block.sweep
    return jitted.trial_of(sweep.trial, {**block.static, **instead}, sweep.in_turn)


def inputs(block: Block) -> tuple[np.ndarray, dict[str, Any], dict[str, Any]]:
    """Keys and numbers of the instances, numbers of the lanes, padded to the fixed widths.

    Padding repeats the last instance and the last lane; the copies are forgotten afterwards.
    """
    sweep = block.sweep
    rows = _padded([row[0] for row in block.rows], block.wide)
    columns = _padded(list(block.rows[0]), sweep.lanes_wide)
    keys = np.stack([instance_key(block.study, sweep, p.params, p.seed) for p in rows])
    floats = {
        axis: np.array([p.params[axis] for p in rows])
        for axis in sweep.instance
        if axis not in block.static
    }
    return keys, floats, {axis: np.array([p.params[axis] for p in columns]) for axis in sweep.lane}


def _padded(items: list[Any], width: int) -> list[Any]:
    return items + [items[-1]] * (width - len(items))
