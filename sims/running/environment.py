"""The environment of a command: threads and caches, and nothing of a user's settings in its way.

Importing `sims` changes none of this. A command begins with `begin`, before anything else is
imported, and whatever computes a block calls `prepare` first, in the worker of a cluster too.
"""

import atexit
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from sims.text.escape import visible

# What matsense cannot do without, by the names that are imported.
NEEDED = (
    "numpy", "jax", "jaxlib", "scipy", "matplotlib", "joblib", "jaxtyping", "pyarrow", "rich",
    "pylatexenc", "latex2mathml", "scs", "clarabel",
)  # fmt: skip
MEND = "give `pip install -e .` in matsense's folder, which installs versions that work together"

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
# Newer jaxlibs heed neither flag and share a large product among as many threads as NPROC says
# (measured with 0.10.2: two cores busy, and small products up to twice as slow). The others are
# heeded by the libraries of host stages, whose last bits change with the number of threads.
_THREADS = (
    "NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)  # fmt: skip
# For a process that has the machine to itself, as one that is timed.
THREADS = "MATSENSE_THREADS"
# The program says these in its own words, or loses nothing by them but time.
_UNHEARD = (
    # loky replaces a worker that has grown; nothing is lost, and nobody can do anything about it.
    "A worker stopped while some jobs were given",
    r"[\s\S]*joblib will operate in serial mode",
    "Error (reading|writing) persistent compilation cache",
)


def versions() -> dict[str, str | None]:
    """The version of each package that matsense needs; None of one that tells none."""
    found: dict[str, str | None] = dict.fromkeys(NEEDED)
    for name in NEEDED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def begin() -> None:
    """Prepares a command; ends it with one line if a package that it needs is not there.

    A package that cannot be imported, as one built for another numpy, ends it with one line as
    well.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: {', '.join(missing)}: not installed here; {MEND}", file=sys.stderr)
        sys.exit(2)
    sys.excepthook = functools.partial(_unimportable, sys.excepthook)
    prepare()


def _unimportable(otherwise: Any, kind: type[BaseException], error: Any, trace: Any) -> None:
    """Answers for an ImportError while the command is imported; Python's exit code 1 is a
    verdict's.
    """
    if not isinstance(error, ImportError):
        otherwise(kind, error, trace)
        return
    said = visible(" ".join(str(error).split()))
    print(f"error: {kind.__name__}: {said}: the command cannot start; {MEND}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(4)


@functools.cache
def prepare() -> None:
    """Sets the threads and caches that blocks are computed with, here and in processes to come.

    Before numpy is imported and JAX has used a device.
    """
    # One thread to a process: the cores are filled by processes, and a run's bits cannot depend on
    # how many threads shared a product. A user's own flags come last and win.
    if _ONE_THREAD not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{_ONE_THREAD} {os.environ.get('XLA_FLAGS', '')}".strip()
    os.environ |= dict.fromkeys(_THREADS, os.environ.get(THREADS, "1"))
    # Forking a process that holds JAX's threads can deadlock.
    os.environ.setdefault("JOBLIB_START_METHOD", "spawn")
    # Compiling threads would each keep a heap of their own: a worker weighs a fifth less with two.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    for message in _UNHEARD:
        warnings.filterwarnings("ignore", message=message)
    _keep_compiled()
    _forget_matplotlibrc()


def processor() -> str:
    """What compiled code depends on: the kind of processor and its features."""
    told: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        told = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    return " ".join([platform.machine(), platform.processor(), *sorted(set(told))])


def _keep_compiled() -> None:
    """Compiled functions are kept from call to call and shared by workers, where there is room.

    Code compiled for one processor must not be loaded on another, as two nodes with one home folder
    might.
    """
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    here = hashlib.blake2b(processor().encode(), digest_size=6).hexdigest()
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    with contextlib.suppress(RuntimeError):  # a user without a home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = folder or str(cache / "matsense" / here)
    if folder is None or not ("://" in folder or _can_hold_files(Path(folder))):
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    else:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    if "jax" not in sys.modules:
        return
    # Its configuration was read from the environment as it was imported, as in a cluster's worker.
    import jax

    if os.environ.get("JAX_ENABLE_COMPILATION_CACHE") == "false":
        jax.config.update("jax_enable_compilation_cache", False)
    else:
        jax.config.update("jax_compilation_cache_dir", folder)
        seconds = float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


def _can_hold_files(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _forget_matplotlibrc() -> None:
    """matplotlib is to start from its own defaults: some settings of users end its import.

    An unknown backend does, as does a file that is not UTF-8; and others are warned of.
    """
    os.environ["MPLBACKEND"] = "agg"
    os.environ["MATPLOTLIBRC"] = os.devnull
    # It warns where its caches cannot be kept, and makes do without; but needs a home to ask for.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        Path.home()
    except RuntimeError:
        if "MPLCONFIGDIR" not in os.environ:
            os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="matplotlib-")
            atexit.register(shutil.rmtree, os.environ["MPLCONFIGDIR"], ignore_errors=True)
    if "matplotlib" in sys.modules or not Path("matplotlibrc").is_file():
        return
    # A matplotlibrc in the current folder comes before the environment.
    with contextlib.suppress(OSError), contextlib.chdir(Path(__file__).parent):
        import matplotlib  # noqa: F401
