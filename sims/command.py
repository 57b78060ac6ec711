"""What all commands share: errors of one line, and the exit codes 2 to 4 that go with them."""

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from matsense.errors import InvalidInput
from sims import environment, failures, signals, streams
from sims.escape import visible
from sims.words import NotANumber, shown, whole_number

# The name of threads that compute while the main one listens for signals.
ASIDE = "matsense-aside"


class _Ended(SystemExit):
    """The end that the command's own words ask for."""


class Parser(argparse.ArgumentParser):
    """argparse that raises InvalidInput instead of printing its usage and leaving."""

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Ends the command, as --help does; whoever else ends the process has failed."""
        raise _Ended(status)

    def error(self, message: str) -> NoReturn:
        """One line, whatever was wrong with the words."""
        raise InvalidInput("command line", message, f"see {self.prog} --help")


def count(text: str) -> int:
    """The whole number that an option is given as."""
    try:
        return whole_number(text)
    except NotANumber as error:
        raise argparse.ArgumentTypeError(f"{shown(text)!r}: {error}") from None


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number, `least` or more."""

    def number(text: str) -> int:
        value = count(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is too small, give {least} or more")
        return value

    return number


def main(command: Callable[[Sequence[str]], int]) -> int:
    """Runs a command on the shell's words: its exit code; 2 and one line for bad input, 3 and one
    line after a Ctrl-C that the command has no answer of its own for, 4 and one line for whatever
    else it raises.
    """
    # Done by now, unless another program runs this one, as a profiler does.
    environment.prepare()
    streams.guard()
    signals.heard()
    try:
        return command(sys.argv[1:])
    except InvalidInput as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(signals.NOTHING_WRITTEN, file=sys.stderr)
        return 3
    except _Ended as asked:
        return int(asked.code or 0)
    except BaseException as error:  # a library in Rust panics with no Exception
        failures.tell(error)
        return failures.FAILED
    finally:
        signals.concluded()
        sys.stdout.flush()
        sys.stderr.flush()


def leave(code: int) -> NoReturn:
    """Ends the process; at once, if a thread of it is still inside a compiled call."""
    if any(thread.daemon and thread.name == ASIDE for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
