"""A failure of the program, or of the machine that it runs on: one line, and exit code 4.

No code of a verdict: a crash says nothing about a theorem.
"""

import contextlib
import os
import platform
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType

from sims.running import environment
from sims.text.escape import visible

FAILED = 4
WHILE = "while "


@contextlib.contextmanager
def doing(what: str, checked: bool = False) -> Iterator[None]:
    """Names what is being done, should it fail. An attempt to end the process is a failure, too.

    Where all input has been `checked`, so is input that a function finds bad: nobody typed it.
    """
    from matsense.errors import InvalidInput  # only here: it imports JAX

    try:
        yield
    except (SystemExit, InvalidInput) as error:
        if isinstance(error, InvalidInput) and not checked:
            raise
        said = (
            f"it called sys.exit({error.code!r})" if isinstance(error, SystemExit) else str(error)
        )
        ended = RuntimeError(said)
        ended.add_note(f"{WHILE}{what}")
        raise ended from error
    except BaseException as error:
        error.add_note(f"{WHILE}{what}")
        raise


def tell(error: BaseException) -> None:
    """Says on standard error, in one line, what failed and where the details are."""
    print(f"error: {_sentence(error)}", file=sys.stderr)


def _sentence(error: BaseException) -> str:
    # The first note is the innermost's: the most exact.
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(WHILE)]
    where = f"{notes[0]}: " if notes else ""
    machine = isinstance(error, OSError | MemoryError)
    kind = (
        "what is finished is stored; mend that and give the same command again"
        if machine
        else "the program failed, which is no verdict; what is finished is stored; to report it, "
        "send the authors the details"
    )
    place = _keep(error)
    return visible(f"{where}{_reason(error)}; {kind} ({place})")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{name}"
    first = str(error).splitlines()[:1]
    if isinstance(error, MemoryError):
        return ": ".join(["out of memory", *first])
    return ": ".join([type(error).__name__, *first])


def _keep(error: BaseException) -> str:
    """Writes the details to a file, and returns where they are."""
    versions = [f"{name} {number}" for name, number in environment.versions().items()]
    versions.insert(0, f"matsense {getattr(sys.modules.get('matsense'), '__version__', '?')}")
    words = " ".join(sys.orig_argv)
    system = f"Python {platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores"
    head = "\n".join([f"command: {words}", system, ", ".join(versions), ""])
    with contextlib.suppress(OSError, MemoryError), tempfile.NamedTemporaryFile(
        "w", prefix="matsense-", suffix=".txt", delete=False, encoding="utf-8",
        errors="backslashreplace",
    ) as file:  # fmt: skip
        file.writelines([head, "\n", *traceback.format_exception(error)])
        file.flush()
        return f"details: {file.name}"
    return "its details found no room: give the command again with TMPDIR=FOLDER for them"


def importing() -> None:
    """From now on whatever nobody catches ends the process with one line and exit code 4.

    Python's own code for it is 1, which is a verdict's.
    """

    def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        error.add_note(f"{WHILE}starting")
        tell(error)
        sys.stderr.flush()
        os._exit(FAILED)

    sys.excepthook = told


def hear_threads() -> None:
    """From now on an error that ends a thread ends the process with one line and exit code 4.

    What waits for the thread would wait for ever.
    """
    from sims.running import distributed_logging, signals

    def told(ended: threading.ExceptHookArgs) -> None:
        error = ended.exc_value
        if error is None or signals.answered() or distributed_logging.silences(error):
            return
        error.add_note(f"{WHILE}another thread was running")
        tell(error)
        sys.stderr.flush()
        os._exit(FAILED)

    threading.excepthook = told
