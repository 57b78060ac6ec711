"""What a sweep will cost before it runs: operations, bytes moved, seconds."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import joblib
import numpy as np

from matsense.judging.laws import by_name
from sims.running.blocks import Block, one_of_each
from sims.running.flops import Work, count
from sims.running.memory import batch
from sims.running.signals import unheard
from sims.running.worker import compiling_seconds, inputs, programs, trial_of

# A probe runs this part of a block's horizon, on every worker at once, as the sweep will.
PART = 20


@dataclass(frozen=True)
class Probe:
    """Seconds of one block, measured on a part of its horizon, and the work of its trials."""

    block: Block
    compile: float
    draw: float
    trial: float
    after: float
    work: Work
    bytes: int

    @property
    def seconds(self) -> float:
        """Seconds of a block once it is compiled."""
        return self.draw + self.trial + self.after


def probe(block: Block) -> Probe:
    """Draws the instances of a block and runs a part of its trials' horizon, timed."""
    horizon = block.sweep.horizon
    keys, floats, lanes = inputs(block)
    generate, trial = programs(block)
    steps = block.static.get(horizon)
    # Short horizons are run whole: there, what is not proportional to the horizon counts.
    part = steps if steps is None or steps < 20 * PART else steps // PART
    shortened = trial if part == steps else trial_of(block, **{horizon: part})
    began = compiling_seconds()

    def timed(call: Any) -> tuple[Any, float]:
        start, compiling = time.perf_counter(), compiling_seconds()
        result = jax.block_until_ready(call())
        seconds = time.perf_counter() - start - (compiling_seconds() - compiling)
        return result, max(seconds, 0.0)

    instances, draw = timed(lambda: generate(keys, floats))
    quantities, partly = timed(lambda: shortened(instances, keys, floats, lanes))
    compiling = compiling_seconds() - began
    after = _after(block, instances, jax.tree.map(np.asarray, quantities))
    jaxpr = jax.make_jaxpr(trial)(instances, keys, floats, lanes).jaxpr
    return Probe(
        block,
        compiling,
        draw,
        partly * (steps or 1) / (part or 1),
        after * len(block.runs),
        count(jaxpr, float(steps or 1)),
        batch(block).total,
    )


def _after(block: Block, instances: Any, quantities: dict[str, Any]) -> float:
    """Seconds of the host stage of one run; of one that fails, until it does."""
    after = block.sweep.after
    if after is None:
        return 0.0
    instance = jax.tree.map(lambda leaf: np.asarray(leaf[0]), instances)
    own = {name: array[0, 0] for name, array in quantities.items()}
    values = {**block.static, **block.rows[0][0].params}
    start = time.perf_counter()
    try:
        after(instance, own, **by_name(after, values))
    except Exception:
        # The run will be stored as failed; what it cost is known all the same.
        return time.perf_counter() - start
    return time.perf_counter() - start


def probes(pending: Sequence[Block], jobs: int) -> list[Probe]:
    """One probe of every shape, on all workers at once: they share caches and cores, as later."""
    found = []
    with joblib.Parallel(n_jobs=jobs, return_as="generator") as parallel:
        for task in one_of_each(pending):
            with unheard():
                each = parallel(joblib.delayed(probe)(task) for _ in range(jobs))
            found.append(max(each, key=_seconds))
    return found


def expected(probed: Sequence[Probe], jobs: int) -> float:
    """Seconds of batches on so many jobs, given the probe of each batch's shape.

    A shape is compiled by every worker that meets it: by no more of them than it has batches.
    """
    batches = Counter(found.block.shape for found in probed)
    shapes = {found.block.shape: found for found in probed}
    compiling = sum(min(jobs, batches[shape]) * found.compile for shape, found in shapes.items())
    return (sum(found.seconds for found in probed) + compiling) / jobs


def _seconds(found: Probe) -> float:
    return found.seconds
