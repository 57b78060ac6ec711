"""One small run of each sweep in the open, for whoever writes a study: what it records, or why not.

In this process and thread, so that a debugger can stop in it; nothing is judged and nothing is
stored.
"""

import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from matsense.errors import Excluded
from matsense.judging.runs import Run
from sims.identity.jitted import by_name
from sims.running.blocks import blocks
from sims.running.recorded import fitting
from sims.running.worker import inputs, programs
from sims.study import Sweep, blame, guarded, unnamed
from sims.text.escape import visible


def rehearse(study: str, chosen: Sequence[tuple[Sweep, int]], seed: int, operator: str) -> int:
    """Runs the first point of each sweep; prints what it recorded, or the traceback of what raised.

    The exit code: 0, or 2 if one raised, which is its author's to mend.
    """
    raised = 0
    for sweep, _ in chosen:
        first = {axis: values[:1] for axis, values in sweep.axes.items()}
        one = replace(sweep.with_axes(first), instances_wide=1, lanes_wide=1)
        (run,) = unnamed(study, one, 1, seed)
        began = time.perf_counter()
        try:
            finished = _finished(study, one, run, operator)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raised += 1
            sys.stdout.flush()
            for line in "".join(traceback.format_exception(error)).splitlines():
                print(visible(line), file=sys.stderr)
            where = guarded.named(run)
            print(f"error: {visible(f'{where}: {blame.told(error)}')}", file=sys.stderr)
        else:
            for line in _said(finished, time.perf_counter() - began):
                print(visible(line))
    told = f"{raised} of {len(chosen)} sweeps raised; " if raised else ""
    print(f"{told}nothing was judged, and nothing was stored")
    return 2 if raised else 0


def _finished(study: str, sweep: Sweep, run: Run, operator: str) -> Run:
    """The run as it comes out, by the program that a sweep runs; raises what it raises."""
    (block,) = blocks(study, [sweep], [run], operator)
    generate, trial = programs(block)
    keys, floats, lanes = inputs(block)
    instances = generate(keys, floats)
    found = trial(instances, keys, floats, lanes)
    if not isinstance(found, Mapping):
        raise TypeError(f"{sweep.name}: a trial gives a dict of quantities, not {found!r:.60}")
    own: dict[str, Any] = {name: np.asarray(array)[0, 0] for name, array in found.items()}
    if sweep.after is not None:
        instance = jax.tree.map(lambda leaf: np.asarray(leaf[0]), instances)
        try:
            own = sweep.after(instance, own, **by_name(sweep.after, {**block.static, **run.params}))
        except Excluded as reason:
            return replace(run, status="excluded", message=str(reason))
    recorded = {name: np.asarray(value) for name, value in own.items()}
    run = fitting(replace(run, status="ok", quantities=recorded), {})
    finite = all(np.all(np.isfinite(array)) for array in run.quantities.values())
    return run if finite else replace(run, status="diverged")


def _said(run: Run, seconds: float) -> Iterator[str]:
    status = f"{run.status} ({run.message})" if run.message else run.status
    yield f"{guarded.named(run)}: {status}, {seconds:.2g} s with compiling"
    for name, array in run.quantities.items():
        last = f", last {array.flat[-1]:.6g}" if array.size else ""
        yield f"    {name} {array.shape}{last}"
