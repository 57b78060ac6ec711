"""The names of a study's programs, remembered from call to call so that little is traced.

Naming takes seconds of tracing; what is remembered holds as long as our own code, the versions, the
settings and what was read while tracing are the same. Kept beside the compiled functions, in the
user's cache: losing it, or damage to it, costs the tracing.
"""

import contextlib
import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sims.files import write_whole
from sims.identity import jitted, own_code, program
from sims.identity.values import Hasher, hashed
from sims.identity.watch import Seen, watching

# So many files of names are kept, the latest; one for every state of a study's code.
MOST_FILES = 64
UNTRACEABLE = "untraceable"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A program's name, and what was read to find it."""

    name: str
    seen: Seen


class Names:
    """Names the programs of the study that a module defines, as this process would compute them.

    `telling` is called before the first program is traced.
    """

    def __init__(self, module: str, telling: Callable[[], None] = lambda: None) -> None:
        self._modules = own_code.modules_of(module)
        self._place = str(getattr(sys.modules.get(module), "__file__", None))
        self._digest = own_code.digest(self._modules)
        self._hasher = Hasher(own_code.bytecode)
        self._telling = functools.cache(telling)
        self._elsewhere = functools.cache(own_code.digest_of)
        self._new = False
        _forget_other_code(module, self._digest)
        place = folder()
        self._path = None if place is None else place / f"{self._digest}.json"
        if self._digest not in _KNOWN:
            _KNOWN[self._digest] = _read(self._path)
        self._entries = _KNOWN[self._digest]

    @property
    def known(self) -> int:
        """How many programs have been named, now or before."""
        return len(self._entries)

    def of(self, sweep: program.Stages, static: Mapping[str, Any], wide: int, operator: str) -> str:
        """The name of the program of a shape, traced if it is not known.

        Of a program that cannot be traced, a name that only such programs have: its runs will fail.
        """
        settings = program.settings()
        key = self._key(sweep, static, wide, operator, settings)
        entry = self._entries.get(key)
        if entry is not None:
            if entry.seen.still_holds(self._place):
                return entry.name
            jitted.forget()
        self._telling()
        self._new = True
        with watching(self._place) as seen:
            try:
                name = program.name_of(sweep, static, wide, operator, settings)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit, and the panics of libraries in Rust, too
                return hashed(UNTRACEABLE, type(error).__name__)
        self._entries[key] = Entry(name, seen)
        return name

    def remember(self) -> None:
        """Writes down what was traced, if anything was and there is a place for it."""
        if self._path is None or not self._new:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _write(self._path, {**_read(self._path), **self._entries})
            files = sorted(self._path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for path in files[:-MOST_FILES]:
                path.unlink(missing_ok=True)
            self._new = False

    def _key(self, sweep: program.Stages, static: Mapping[str, Any], *further: Any) -> str:
        stages = (sweep.problem, sweep.trial, sweep.after)
        lanes = [(axis, str(np.asarray(values).dtype)) for axis, values in sweep.lane.items()]
        floats = [axis for axis in sweep.instance if axis not in static]
        shape = (sorted(static.items()), floats, lanes, sweep.lanes_wide, sweep.in_turn, *further)
        platform = jax.config.values["jax_platforms"] or jax.default_backend()
        # A sweep that was made elsewhere, as in a notebook: that module counts too.
        elsewhere = {own_code.module_of(stage) for stage in stages if stage} - set(self._modules)
        said = [self._elsewhere(name) for name in sorted(elsewhere)]
        return hashed(repr(shape), platform, *map(self._hasher.of, stages), *said)


_KNOWN: dict[str, dict[str, Entry]] = {}
_TRACED: dict[str, str] = {}


def _forget_other_code(module: str, digest: str) -> None:
    """What this process has traced of a study before its code was replaced is traced anew."""
    if _TRACED.setdefault(module, digest) != digest:
        _TRACED[module] = digest
        jitted.forget()


def folder() -> Path | None:
    """Where names are kept; None for a user without a home."""
    told = os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):
        return (Path(told) if told else Path("~/.cache").expanduser()) / "matsense" / "programs"
    return None


def _read(path: Path | None) -> dict[str, Entry]:
    """What was remembered; nothing, if it cannot be read or is not what was written."""
    try:
        if path is None:
            return {}
        told = json.loads(path.read_bytes())
        if told["checksum"] != hashed(json.dumps(told["entries"])):
            return {}
        with contextlib.suppress(OSError):
            os.utime(path)
        entries = told["entries"].items()
        return {key: Entry(one["name"], Seen(**one["seen"])) for key, one in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, entries: Mapping[str, Entry]) -> None:
    plain = {key: dataclasses.asdict(entry) for key, entry in entries.items()}
    content = {"entries": plain, "checksum": hashed(json.dumps(plain))}
    write_whole(path, json.dumps(content).encode())
