"""Importing changes nothing in a process but JAX's 64 bits, and needs nothing of Unix."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import toy

# What others do when they are imported is not ours: they come first.
STATE = """
import gc, importlib, locale, logging, multiprocessing, os, pkgutil, signal, sys, threading
import warnings
import clarabel, jax, jax.numpy, jaxtyping, joblib, matplotlib.figure, matplotlib.ticker, numpy
import jax.scipy.linalg, jax.scipy.special, joblib.externals.loky, pyarrow.parquet, scs
import rich.console, rich.progress, rich.table, scipy.linalg, scipy.optimize, scipy.sparse
import scipy.special, scipy.stats

def state():
    loggers = {name: (logger.level, logger.handlers[:], logger.filters[:])
               for name, logger in logging.Logger.manager.loggerDict.items()
               if isinstance(logger, logging.Logger)}
    return {
        "environment": dict(os.environ),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "warnings": list(warnings.filters),
        "loggers": {n: level for n, level in loggers.items() if level[0] or level[1] or level[2]},
        "root logger": (logging.root.level, logging.root.handlers[:], logging.root.disabled),
        "locale": locale.setlocale(locale.LC_ALL),
        "rcParams": {key: dict.get(matplotlib.rcParams, key) for key in matplotlib.rcParams},
        "pyplot": "matplotlib.pyplot" in sys.modules,
        "numpy": (numpy.geterr(), numpy.get_printoptions()),
        "start": multiprocessing.get_start_method(allow_none=True),
        "joblib": joblib.parallel.DEFAULT_MP_CONTEXT,
        "jax": {name: value for name, value in jax.config.values.items()},
        "listeners": len(jax._src.monitoring._event_duration_secs_listeners),
        "backends": len(jax._src.xla_bridge._backends),
        "hooks": (sys.excepthook, sys.displayhook, threading.excepthook, sys.unraisablehook),
        "trace": (sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), gc.get_threshold()),
        "threads": [thread.name for thread in threading.enumerate()],
        "files": sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None,
        "path": (sys.path[:], sys.argv[:], sys.meta_path[:], os.getcwd()),
        "streams": (sys.stdout, sys.stderr, sys.stdout.errors),
        "random": str(numpy.random.get_state()),
        "arrow": (pyarrow.cpu_count(), pyarrow.io_thread_count()),
    }

before = state()
import matsense, sims
for package in (matsense, sims):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
after = state()
assert after["jax"].pop("jax_enable_x64") and not before["jax"].pop("jax_enable_x64")
changed = {k: (before[k], after[k]) for k in before if str(before[k]) != str(after[k])}
assert not changed, changed
print(sum(name.split(".")[0] in ("matsense", "sims") for name in sys.modules))
"""


def child(script: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process without what this one's commands have set up."""
    left = ("JAX_", "XLA_", "MPL", "MATPLOTLIBRC", "NPROC", "JOBLIB_", "MALLOC_")
    env = {k: v for k, v in toy.environment(toy.ROOT).items() if not k.startswith(left)}
    return subprocess.run(
        [sys.executable, "-c", script, *words], cwd=toy.ROOT, env=env | settings,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_importing_changes_nothing_but_the_64_bits() -> None:
    done = child(STATE)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 100


def test_only_commands_are_prepared() -> None:
    """A program of a user's, started with -m or not, that imports sims is none of ours."""
    script = "import os, sys; before = dict(os.environ); import sims; assert before == os.environ"
    for argv, original in (
        (["-c"], [sys.executable, "-c", "..."]),
        (["-m", "sims.sweep"], [sys.executable, "-m", "theirs", "sims.sweep"]),
        (["-m"], [sys.executable, "-mtheirs"]),
    ):
        done = child(script.replace("; b", f"; sys.argv, sys.orig_argv = {argv}, {original}; b", 1))
        assert done.returncode == 0, done.stderr


# Windows lacks these; ours alone are refused them, since others know that this is no Windows.
WINDOWS = """
import builtins, importlib, os, pkgutil, runpy, signal, subprocess, sys, tempfile
import jax, joblib, joblib.externals.loky, matplotlib.figure, numpy, pyarrow.parquet
import rich.console, rich.progress, scipy.optimize, scipy.stats

UNIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
found = builtins.__import__

def imported(name, scope=None, *rest, **more):
    ours = (scope or {}).get("__name__", "").split(".")[0] in ("matsense", "sims", "__main__")
    if ours and name.split(".")[0] in UNIX:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return found(name, scope, *rest, **more)

builtins.__import__ = imported
for module, names in {
    signal: "SIGHUP SIGKILL SIGQUIT SIGALRM SIGCHLD SIGUSR1 SIGUSR2 SIGTSTP SIGCONT SIGPIPE "
            "pthread_sigmask pthread_kill setitimer alarm pause sigwait sigpending",
    os: "fork forkpty getuid geteuid getgid getpgid getpgrp killpg setsid setpgid statvfs fstatvfs "
        "sysconf confstr getloadavg nice mkfifo mknod chown lchown fchown chroot O_DIRECTORY "
        "O_NOFOLLOW O_NONBLOCK O_SYNC O_DSYNC sync fdatasync sched_getaffinity getpriority",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
opened = os.open

def open_file(path, *rest, **more):
    if not isinstance(path, int) and os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return opened(path, *rest, **more)

os.open = open_file
if sys.argv[1:] == ["--list"]:
    import matsense, sims
    for package in (matsense, sims):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
runpy.run_module("sims.sweep", run_name="__main__")
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.tree(tmp_path_factory.mktemp("tree"))


@pytest.mark.slow
def test_nothing_of_unix_is_needed(tree: Path) -> None:
    """As on Windows: every module, the list, and a sweep in one process; --memory says why not."""
    run = ["toy", "--quick", "--seeds", "3", "--jobs", "1", "--out", "windows"]
    for words, code in ((["--list"], 0), (run, 0), ([*run, "--memory", "4G"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", WINDOWS, *words], cwd=tree, env=toy.environment(tree),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, (words, done.stderr[-3000:])
        assert "Traceback" not in done.stderr
    assert "does not tell what a process weighs" in done.stderr
    assert (tree / "windows" / "toy" / "figure.png").exists()
