"""sims: the experiments; grids, processes, files and the command line. No mathematics."""

import contextlib
import hashlib
import os
import platform
import sys
from pathlib import Path

from sims import signals

# What runs as `python -m sims.NAME` is called so until it is imported, which takes seconds.
if sys.argv[:1] == ["-m"]:
    signals.importing()


def processor() -> str:
    """What compiled code depends on: the kind of processor and its features."""
    told: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        told = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    return " ".join([platform.machine(), platform.processor(), *sorted(set(told))])


# One thread to a process: the cores are filled by processes, and a run's bits cannot depend on how
# many threads shared a product. Set before JAX is imported; a user's own flags come last and win.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if _ONE_THREAD not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{_ONE_THREAD} {os.environ.get('XLA_FLAGS', '')}".strip()
# Newer jaxlibs heed neither flag and share a large product among as many threads as this says
# (measured with 0.10.2: two cores busy, and small products up to twice as slow).
os.environ.setdefault("NPROC", "1")
# Forking a process that holds JAX's threads can deadlock.
os.environ.setdefault("JOBLIB_START_METHOD", "spawn")
# Compiling threads would each keep a heap of their own: a worker weighs a fifth less with two.
os.environ.setdefault("MALLOC_ARENA_MAX", "2")
# Compiled functions are kept from call to call and shared by the workers. Code compiled for one
# processor must not be loaded on another, as two nodes with one home folder might.
_HERE = hashlib.blake2b(processor().encode(), digest_size=6).hexdigest()
with contextlib.suppress(RuntimeError):  # a user without a home
    _CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "matsense" / _HERE
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
