"""Hands blocks to processes, here or on a cluster, and yields what they finish."""

import contextlib
import multiprocessing
import queue
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

from sims.running.blocks import Block, batched
from sims.running.cluster import KilledError, run_there
from sims.running.signals import ASIDE, end_with_caller, unheard
from sims.running.worker import Done, Spent, killed, run_block

WORKER_DIED = "a worker died (killed, or out of memory?); its runs are run again"
# So many blocks of one shape that each killed its worker, and the rest is not tried; a block has
# killed its worker if it did so that often with no other in flight.
MOST_DEATHS = 3
TRIES_ALONE = 2
MOST_STARTS = 10


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

    def __post_init__(self) -> None:
        if self.backend == "multiprocessing" and self.jobs > 1:
            # It waits for the answer of a process that was killed, for ever; and it forks this one,
            # whose compiled code may hold locks.
            self.backend = "loky"
            self.notices.append(
                "--backend multiprocessing: its processes are started by loky, which hears of one "
                "that dies"
            )

    @property
    def is_local(self) -> bool:
        """Whether the blocks run in processes that this one starts with loky."""
        return self.scheduler is None and self.backend in (None, "loky") and self.jobs > 1

    @property
    def is_serial(self) -> bool:
        """Whether the blocks run in this process, one after another."""
        return self.scheduler is None and self.jobs == 1


Taker = Callable[[Block], bool]


def _any(block: Block) -> bool:
    return True


def run_all(pending: Sequence[Block], pool: Pool, take: Taker = _any) -> Iterator[Done]:
    """Runs blocks and yields each as it finishes; the caller writes the results.

    `take` is asked about each block just before it is given to a worker; one that it does not want
    is left out.

    When a worker dies, the blocks that were in flight are run again with the others; those that
    are in flight at a second death are run one by one, and the one that kills its worker even so
    is known: its runs have failed. After MOST_DEATHS such blocks of a shape its others are not
    tried. Raises `sims.running.cluster.WorkersLostError` if a cluster is gone.
    """
    waiting, deaths, suspects = list(pending), Counter[Any](), set[int]()
    taken = set[int]()

    def asked(block: Block) -> bool:
        if not take(block):
            return False
        taken.add(id(block))
        return True

    while waiting:
        try:
            for done in _stream(list(waiting), pool, asked):
                waiting.remove(done.block)
                yield done
            return
        except (BrokenProcessPool, KilledError) as death:
            if WORKER_DIED not in pool.notices:
                pool.notices.append(WORKER_DIED)
            if isinstance(death, KilledError):
                accused = death.task
            else:
                flying = [block for block in waiting if id(block) in taken]
                accused = [block for block in flying if id(block) in suspects]
                suspects |= {id(block) for block in flying}
            for block, survived in _alone(accused, pool, deaths):
                waiting.remove(block)
                yield survived or Done(block, killed(block), Spent(0.0))
            lost = [block for block in waiting if deaths[block.shape] >= MOST_DEATHS]
            if lost:
                waiting = [block for block in waiting if block not in lost]
                count = sum(len(block.runs) for block in lost)
                pool.notices.append(
                    f"{count} runs of {lost[0].name} were not tried: "
                    f"{MOST_DEATHS} batches like theirs killed their workers (out of memory?)"
                )


def _alone(
    accused: Sequence[Block], pool: Pool, deaths: Counter[Any]
) -> Iterator[tuple[Block, Done | None]]:
    """Runs blocks one by one, with no other in flight; None for one that its worker dies of.

    Counts these deaths by shape, and leaves blocks of a shape with MOST_DEATHS of them out.
    """
    # A scheduler has tried a task on several workers before it says so.
    tries = TRIES_ALONE if pool.is_local else min(1, len(accused) - 1)
    with _ended() if pool.is_local else contextlib.nullcontext():
        for block in accused:
            if deaths[block.shape] >= MOST_DEATHS:
                continue
            done = None
            for _ in range(tries):
                with contextlib.suppress(BrokenProcessPool, KilledError):
                    (done,) = _in_fresh(block) if pool.is_local else _stream([block], pool)
                    break
            deaths[block.shape] += done is None
            yield block, done


def _stream(pending: Sequence[Block], pool: Pool, take: Taker = _any) -> Iterator[Done]:
    if pool.is_serial:
        for block in filter(take, pending):
            yield _aside(run_block, block)
        return
    tasks = tasks_of(pending, pool)
    if pool.scheduler is not None:
        yield from run_there(_run, _taken(tasks, take), pool.scheduler)
        return
    with _ended() if pool.is_local else contextlib.nullcontext():
        if pool.is_local and len(tasks) == 1:
            # joblib would run it in this process, which a block may kill.
            for task in _taken(tasks, take):
                yield from _in_one(*task)
            return
        # One task at a time, or short ones would be lost by the dozen with the worker.
        stream = joblib.Parallel(
            min(pool.jobs, len(tasks)), pool.backend, return_as="generator_unordered",
            pre_dispatch="2*n_jobs", batch_size=1,
        )  # fmt: skip
        run = _run_here if pool.is_local else _run
        results = None
        try:
            with unheard():
                results = stream(joblib.delayed(run)(task) for task in _taken(tasks, take))
            for result in results:
                yield from result
        finally:
            threading.excepthook = _manager_unheard
            # A caller that stops early knows that blocks are in flight; joblib would warn.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if results is not None:
                    results.close()


def _manager_unheard(told: threading.ExceptHookArgs) -> None:
    """Says what a thread died of, but for loky's own, whose tasks are taken from it at the end."""
    if told.thread is None or not told.thread.name.startswith("ExecutorManagerThread"):
        threading.__excepthook__(told)


def _taken(tasks: Iterable[tuple[Block, ...]], take: Taker) -> Iterator[tuple[Block, ...]]:
    """What is taken of each task, when its turn comes."""
    for task in tasks:
        own = tuple(filter(take, task))
        if own:
            yield own


def _in_one(*task: Block) -> list[Done]:
    """Runs a task in the one worker that there is meanwhile."""
    with unheard():
        future = get_reusable_executor(max_workers=1).submit(_run_here, task)
    done: list[Done] = future.result()
    return done


def _in_fresh(block: Block) -> list[Done]:
    """_in_one, once the worker is up: what kills it on the way there is not the block."""
    for _ in range(MOST_STARTS):
        with contextlib.suppress(BrokenProcessPool):
            _in_one()
            break
    return _in_one(block)


@contextlib.contextmanager
def _ended() -> Iterator[None]:
    """Ends the workers that are started in here."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if finished:
            # Idle workers would keep their memory while the caller judges and draws.
            get_reusable_executor(reuse=True).shutdown(wait=True)
        else:
            # joblib kills its workers, but may have started others for what it sent meanwhile;
            # this process would wait for them when it ends.
            for child in multiprocessing.active_children():
                child.terminate()


def tasks_of(pending: Sequence[Block], pool: Pool) -> list[tuple[Block, ...]]:
    """The blocks that go to a worker at once, in the order of the first of them."""
    shapes: dict[Any, list[Block]] = {}
    for block in pending:
        shapes.setdefault(block.shape, []).append(block)
    tasks = [task for same in shapes.values() for task in batched(same, pool.together)]
    places = {id(block): place for place, block in enumerate(pending)}
    return sorted(tasks, key=lambda task: places[id(task[0])])


def _run(task: tuple[Block, ...]) -> list[Done]:
    """run_block for each."""
    return [run_block(block) for block in task]


def _run_here(task: tuple[Block, ...]) -> list[Done]:
    """_run in a worker that this command has started."""
    end_with_caller()
    return _run(task)


def _aside(function: Callable[[Block], Done], block: Block) -> Done:
    """Calls `function` in a thread, because a signal would not be heard inside a compiled call."""
    answers: queue.SimpleQueue[Done | BaseException] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(function(block))
        except BaseException as error:  # the caller would wait for ever
            answers.put(error)

    threading.Thread(target=answer, name=ASIDE, daemon=True).start()
    found = answers.get()
    if isinstance(found, BaseException):
        raise found
    return found
