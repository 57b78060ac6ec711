"""Files that are there whole or not at all, and what a killed command leaves of them.

A temporary file's name tells whose it is: `.<name>.<process>-<machine>-<chance>.tmp`. The dot hides
it from whoever reads the folder as a data set.
"""

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = re.compile(r"\..+\.(\d+)-([0-9a-f]{8})-([0-9a-f]{8})\.tmp")
# As named by matsense 0.1.
UNSIGNED = re.compile(r"\..+\.[0-9a-f]{8}\.(tmp|png|pdf)")
DAY = 24 * 3600.0
# How file systems say that they cannot sync folders; others, as EIO, are failures.
REFUSALS = {errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EBADF, errno.ENOSYS}

# The chance parts of this process's own: another one had its number before, in a container often.
_own: set[str] = set()


@contextlib.contextmanager
def about(path: Path) -> Iterator[None]:
    """Errors of the system in here name the path, where they would name nothing."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def temporary(path: Path) -> Path:
    """A new name beside `path` that tells this process's number and machine."""
    chance = uuid.uuid4().hex[:8]
    _own.add(chance)
    return path.with_name(f".{path.name}.{os.getpid()}-{_machine()}-{chance}.tmp")


@functools.cache
def _machine() -> str:
    """Where process numbers mean the same: a machine, or a container on it."""
    space = ""
    with contextlib.suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.blake2b(f"{platform.node()} {space}".encode(), digest_size=4).hexdigest()


def is_at_work(path: Path, age: float = DAY) -> bool:
    """Whether the process that a temporary file is named by still is; one that is stopped is not
    at work. On another machine nobody can tell: it is, if the file is younger than `age` seconds.
    """
    found = TEMPORARY.fullmatch(path.name)
    if found is not None and found[2] == _machine() and os.name == "posix":
        return found[3] in _own if int(found[1]) == os.getpid() else _state(int(found[1])) == "R"
    return _age(path) < age


def _is_abandoned(path: Path) -> bool:
    found = TEMPORARY.fullmatch(path.name)
    if found is not None and found[2] == _machine() and os.name == "posix":
        own = int(found[1]) == os.getpid()
        return found[3] not in _own if own else _state(int(found[1])) == "gone"
    return (found is not None or UNSIGNED.fullmatch(path.name) is not None) and _age(path) > DAY


def _state(process: int) -> str:
    """R (runs or sleeps), T (stopped) or "gone"; a zombie is gone, too."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return "gone"
    except PermissionError:
        pass  # another user's
    with contextlib.suppress(OSError, IndexError):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return {"Z": "gone", "X": "gone", "T": "T", "t": "T"}.get(told, "R")
    return "R"


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def remove_abandoned(folder: Path) -> None:
    """Removes the temporary files in a folder whose commands are gone; those of others stay."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            path = Path(entry.path)
            if entry.name[0] == "." and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    if _is_abandoned(path):
                        path.unlink(missing_ok=True)


def stage(path: Path, content: bytes) -> Path:
    """A temporary file beside `path` with this content, which the disk has taken."""
    new = temporary(path)
    try:
        with about(path), new.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new


def write_whole(path: Path, content: bytes) -> str:
    """A file that is there whole or not at all, and stays after a power cut.

    Returns why the last cannot be promised ("" if it can): some file systems refuse to sync a
    folder. The file is there all the same.
    """
    new = stage(path, content)
    try:
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return sync(path.parent)


def sync(folder: Path) -> str:
    """Makes the names in a folder last; returns why the file system refused, "" if it did not."""
    if os.name != "posix":
        return ""  # no folder can be opened there, and none needs to be
    try:
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        if error.errno not in REFUSALS:
            error.filename = str(folder)
            raise
        return (
            f"{folder}: its file system cannot sync folders ({error.strerror or error}): what is "
            "written last may be lost in a power cut, and is then run again"
        )
    return ""
