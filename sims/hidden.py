"""Files of a user's, where a command is called, that Python takes for the program's.

`python -m` looks into the current folder first, so a numpy.py there hides numpy, and a folder
matsense hides the program's other half. That is said in one line. (Of a folder sims only Python can
speak, "No module named sims.sweep": nothing of the program is met then.)
"""

# Nothing else is imported here, not even pathlib: it could be what is hidden.
# ruff: noqa: PTH100, PTH109, PTH112, PTH118, PTH119, PTH120
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

REMEDY = "rename it, or give python -P -m ..., which does not look into the current folder"


def starts_command() -> bool:
    """Whether this process was started as `python -m sims.NAME`, and is still importing it."""
    # sys.argv[0] is "-m" until the module is found, for which its package is imported.
    if sys.argv[:1] != ["-m"]:
        return False
    return sys.orig_argv[-len(sys.argv)].removeprefix("-m").startswith("sims.")


def answering(otherwise: Callable[..., Any] | None = None) -> None:
    """From now on an import that fails by such a file ends the process with a line, and code 2.

    What fails otherwise goes to `otherwise`; without one it is a failure of the program.
    """

    def answer(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name in sys.stdlib_module_names and file is not None and _is_here(file):
                refuse(file, f"it hides Python's own module {name}")
        if otherwise is not None:
            otherwise(kind, error, trace)
            return
        sys.__excepthook__(kind, error, trace)
        sys.stderr.flush()
        os._exit(4)

    sys.excepthook = answer


def check(needed: Iterable[str]) -> None:
    """Ends the process with a line, and code 2, if a needed package is hidden, or the other half of
    this program.
    """
    from importlib.machinery import PathFinder

    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    beside = os.path.join(home, "matsense")
    for place in _places(PathFinder.find_spec("matsense")):
        if not _is_same(place, beside) and os.path.isdir(beside):
            refuse(place, f"it hides {beside}, which belongs to this program")
    for name in needed:
        found = PathFinder.find_spec(name)
        if found is None or not found.origin or not _is_here(found.origin):
            continue
        others = [place for place in sys.path if not _is_same(place, sys.path[0])]
        other = PathFinder.find_spec(name, others)
        if other is not None and other.origin and not _is_same(other.origin, found.origin):
            refuse(found.origin, f"it hides the package {name}")


def refuse(file: str, rule: str) -> NoReturn:
    """Says what is wrong with a file, and ends the process."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in file)
    print(f"error: {shown}: {rule}; {REMEDY}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(2)


def _places(spec: Any) -> list[str]:
    """The folder of a package, those of one without __init__.py, or the file of a module."""
    if spec is None:
        return []
    return list(spec.submodule_search_locations or [spec.origin])


def _is_here(file: str) -> bool:
    """Whether a module lies in the folder that Python looks into first, alone or as a package."""
    first = os.path.abspath(sys.path[0] or os.getcwd())
    folder = os.path.dirname(os.path.abspath(file))
    package = os.path.basename(file).startswith("__init__.")
    return _is_same(os.path.dirname(folder) if package else folder, first)


def _is_same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)
