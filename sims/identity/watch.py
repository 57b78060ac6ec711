"""What code reads while it is traced: variables, files, modules that it imports then."""

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sims.identity import own_files


@dataclass
class Seen:
    """Variables with their values, files with the hash of their content.

    `place` says where a study that reads files lies and was called from: a copy of it elsewhere
    would read others.
    """

    variables: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def still_holds(self, place: str) -> bool:
        """Whether all that was read is as it was, and would be read again from that place."""
        if self.files and self.place != f"{place} {Path.cwd()}":
            return False
        return all(os.environ.get(k) == v for k, v in self.variables.items()) and all(
            _content(Path(path)) == found for path, found in self.files.items()
        )


class _Watch:
    """Where reads are noted while somebody watches; one at a time."""

    lock = threading.RLock()
    variables: dict[str, str | None] | None = None
    files: set[str] | None = None
    hooked = False

    @classmethod
    def audit(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if cls.files is not None and event == "open" and isinstance(arguments[0], str):
            cls.files.add(arguments[0])


@contextlib.contextmanager
def watching(place: str) -> Iterator[Seen]:
    """Fills what it yields with what was read inside, once that is over."""
    with _Watch.lock:
        yield from _watching(place)


def _watching(place: str) -> Iterator[Seen]:
    if not _Watch.hooked:  # a hook cannot be taken back: it sleeps until it is asked
        sys.addaudithook(_Watch.audit)
        _Watch.hooked = True
    seen, modules = Seen(place=f"{place} {Path.cwd()}"), set(sys.modules)
    kind: Any = type(os.environ)
    before = kind.__getitem__

    def noting(self: Any, key: Any) -> Any:
        if isinstance(key, str):
            try:
                value = before(self, key)
            except KeyError:
                seen.variables[key] = None
                raise
            seen.variables[key] = value
            return value
        return before(self, key)

    _Watch.files = set()
    kind.__getitem__ = noting
    try:
        yield seen
    finally:
        kind.__getitem__ = before
        # Naming a host stage reads sources; what they say is in the name.
        opened, _Watch.files = {f for f in _Watch.files if not f.endswith(".py")}, None
        late = [sys.modules.get(name) for name in set(sys.modules) - modules]
        opened |= {m.__file__ or "" for m in late if m is not None and hasattr(m, "__file__")}
        for told in sorted(opened):
            path = Path(told).absolute()
            if _is_data(path):
                seen.files[str(path)] = _content(path)


def _is_data(path: Path) -> bool:
    """Whether a file is the user's own: of no package or system, no cache of Python."""
    if path.suffix == ".pyc" or path.parts[1:2] in (("proc",), ("dev",), ("sys",)):
        return False
    return path.is_file() and own_files.is_own(str(path))


def _content(path: Path) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return "unreadable"
