"""The part files of a run store: which are there, whole, damaged, or not ours at all."""

import errno
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from matsense.errors import InvalidInput
from sims.files import about
from sims.storage import columns

PART = re.compile(r".+-([0-9a-f]{16})\.parquet")
ASIDE = re.compile(r"_?(.+-([0-9a-f]{16})\.parquet)(?:\.\d+)?\.unreadable")
# Bytes of a file that are kept in memory once its checksum is known; more are read again.
MANY = 2**25
CHUNK = 2**18
Result = TypeVar("Result")
DAMAGED = "cannot be read (its content is not what its name's checksum says)"


class Parts:
    """The part files under a folder, opened one by one.

    One whose checksum is wrong is set aside, and taken back when its checksum is right after all;
    one that is not ours, or no file, is left out. With `only_reads` nothing is ever renamed.
    Whatever else stands in the way of reading (OSError, MemoryError) is raised, and changes
    nothing: the runs are there, just not now. `notices` collects what a person should hear.
    """

    def __init__(self, root: Path, only_reads: bool) -> None:
        self.root = root
        self.only_reads = only_reads
        self.notices: list[str] = []
        self._schemas: dict[Path, dict[Path, pa.Schema]] = {}  # by folder: parts are many
        self._vanished = False

    def schemas_of(self, folder: Path) -> dict[Path, pa.Schema]:
        """Those of the parts of a folder, as far as they were opened or written."""
        return self._schemas.setdefault(folder, {})

    def listed(self) -> list[Path]:
        """All files named like a part, in a fixed order."""
        return self._named(lambda name: name.endswith(".parquet") and name[0] not in "._")

    def folders(self) -> list[Path]:
        """The folders of the sweeps."""
        return [p for p in _listed(self.root) if p.name.startswith("sweep=") and p.is_dir()]

    def _named(self, wanted: Callable[[str], Any]) -> list[Path]:
        return sorted(p for folder in self.folders() for p in _listed(folder) if wanted(p.name))

    def whole(
        self, wanted: Callable[[Path], bool] = lambda part: True
    ) -> Iterator[tuple[Path, pq.ParquetFile]]:
        """Every part that is wanted and whole, and those set aside that are whole after all."""
        for aside in self._named(ASIDE.fullmatch):
            file = self._look_again(aside)
            if file is not None:
                yield aside, file
        seen: set[Path] = set()
        while True:
            self._vanished = False
            for part in self.listed():
                if part in seen or not wanted(part):
                    continue
                if (file := self.open(part)) is not None:
                    yield part, file
                seen.add(part)
            if not self._vanished:  # else another command may have replaced it by another part
                return

    def open(self, part: Path) -> pq.ParquetFile | None:
        """The file of one part, if it is ours, there, and whole."""
        named = PART.fullmatch(part.name)
        if named is None:
            self.say(f"{part}: not written by this program (no checksum in its name); left out")
            return None
        source = self._source(part)
        if source is not None and source[0] != named[1]:
            source = self._source(part)  # what was read may have been wrong, not the file
        if source is None:
            return None
        if source[0] != named[1]:
            self._set_aside(part)
            return None
        return self._parsed(part, source[1])

    def _parsed(self, part: Path, content: bytes | None) -> pq.ParquetFile | None:
        def parse() -> Any:
            # Not read_table, which takes twice as long for a small file.
            return pq.ParquetFile(str(part) if content is None else pa.BufferReader(content))

        file = self._attempt(part, parse)
        if file is None:
            return None
        schema = file.schema_arrow
        told = (schema.metadata or {}).get(b"matsense.format")
        if told is not None:
            check_format(int(told) if told.isdigit() else "unreadable", self.root)
        if not self._attempt(part, lambda: columns.check(schema)):
            return None
        self.schemas_of(part.parent)[part] = schema
        return file

    def table(
        self, part: Path, file: pq.ParquetFile, wanted: Sequence[str], groups: Sequence[int]
    ) -> pa.Table:
        """Some columns of some row groups of a part; no rows if they are not what they should be,
        though its checksum is right: then somebody else has written it.
        """
        # In this thread: to hand a few kilobytes to others takes longer on a busy machine.
        found = self._attempt(part, lambda: file.read_row_groups(groups, wanted, use_threads=False))
        return file.schema_arrow.empty_table().select(wanted) if found is None else found

    def _attempt(self, part: Path, read: Callable[[], Result]) -> Result | None:
        try:
            with about(part):
                return read()
        except MemoryError:
            raise  # Arrow's own is an ArrowException, too
        except (ValueError, pa.ArrowException, OSError) as error:
            # What Arrow says of the content has no number of the system's.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.say(f"{part}: not written by this program ({why}); left out")
            return None

    def _source(self, part: Path) -> tuple[str, bytes | None] | None:
        """The checksum of a file, and its bytes unless they are many; None for one that is gone,
        and for what is no file.
        """
        try:
            # Asked before it is opened, which would wait at a pipe and rewind a tape.
            if not stat.S_ISREG(part.stat().st_mode):
                self.say(f"{part}: no file, though named like one; left out")
                return None
            with about(part), open(part, "rb", opener=_at_once) as file:
                size = os.fstat(file.fileno()).st_size
                found, kept, read = _hash(), [], 0
                while chunk := file.read(CHUNK):
                    found.update(chunk)
                    read += len(chunk)
                    kept += [chunk] if size <= MANY else []
        except FileNotFoundError:
            if part.is_symlink():
                raise  # to a disk that is not there now, for one
            self._vanished = True
            return None
        if read < size:
            raise OSError(errno.EIO, f"only {read} of {size} bytes could be read", str(part))
        return found.hexdigest(), (b"".join(kept) if size <= MANY else None)

    def _set_aside(self, part: Path) -> None:
        if self.only_reads:
            self.say(f"{part}: {DAMAGED}; left out: the next command that runs sets it aside")
            return
        if self.leads_out(part):
            self.say(f"{part}: {DAMAGED}; left out, and left as it is: a link leads to it")
            return
        aside = _free(part.with_name(f"_{part.name}.unreadable"))
        try:
            part.rename(aside)
        except FileNotFoundError:
            return  # another sweep in this folder was faster
        except OSError as error:
            self.say(f"{part}: {DAMAGED}; left out: it cannot be renamed ({error.strerror})")
            return
        self.say(f"{part}: {DAMAGED}; renamed to {aside.name}, its runs are run again")

    def _look_again(self, aside: Path) -> pq.ParquetFile | None:
        """A part that was set aside, if it is whole after all; it gets its name back."""
        named = ASIDE.fullmatch(aside.name)
        assert named is not None
        part = aside.with_name(named[1])
        try:
            source = self._source(aside)
        except OSError as error:
            self.say(f"{aside}: cannot be looked at again ({error.strerror or error}); left out")
            return None
        if source is None:
            return None
        is_whole = source[0] == named[2]
        # One that is named without the underscore stands in other readers' way.
        name = part if is_whole else aside.with_name(f"_{aside.name.removeprefix('_')}")
        if not (self.only_reads or self.leads_out(aside) or os.path.lexists(name)):
            try:
                aside.rename(name)
            except OSError as error:
                self.say(f"{aside}: cannot be renamed to {name.name} ({error.strerror})")
            else:
                if is_whole:
                    self.say(f"{part}: is whole after all: taken back")
                    return None  # it is among the parts now
        return self._parsed(aside, source[1]) if is_whole else None

    def leads_out(self, part: Path) -> bool:
        """Whether a part is reached through a link: it may be read, not renamed or replaced."""
        return any(place.is_symlink() for place in (self.root, part.parent, part))

    def say(self, notice: str) -> None:
        """Takes note, once, of what a person should hear."""
        if notice not in self.notices:
            self.notices.append(notice)


def _free(aside: Path) -> Path:
    """The name itself, or the next like it that is not taken."""
    stem = aside.name.removesuffix(".unreadable")
    others = (aside.with_name(f"{stem}.{number}.unreadable") for number in itertools.count(2))
    return next(path for path in itertools.chain([aside], others) if not os.path.lexists(path))


def check_format(found: int | str, root: Path) -> None:
    """Raises InvalidInput for a store that another version has written."""
    if found != columns.FORMAT:
        raise InvalidInput(
            f"store {root}",
            f"it is of format {found}, this version reads and writes format {columns.FORMAT}",
            "use another --out, or the version of matsense that wrote it",
        )


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing if there is none. Not glob, to which a folder that may not be
    read now is an empty one.
    """
    try:
        with about(folder), os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except FileNotFoundError:
        return []


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def checksum(content: bytes) -> str:
    """What the name of a part with this content ends in."""
    found = _hash()
    found.update(content)
    return found.hexdigest()


def _hash() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=8)
