"""Tasks on the workers of a dask scheduler.

Not by joblib's own backend for dask, which never tells of a task whose workers died: it would wait
for ever.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any

from sims.running.distributed_logging import hushed
from sims.running.signals import unheard

# Seconds between two looks at whether there is a worker; after two without one, it is said.
LOOK = 30.0


class WorkersLostError(Exception):
    """There is nobody left to run the blocks; what was finished is stored."""


class KilledError(Exception):
    """Every worker that was given `task` died, also those that were given it again."""

    def __init__(self, task: Any) -> None:
        super().__init__("workers died of a task")
        self.task = task


def run_there(
    run: Callable[[Any], list[Any]], tasks: Iterable[Any], scheduler: str
) -> Iterator[Any]:
    """What `run` returns for each task, item by item, as they finish on the workers.

    Raises KilledError for a task that kills its workers, and WorkersLostError if the scheduler, or
    the last worker, is gone.
    """
    from distributed import wait
    from distributed.scheduler import KilledWorker

    with _connected(scheduler) as client:
        waiting, idle = iter(tasks), 0
        width = 2 * max(1, sum(client.nthreads().values()))
        flying: dict[Any, Any] = {}
        while True:
            for task in itertools.islice(waiting, width - len(flying)):
                flying[client.submit(run, task, pure=False)] = task
            if not flying:
                return
            try:
                finished = wait(list(flying), LOOK, "FIRST_COMPLETED").done
            except TimeoutError:
                idle = 0 if client.nthreads() else idle + 1
                if idle == 2:
                    raise WorkersLostError(f"{scheduler} has no worker any more") from None
                continue
            for future in finished:
                task = flying.pop(future)
                try:
                    found = future.result()
                except KilledWorker:
                    raise KilledError(task) from None
                yield from found


@contextlib.contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """A client of the scheduler; WorkersLostError when it is lost."""
    from distributed import Client

    lost = CancelledError, OSError
    hush = hushed()
    try:
        with contextlib.ExitStack() as stack:
            with unheard():
                client = stack.enter_context(Client(scheduler))
            try:
                yield client
            except lost:
                # Told before the client closes, which it does not do in silence.
                hush.lost = True
                raise
    except lost as error:
        raise WorkersLostError(f"{scheduler} cannot be reached any more") from error
