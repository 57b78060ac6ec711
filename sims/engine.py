"""Runs the missing points of a grid: blocks of instances by lanes, one compiled call each."""

import functools
import itertools
import math
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor

from sims.store import Record
from sims.study import Params, Point, Sweep, by_name, instance_key, load


@dataclass(frozen=True)
class Block:
    """A rectangle of runs that share a compilation: every instance with every lane."""

    study: str
    sweep: str
    static: Params
    points: tuple[tuple[Point, ...], ...]

    @property
    def runs(self) -> int:
        """How many runs it holds."""
        return sum(len(row) for row in self.points)


def blocks(study: str, sweeps: Sequence[Sweep], points: Sequence[Point]) -> list[Block]:
    """Packs points into blocks; the first block of every shape comes first.

    Lanes of one instance stay together; instances that lack the same lanes share blocks. Starting
    with one block of every shape compiles early and lets the time that is left be told honestly.
    """
    named = {sweep.name: sweep for sweep in sweeps}
    shapes: dict[Any, tuple[Sweep, Params, dict[Any, list[Point]]]] = {}
    for point in points:
        sweep = named[point.sweep]
        static: Params = sweep.static(point.params)
        key = (sweep.name, *static.items())
        own = tuple(point.params[axis] for axis in (*sweep.shape, *sweep.instance))
        _, _, by_instance = shapes.setdefault(key, (sweep, static, {}))
        by_instance.setdefault((own, point.seed), []).append(point)
    queues = []
    for sweep, static, by_instance in shapes.values():
        rows: dict[Any, list[tuple[Point, ...]]] = {}
        for lanes in by_instance.values():
            for chunk in _batched(lanes, sweep.lanes_wide):
                key = tuple(tuple(p.params[a] for a in sweep.lane) for p in chunk)
                rows.setdefault(key, []).append(chunk)
        queues.append(
            [
                Block(study, sweep.name, static, tuple(chunk))
                for same in rows.values()
                for chunk in _batched(same, sweep.instances_wide)
            ]
        )
    return [block for group in itertools.zip_longest(*queues) for block in group if block]


def _batched(items: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(items), width):
        yield tuple(items[start : start + width])


def run_all(
    pending: Sequence[Block], jobs: int, backend: str | None
) -> Iterator[tuple[Block, list[Record], float]]:
    """Runs blocks with joblib and yields each as it finishes, with its wall time in seconds.

    The caller writes the results: workers need no shared file system.
    """
    try:
        stream = joblib.Parallel(
            n_jobs=jobs, backend=backend, return_as="generator_unordered", pre_dispatch="2*n_jobs"
        )
    except ValueError:
        # A backend that cannot stream results: in waves, so that a kill still loses only a few.
        with joblib.Parallel(n_jobs=jobs, backend=backend) as parallel:
            for wave in _batched(pending, 4 * jobs):
                yield from parallel(joblib.delayed(run_block)(block) for block in wave)
    else:
        results = stream(joblib.delayed(run_block)(block) for block in pending)
        try:
            for result in results:  # noqa: UP028 - `yield from` would close `results` by itself
                yield result
        finally:
            # A caller that stops early knows that blocks are in flight; joblib would warn of it.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.close()
    if jobs > 1 and backend in (None, "loky"):
        # Idle workers would keep their memory while the caller judges and draws.
        get_reusable_executor().shutdown(wait=True)


def run_block(block: Block) -> tuple[Block, list[Record], float]:
    """Runs one block. A host stage that raises fails its own run; a traced trial, all of them."""
    start = time.perf_counter()
    sweep = load(block.study).sweep(block.sweep)
    try:
        outcome = _compute(block, sweep)
    except Exception as error:
        outcome = [_failed(point, error) for row in block.points for point in row]
    seconds = time.perf_counter() - start
    each = seconds / max(block.runs, 1)
    return block, [_timed(record, each) for record in outcome], seconds


def _failed(point: Point, error: Exception) -> Record:
    return Record(point, "failed", {}, f"{type(error).__name__}: {error}".splitlines()[0])


def _timed(record: Record, seconds: float) -> Record:
    return Record(record.point, record.status, record.quantities, record.message, seconds)


def _compute(block: Block, sweep: Sweep) -> list[Record]:
    generate = _generator(block.study, block.sweep, tuple(block.static.items()))
    # A trial is keyed by what it asks for alone: instances of equal shape share its compilation.
    asked = by_name(sweep.trial, block.static)
    trial = _trial(block.study, block.sweep, tuple(asked.items()))
    # Fixed widths: repeat the last row and column, then forget the copies.
    rows = _padded([row[0] for row in block.points], sweep.instances_wide)
    columns = _padded(list(block.points[0]), sweep.lanes_wide)
    keys = np.stack([instance_key(block.study, sweep, p.params, p.seed) for p in rows])
    floats = {
        axis: np.array([p.params[axis] for p in rows])
        for axis in sweep.instance
        if axis not in block.static
    }
    lanes = {axis: np.array([p.params[axis] for p in columns]) for axis in sweep.lane}
    instances = generate(keys, floats)
    quantities = jax.tree.map(np.asarray, trial(instances, keys, floats, lanes))
    records = []
    for i, row in enumerate(block.points):
        instance = None
        for j, point in enumerate(row):
            own = {name: array[i, j] for name, array in quantities.items()}
            if sweep.after is not None:
                if instance is None:
                    instance = jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), instances)
                values = {**block.static, **point.params}
                try:
                    own = sweep.after(instance, own, **by_name(sweep.after, values))
                except Exception as error:
                    records.append(_failed(point, error))
                    continue
            finite = all(np.all(np.isfinite(array)) for array in own.values())
            records.append(Record(point, "ok" if finite else "diverged", own))
    return records


def _padded(items: list[Any], width: int) -> list[Any]:
    return items + [items[-1]] * (width - len(items))


@functools.lru_cache(maxsize=64)
def _generator(study: str, sweep_name: str, static_items: tuple) -> Any:
    """The jitted problem of a shape: one instance after another."""
    sweep = load(study).sweep(sweep_name)
    static = dict(static_items)

    @jax.jit
    def generate(keys: Any, floats: dict[str, Any]) -> Any:
        def one(inputs: tuple[Any, dict[str, Any]]) -> Any:
            key = jax.random.wrap_key_data(inputs[0])
            values = {**static, **inputs[1]}
            return sweep.problem(jax.random.fold_in(key, 0), **by_name(sweep.problem, values))

        return jax.lax.map(one, (keys, floats))

    return generate


@functools.lru_cache(maxsize=64)
def _trial(study: str, sweep_name: str, static_items: tuple) -> Any:
    """The jitted trial of a shape: vmap over instances of vmap over lanes."""
    sweep = load(study).sweep(sweep_name)
    static = dict(static_items)

    @jax.jit
    def trial(instances: Any, keys: Any, floats: dict[str, Any], lanes: dict[str, Any]) -> Any:
        def one(instance: Any, key: Any, own: dict[str, Any]) -> Any:
            start = jax.random.fold_in(jax.random.wrap_key_data(key), 1)

            def lane(values: dict[str, Any]) -> Any:
                known = {**static, **own, **values}
                return sweep.trial(instance, start, **by_name(sweep.trial, known))

            return jax.vmap(lane)(lanes) if lanes else jax.tree.map(lambda x: x[None], lane({}))

        return jax.vmap(one)(instances, keys, floats)

    return trial


def time_left(pending: Sequence[Block], finished: dict[Any, list[float]], jobs: int) -> float:
    """Seconds to go: a block costs the median of its shape's, or of all while it has none.

    The lower median, because the first block of a shape in every worker also compiles.
    """
    seen = [second for seconds in finished.values() for second in seconds]
    if not seen:
        return math.nan
    costs = (finished.get(shape_of(block), seen) for block in pending)
    return sum(statistics.median_low(cost) for cost in costs) / jobs


def shape_of(block: Block) -> Any:
    """What blocks of equal cost have in common."""
    return (block.sweep, *block.static.items())


def has_device(kind: str) -> bool:
    """Whether JAX finds a device of a kind ("cpu" or "gpu")."""
    try:
        return bool(jax.devices(kind))
    except RuntimeError:
        return False
