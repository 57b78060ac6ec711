"""Whose line it was: errors in what a study's author wrote are told with its file and line."""

import functools
import traceback
from pathlib import Path

import matsense
from sims.identity import own_files
from sims.study import places

PROGRAM = tuple(Path(str(folder)).resolve().parent for folder in (matsense.__file__, __file__))


@functools.cache
def is_of_study(file: str) -> bool:
    """Whether a source file is a study's, or a module of its author's: not ours, not installed."""
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    if path.is_relative_to(places.CATALOGUE.resolve()):
        return True
    return own_files.is_own(file) and not any(path.is_relative_to(own) for own in PROGRAM)


def place(error: BaseException) -> str:
    """The last line of a study's own that an error went through, as "mine.py line 12"; or ""."""
    if isinstance(error, SyntaxError):
        return ""  # its own text names the place
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_of_study(f.filename)]
    return f"{Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""


def told(error: BaseException) -> str:
    """Kind, first line and place of an error: "ValueError: no answer (mine.py line 12)"."""
    first = str(error).splitlines()[:1]
    where = place(error)
    return ": ".join([type(error).__name__, *first]) + (f" ({where})" if where else "")
