"""Ctrl-C, and its likes: the command hears them and answers in one line; its workers do not."""

import contextlib
import functools
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

# Asks to end as Ctrl-C does: `kill`, a batch system's time limit; a terminal that is closed.
ASKING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
# The name of threads that compute while the main one listens for signals.
ASIDE = "matsense-aside"
PATIENCE = 2.0
NOTHING_WRITTEN = "interrupted: nothing was written"


def importing() -> None:
    """From now on Ctrl-C ends the process with one line, where an import would print a traceback.

    For a command that has not begun; `heard` takes its place.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(*_: Any) -> NoReturn:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(2, f"{NOTHING_WRITTEN}\n".encode())
    os._exit(3)


def heard() -> None:
    """From now on each of ASKING raises KeyboardInterrupt, unless this process is to ignore it.

    Once: whoever asks again within PATIENCE, while workers are being ended, is not heard.
    """
    last = -math.inf

    def answer(*_: Any) -> None:
        nonlocal last
        if _Ear.held:
            _Ear.asked = True
        elif time.monotonic() - last > PATIENCE:
            last = time.monotonic()
            _Ear.answered = True
            raise KeyboardInterrupt

    for number in ASKING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, answer)


class _Ear:
    held = 0
    asked = False
    answered = False


def answered() -> bool:
    """Whether the command has been told to end: what its workers are then torn from may break."""
    return _Ear.answered


@contextlib.contextmanager
def held() -> Iterator[None]:
    """What is done in here, which must be short, is done whole: who asks is answered after it."""
    _Ear.held += 1
    try:
        yield
    finally:
        _Ear.held -= 1
    if _Ear.asked and not _Ear.held:
        _Ear.asked = False
        _Ear.answered = True
        raise KeyboardInterrupt


def concluded() -> None:
    """From now on none of ASKING is heard: all was said, and the process is ending."""
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Processes and threads that are started in here never hear what a terminal says to all.

    The caller ends them; a worker that is importing would answer Ctrl-C with a traceback. A thread
    inherits the mask, and gives it to the workers that it starts later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    told = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, told)
    try:
        # Started by the first worker otherwise, and before Python 3.12 it unblocks SIGINT here.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, told)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@functools.cache
def end_with_caller() -> None:
    """Ends this worker when the process that started it is gone, as after a kill -9.

    It would go on computing, and then wait for minutes, with its memory, for what nobody sends.
    """
    caller = os.getppid()

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(1.0)
        os._exit(1)

    if os.name == "posix":  # elsewhere a process keeps the id of a parent that has ended
        threading.Thread(target=watch, name="matsense-watch", daemon=True).start()
