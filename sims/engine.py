"""Hands blocks to processes, here or on a cluster, and yields what they finish."""

import contextlib
import multiprocessing
import queue
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

from sims.blocks import Block, batched
from sims.command import ASIDE
from sims.hush import hushed
from sims.signals import end_with_caller, unheard
from sims.worker import Done, Spent, killed, run_block

# So many blocks of one shape that each killed a worker by itself, and the rest is not tried.
MOST_DEATHS = 3


class WorkersLostError(Exception):
    """There is nobody left to run the blocks; what was finished is stored."""


@dataclass
class Pool:
    """Where blocks run: `jobs` processes of a joblib backend, or the workers of a dask scheduler.

    A worker is given up to `together` blocks of a shape at once: more than one where compiling
    takes as long as running, since every worker compiles, or at least traces, what it is given.
    `notices` collects what a person should hear, such as a worker that died.
    """

    jobs: int
    backend: str | None = None
    scheduler: str | None = None
    together: int = 1
    notices: list[str] = field(default_factory=list)

    @property
    def is_local(self) -> bool:
        """Whether the blocks run in processes that this one starts with loky."""
        return self.scheduler is None and self.backend in (None, "loky") and self.jobs > 1

    @property
    def is_serial(self) -> bool:
        """Whether the blocks run in this process, one after another."""
        return self.scheduler is None and self.backend in (None, "loky") and self.jobs == 1


def run_all(pending: Sequence[Block], pool: Pool) -> Iterator[Done]:
    """Runs blocks and yields each as it finishes; the caller writes the results.

    When a worker dies, the blocks that were in flight are run again one by one: the one that kills
    its worker even so is known, and its runs have failed. After MOST_DEATHS such blocks of a shape
    its others are not tried. Raises WorkersLostError if a cluster's scheduler is gone.
    """
    waiting, deaths = list(pending), Counter[Any]()
    while waiting:
        try:
            for done in _stream(waiting, pool):
                waiting.remove(done.block)
                yield done
        except _deadly():
            pool.notices.append("a worker died (killed, or out of memory?); its runs are run again")
            for block in [b for task in _tasks(waiting, pool)[: 2 * pool.jobs] for b in task]:
                waiting.remove(block)
                survived = _alone(block, pool)
                deaths[block.shape] += survived is None
                yield survived or Done(block, killed(block), Spent(0.0))
            lost = [block for block in waiting if deaths[block.shape] >= MOST_DEATHS]
            if lost:
                waiting = [block for block in waiting if block not in lost]
                pool.notices.append(
                    f"{sum(block.runs for block in lost)} runs of {lost[0].sweep} were not tried: "
                    f"{MOST_DEATHS} batches like theirs killed their workers (out of memory?)"
                )


def _alone(block: Block, pool: Pool) -> Done | None:
    """Runs one block with no other in flight; None if its worker dies of it."""
    try:
        (done,) = _stream([block], pool)
    except _deadly():
        return None
    return done


def _deadly() -> tuple[type[Exception], ...]:
    """What is raised when a worker dies; dask is imported only where it is used."""
    with contextlib.suppress(ImportError):
        from distributed.scheduler import KilledWorker

        return BrokenProcessPool, KilledWorker
    return (BrokenProcessPool,)


def _stream(pending: Sequence[Block], pool: Pool) -> Iterator[Done]:
    if pool.is_serial:
        for block in pending:
            yield _aside(run_block, block)
        return
    with _backend(pool) as settings:
        try:
            stream = joblib.Parallel(
                **settings, return_as="generator_unordered", pre_dispatch="2*n_jobs"
            )
        except ValueError:
            # A backend that cannot stream results: in waves, so that a kill still loses only a few.
            with contextlib.ExitStack() as stack:
                with unheard():
                    parallel = stack.enter_context(joblib.Parallel(**settings))
                for wave in batched(_tasks(pending, pool), 4 * pool.jobs):
                    for done in parallel(joblib.delayed(_run)(task) for task in wave):
                        yield from done
            return
        run = _run_here if pool.is_local else _run
        results, finished = None, False
        try:
            with unheard():
                results = stream(joblib.delayed(run)(task) for task in _tasks(pending, pool))
            for result in results:
                yield from result
            finished = True
        finally:
            # A caller that stops early knows that blocks are in flight; joblib would warn of it.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if results is not None:
                    results.close()
            if pool.is_local and not finished:
                # joblib kills its workers, but may have started others for what it sent meanwhile;
                # this process would wait for them when it ends.
                for child in multiprocessing.active_children():
                    child.terminate()
            if pool.is_local and finished:
                # Idle workers would keep their memory while the caller judges and draws.
                get_reusable_executor().shutdown(wait=True)


def _tasks(pending: Sequence[Block], pool: Pool) -> list[tuple[Block, ...]]:
    """The blocks that go to a worker at once, in the order of the first of them."""
    shapes: dict[Any, list[Block]] = {}
    for block in pending:
        shapes.setdefault(block.shape, []).append(block)
    tasks = [task for same in shapes.values() for task in batched(same, pool.together)]
    places = {id(block): place for place, block in enumerate(pending)}
    return sorted(tasks, key=lambda task: places[id(task[0])])


def _run(task: tuple[Block, ...]) -> list[Done]:
    """run_block for each, with the blocks in a tuple: dask would scatter a large object.

    What was scattered to a worker is lost with that worker; a tuple travels with its task instead.
    """
    return [run_block(block) for block in task]


def _run_here(task: tuple[Block, ...]) -> list[Done]:
    """_run in a worker that this command has started."""
    end_with_caller()
    return _run(task)


@contextlib.contextmanager
def _backend(pool: Pool) -> Iterator[dict[str, Any]]:
    """The arguments of joblib.Parallel; with a scheduler, while a client is connected to it."""
    if pool.scheduler is None:
        yield {"n_jobs": pool.jobs, "backend": pool.backend}
        return
    from distributed import Client

    lost = CancelledError, OSError
    hush = hushed()
    try:
        with Client(pool.scheduler) as client, joblib.parallel_config("dask", client=client):
            try:
                yield {"n_jobs": -1}
            except lost:
                # Told before the client closes, which it does not do in silence.
                hush.lost = True
                raise
    except lost as error:
        raise WorkersLostError(f"{pool.scheduler} cannot be reached any more") from error


def _aside(function: Callable[[Block], Done], block: Block) -> Done:
    """Calls `function` in a thread, because a signal would not be heard inside a compiled call."""
    answers: queue.SimpleQueue[Done] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(function(block)), name=ASIDE, daemon=True).start()
    return answers.get()
