"""Processes that tests start: with signals as a terminal gives them, and ended in any case.

A test run may be one that ignores signals (nohup, a shell's background job, some CI runners). What
it starts would inherit that and never hear them; and one that is left would fail a later test.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Seconds in which anything here happens, on a machine that is busy with other things; a test that
# passes never waits for them.
DEADLINE = 240.0

# Not in the forked child itself (preexec_fn): JAX runs threads here, and warns of a fork.
AS_FROM_A_TERMINAL = """
import os, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGQUIT"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.execv(sys.argv[1], sys.argv[1:])
"""

_started: list[subprocess.Popen[Any]] = []
_lock = threading.Lock()


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], **how: Any
) -> subprocess.Popen[str]:
    """Starts a Python command, in a process group of its own as a terminal would.

    What is not finished, or ended, by the end of the test is ended then (`end_all`).
    """
    words = list(command)
    if os.name == "posix":
        words = [sys.executable, "-I", "-S", "-c", AS_FROM_A_TERMINAL, *words]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **how}
    process = subprocess.Popen(
        words, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, start_new_session=True,
        **settings,
    )  # fmt: skip
    with _lock:
        _started.append(process)
    return process


def call(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Starts a Python command and waits for its end and that of whoever holds its output."""
    process = start(command, folder, environment)
    out, err = finish(process)
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a command says until its end; if that does not come, an error and the end of it all."""
    try:
        return process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        end(process)
        raise


def tell(process: subprocess.Popen[Any], how: signal.Signals) -> None:
    """Sends a signal to the whole group, as a terminal does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def end(process: subprocess.Popen[Any]) -> None:
    """Kills a command with all of its group, waits for it, and closes what it was read through."""
    if os.name == "posix":
        tell(process, signal.SIGKILL)
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def end_all() -> None:
    """Ends every process that was started since the last call."""
    with _lock:
        ended, _started[:] = list(_started), []
    for process in ended:
        end(process)


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[Any] | None = None) -> None:
    """Until something holds, or the process that would bring it about has ended; else an error."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        if process is not None and process.poll() is not None:
            return
        assert time.monotonic() < deadline, f"waited {DEADLINE:.0f} s for what did not happen"
        time.sleep(0.005)


def stretched(seconds: float) -> float:
    """So many seconds of a machine that does nothing else, in those of the machine as it is now."""
    began, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < 0.1:
        pass
    return seconds * max(1.0, (time.monotonic() - began) / 0.1)
