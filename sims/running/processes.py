"""Whether this machine lets a command share its work among processes."""

import joblib

ALONE = (
    "one process: no others can share its work here (there are no semaphores, as where /dev/shm "
    "cannot be used, or JOBLIB_MULTIPROCESSING=0)"
)


def can_start() -> bool:
    """Whether there can be others than this one."""
    # joblib has tried a semaphore, of which locks and queues are made, as it was imported.
    return bool(joblib.effective_n_jobs(2) > 1)
