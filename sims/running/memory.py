"""The bytes that a batch needs, and sweeps that are fitted to the memory there is."""

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
from joblib.externals.loky import get_reusable_executor
from rich.filesize import decimal

from matsense.errors import InvalidInput
from sims.running import processes
from sims.running.blocks import Block, blocks, one_of_each
from sims.running.signals import unheard
from sims.running.worker import inputs, programs
from sims.study import Sweep, unnamed

# On a GPU: so many instances a block fill it at these sizes, in this share of its memory.
GPU_INSTANCES, GPU_SHARE, GPU_LEAST = 16, 0.7, 4 * 10**9
# What a process can address on today's processors, where nothing tells how much there is.
ADDRESSABLE = 2**47
Grid = list[tuple[Sweep, int]]
# What was asked for and what to ask instead, of a batch that needs so many bytes.
Say = Callable[[int], tuple[str, str]]


@dataclass(frozen=True)
class Batch:
    """The bytes that a block needs while it runs, by what they hold."""

    instances: int
    drawing: int
    trial: int

    @property
    def total(self) -> int:
        """The peak: while drawing the instances, or while running the trials on them."""
        return self.instances + max(self.drawing, self.trial)


Weighed = tuple[list[Batch], int]


def batch(block: Block) -> Batch:
    """Bytes of a block as XLA assigns its buffers; compiles, but draws and runs nothing."""
    generate, trial = programs(block)
    keys, floats, lanes = inputs(block)
    instances = jax.eval_shape(generate, keys, floats)
    drawn = generate.lower(keys, floats).compile().memory_analysis()
    run = trial.lower(instances, keys, floats, lanes).compile().memory_analysis()
    return Batch(
        instances=drawn.output_size_in_bytes,
        drawing=drawn.temp_size_in_bytes,
        trial=run.temp_size_in_bytes + run.output_size_in_bytes,
    )


def bounded(study: str, grid: Grid, jobs: int, memory: int, typed: str) -> tuple[Grid, int]:
    """The grid and the number of jobs that stay within `memory` bytes, all processes together.

    First the jobs are reduced, which changes no number; then the instances of a block, which
    changes run ids with the block's width. Raises InvalidInput, with the arithmetic, for a single
    instance with its lanes that does not fit; `typed` is what the bound was given as.
    """
    light = process_bytes()
    found, heavy = _in_a_worker([_sample(study, sweep) for sweep, _ in grid])
    most = max(batch.total for batch in found)
    while jobs > 1 and light + jobs * (heavy + most) > memory:
        jobs -= 1
    room = (memory - heavy) if jobs == 1 else (memory - light) // jobs - heavy
    if room <= 0:
        raise InvalidInput(
            f"--memory {typed}",
            f"a process that has compiled these sweeps weighs {decimal(heavy)} by itself",
            f"give --memory {_roomy(heavy + most)}",
        )
    pairs = zip(grid, found, strict=True)

    def say(needed: int) -> tuple[str, str]:
        enough = f"give --memory {_roomy(heavy + needed)}"
        return f"--memory {typed}", f"{enough}, or smaller sizes with --set"

    return [(narrowed(study, sweep, batch, room, say), n) for (sweep, n), batch in pairs], jobs


def _in_a_worker(samples: Sequence[Sequence[Block]]) -> Weighed:
    """The heaviest batch of each sample, and what a process weighs that has compiled them.

    This one stays light: compilation leaves some 200 MB behind, which a caller would carry to its
    end.
    """
    if not processes.can_start():
        return _weigh(samples)
    executor = get_reusable_executor(max_workers=1)
    weighed = False
    try:
        with unheard():
            weighing = executor.submit(_weigh, samples)
        found = weighing.result()
        weighed = True
    finally:
        # Who is interrupted does not wait for a compilation.
        executor.shutdown(wait=True, kill_workers=not weighed)
    return found


def _weigh(samples: Sequence[Sequence[Block]]) -> Weighed:
    return [_heaviest(sample) for sample in samples], process_bytes()


def heaviest(study: str, sweep: Sweep) -> Batch:
    """The largest batch among the shapes of a sweep."""
    return _heaviest(_sample(study, sweep))


def _heaviest(sample: Sequence[Block]) -> Batch:
    return max(map(batch, sample), key=lambda found: found.total)


def _sample(study: str, sweep: Sweep) -> list[Block]:
    """A block of every shape of a sweep."""
    return one_of_each(blocks(study, [sweep], unnamed(study, sweep, 1)))


def narrowed(study: str, sweep: Sweep, found: Batch, room: int, say: Say) -> Sweep:
    """The sweep with as many instances a block as fit into `room` bytes."""
    while found.total > room:
        if sweep.instances_wide == 1:
            asked, remedy = say(found.total)
            raise InvalidInput(
                asked,
                f"a batch of {sweep.name} needs {decimal(found.total)}, one instance "
                f"{decimal(found.instances)} + the larger of drawing it {decimal(found.drawing)} "
                f"and its {sweep.lanes_wide} lanes {decimal(found.trial)}; "
                f"the processes themselves leave {decimal(room)} for it",
                remedy,
            )
        each = found.total / sweep.instances_wide
        fitting = max(1, min(sweep.instances_wide - 1, int(room / each)))
        sweep = replace(sweep, instances_wide=fitting)
        found = heaviest(study, sweep)
    return sweep


def machine_bytes() -> int:
    """The memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return ADDRESSABLE


def process_bytes() -> int:
    """The most that this process has weighed so far (its resident set)."""
    try:
        import resource
    except ImportError:
        raise InvalidInput(
            "--memory", "this system does not tell what a process weighs", "leave it out"
        ) from None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def widened(study: str, grid: Grid) -> Grid:
    """The grid with blocks wide enough for a GPU, and no wider than its memory allows."""
    memory = jax.devices("gpu")[0].memory_stats() or {}
    room = int(GPU_SHARE * memory.get("bytes_limit", GPU_LEAST))
    wide = [(replace(s, instances_wide=max(s.instances_wide, GPU_INSTANCES)), n) for s, n in grid]
    asked = "--device gpu", "give smaller sizes with --set"
    return [(narrowed(study, s, heaviest(study, s), room, lambda _: asked), n) for s, n in wide]


def _roomy(count: int) -> str:
    """A bound that leaves such a process room, as it is typed: no two weigh the same."""
    return f"{math.ceil(1.2 * count / 1e8) / 10:g}G"
