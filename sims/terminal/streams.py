"""Standard output and error that may be closed, full, or a pipe that nobody reads any more.

What a command says is not what it is worth: its results are files, and its exit code is that of the
verdict. So nothing that is said may end it.
"""

import contextlib
import errno
import os
import sys
from typing import Any

NAMES = ("stdin", "stdout", "stderr")


class Guarded:
    """A text stream whose writing never fails; `lost` is why it stopped to arrive anywhere."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Writes, or forgets."""
        try:
            self._stream.write(text)
        except (OSError, ValueError) as error:  # ValueError: somebody has closed it
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flushes, or forgets."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def _lose(self, error: OSError | ValueError) -> None:
        """Points the stream's descriptor at the null device: what it still holds must go somewhere
        when the process ends.
        """
        self.lost = self.lost or error
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def fill() -> None:
    """Opens the null device where standard input, output or error is closed.

    The next file that is opened would get its number otherwise, and what is printed by a library
    would get into that file.
    """
    for number in range(len(NAMES)):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)


def guard() -> None:
    """From now on nothing that is printed fails: neither for lack of a reader or of room, nor
    because the terminal's encoding lacks a character.
    """
    for name in NAMES[1:]:
        stream = getattr(sys, name)
        if isinstance(stream, Guarded):
            continue
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - to the end
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Guarded(stream))


def delivered() -> None:
    """For a command whose results are what it prints: raises OSError if they did not arrive.

    A reader that has gone, as `head` does, has read what it wanted.
    """
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if isinstance(lost, OSError) and lost.errno != errno.EPIPE:
        raise OSError(lost.errno, lost.strerror, "standard output")
