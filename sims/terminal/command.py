"""What all commands share: errors of one line with the remedy, and the exit codes for them."""

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from matsense.errors import InvalidInput
from sims.running import environment, signals
from sims.terminal import failures, streams
from sims.text.escape import visible
from sims.text.words import NotANumber, shown, whole_number

# A verdict is 0 or 1; these are none.
UNUSABLE, INCOMPLETE = 2, 3
CODES = """\
exit codes:
  0  all claims consistent; for a command that judges none: done
  1  a claim contradicted
  2  unusable input: nothing is written
  3  inconclusive or incomplete
  4  a failure of the program or of the machine, which says nothing about a theorem"""


class Helped(SystemExit):
    """Help was asked for and printed: the one way to leave a command from the inside."""


class Parser(argparse.ArgumentParser):
    """argparse that raises InvalidInput instead of printing its usage and leaving.

    Its help ends with the exit codes.
    """

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            epilog=CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """One line, whatever was wrong with the words."""
        raise InvalidInput("command line", message, f"see {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """What argparse does once the help is printed."""
        raise Helped(status)


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
    """Runs a command on the shell's words: its exit code, or one line and the code for what stopped
    it: 2 for bad input, 3 for a Ctrl-C that the command has no answer of its own for, 4 for the
    rest.
    """
    # Done by now, unless another program runs this one, as a profiler does.
    environment.prepare()
    streams.guard()
    failures.hear_threads()
    signals.heard()
    try:
        return command(sys.argv[1:])
    except Helped:
        return 0
    except InvalidInput as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(signals.NOTHING_WRITTEN, file=sys.stderr)
        return INCOMPLETE
    except BaseException as error:  # a library in Rust panics with no Exception
        failures.tell(error)
        return failures.FAILED
    finally:
        signals.concluded()
        sys.stdout.flush()
        sys.stderr.flush()


def leave(code: int) -> NoReturn:
    """Ends the process; at once, if a thread of it is still inside a compiled call."""
    if any(thread.daemon and thread.name == signals.ASIDE for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
