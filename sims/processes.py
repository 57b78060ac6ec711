"""Whether this machine lets a command share its work among processes."""

import joblib

ALONE = (
    "one process: no others can share its work here (a machine without semaphores, as where "
    "/dev/shm cannot be used, or JOBLIB_MULTIPROCESSING=0)"
)


def possible(jobs: int) -> int:
    """So many of `jobs` processes as this machine bears: all of them, or one."""
    # joblib tries a semaphore when it is imported, which its locks and loky's queues are made of.
    return jobs if joblib.effective_n_jobs(2) > 1 else 1
