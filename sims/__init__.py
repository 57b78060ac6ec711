"""sims: the experiments; grids, processes, files and the command line. No mathematics."""

import os

# One thread to a process: the cores are filled by processes, and a run's bits cannot depend on how
# many threads shared a product. Set before JAX is imported; a user's own flags come last and win.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if _ONE_THREAD not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{_ONE_THREAD} {os.environ.get('XLA_FLAGS', '')}".strip()
# Forking a process that holds JAX's threads can deadlock.
os.environ.setdefault("JOBLIB_START_METHOD", "spawn")
