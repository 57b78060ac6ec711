"""The run store: a folder of Parquet part files, one a finished batch, each written whole or not.

`<study folder>/runs/sweep=<name>/<first run>-<checksum>.parquet`: a hive-partitioned data set that
pandas, polars, DuckDB, R and Julia read as one table a sweep. Columns: run (id), seed, status,
message, seconds, program (the name of what computed it), precision, date (when it was stored),
`param.<axis>`, and one list column for each recorded quantity (nested lists for vectors at ticks).
"""

import contextlib
import hashlib
import itertools
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from matsense.claims import Run
from matsense.errors import InvalidInput
from sims.files import remove_abandoned, write_whole
from sims.study import Point

FORMAT = 3
# The first is written: readers of data sets skip what begins with such a sign.
MARKS = ("_store.json", "store.json")
MARK = MARKS[0]
ASIDE = ".unreadable"
FIXED = {
    "run": pa.string(),
    "seed": pa.int64(),
    "status": pa.string(),
    "message": pa.string(),
    "seconds": pa.float64(),
    "program": pa.string(),
    "precision": pa.string(),
    "date": pa.timestamp("ms", "UTC"),
}


@dataclass(frozen=True)
class Record:
    """A finished run as the engine hands it over."""

    point: Point
    status: str
    quantities: dict[str, np.ndarray]
    message: str = ""
    seconds: float = 0.0


class Store:
    """The runs of one study under `folder`/runs.

    Nothing is created before the first write, so a refused command leaves no trace; with
    `writing=False` nothing is ever changed. `notices` collects what a person should hear: files
    whose checksum is wrong, which are set aside, and others that are left alone. Every other error
    of reading (no permission, no memory, a disk that does not answer) is raised and changes
    nothing: what cannot be read now may well be whole.
    """

    def __init__(self, folder: Path, writing: bool = True) -> None:
        self.root = folder / "runs"
        self.writing = writing
        self.notices: list[str] = []
        self._tidied: set[Path] = set()
        self._unsynced = False
        self._quantities: dict[str, dict[str, pa.DataType]] = {}
        self._check_version()

    def _check_version(self) -> None:
        for mark in (self.root / name for name in MARKS):
            if not mark.exists():
                continue
            try:
                found = json.loads(mark.read_bytes())["format"]
            except (ValueError, KeyError, TypeError):
                found = "unreadable"
            if found != FORMAT:
                raise InvalidInput(
                    f"store {self.root}",
                    f"it is of format {found}, this version reads and writes format {FORMAT}",
                    "use another --out, or the version of matsense that wrote it",
                )

    def check_writable(self) -> None:
        """Raises InvalidInput if what would be written lies behind a link that leads elsewhere."""
        home = self.root.parent.resolve()
        for folder in [self.root, *self.root.glob("sweep=*")]:
            if folder.is_symlink() and not folder.resolve().is_relative_to(home):
                raise InvalidInput(
                    f"store {folder}",
                    f"it is a link to {folder.resolve()}, and links are not followed for writing",
                    "give the folder itself with --out, or --rejudge to only read",
                )

    def parts(self) -> list[Path]:
        """The finished part files, in a fixed order; what is no file is left alone, and said."""
        found = []
        for path in sorted(self.root.glob("sweep=*/*.parquet")):
            try:
                kind = path.stat().st_mode
            except FileNotFoundError:
                if not path.is_symlink():
                    continue  # another sweep in this folder was faster
                kind = 0
            if stat.S_ISREG(kind):
                found.append(path)
            else:
                self._say(f"{path}: it is no file, and is left alone")
        return found

    def known(self) -> set[str]:
        """Ids of all stored runs but the failed ones, which are to be tried again."""
        ids: set[str] = set()
        for _, file in self._files():
            table = file.read(["run", "status"])
            pairs = zip(table["run"].to_pylist(), table["status"].to_pylist(), strict=True)
            ids.update(id for id, status in pairs if status != "failed")
        return ids

    def _files(self) -> Iterator[tuple[Path, pq.ParquetFile]]:
        """The part files that are what was once written, opened; others are set aside, or said."""
        self._take_back()
        for part in self.parts():
            try:
                content = part.read_bytes()
            except FileNotFoundError:
                continue  # another sweep in this folder set it aside
            if not part.stem.endswith(f"-{_checksum(content)}"):
                self._set_aside(part)
                continue
            # Not read_table, which takes twice as long for a small file.
            file = pq.ParquetFile(pa.BufferReader(content))
            fault = _fault(file.schema_arrow)
            if fault:
                self._say(f"{part}: {fault}: not written by this store, and left alone")
            else:
                yield part, file

    def _set_aside(self, part: Path) -> None:
        """Renames a file whose content is not what its name's checksum says.

        A flipped bit is an error, not a number. What a link leads to is not this store's.
        """
        wrong = f"{part}: its content is not what its name's checksum says"
        if not self.writing or part.is_symlink() or part.parent.is_symlink():
            self._say(f"{wrong}; its runs count as missing")
            return
        names = (f"{part.name}{ASIDE}{number or ''}" for number in itertools.count())
        aside = next(new for name in names if not os.path.lexists(new := part.with_name(name)))
        try:
            part.rename(aside)
        except FileNotFoundError:
            return  # another sweep in this folder was faster
        self._say(f"{wrong}; renamed to {aside.name}, its runs are run again")

    def _take_back(self) -> None:
        """Gives files that were set aside, and are whole after all, their name again."""
        if not self.writing:
            return
        for aside in sorted(self.root.glob(f"sweep=*/*.parquet{ASIDE}*")):
            part = aside.with_name(aside.name.partition(ASIDE)[0])
            if aside.is_symlink() or aside.parent.is_symlink() or os.path.lexists(part):
                continue
            # Whatever cannot be read, or is no file, stays where it is.
            with contextlib.suppress(OSError):
                if not stat.S_ISREG(aside.stat().st_mode):
                    continue
                if part.stem.endswith(f"-{_checksum(aside.read_bytes())}"):
                    aside.rename(part)
                    self._say(f"{part}: it had been set aside and is whole: taken back")

    def _say(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def write(self, records: Sequence[Record]) -> None:
        """Writes finished runs of one sweep as one part file: temporary file, fsync, rename."""
        if not records:
            return
        self.write_table(records[0].point.sweep, _table(records))

    def write_table(self, sweep: str, table: pa.Table) -> None:
        """Writes rows of one sweep as one part file."""
        folder = self.root / f"sweep={sweep}"
        if folder not in self._tidied or not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            for place in (self.root, folder):
                remove_abandoned(place)
            self._tidied.add(folder)
        if not any((self.root / name).exists() for name in MARKS):
            self._wrote(write_whole(self.root / MARK, json.dumps({"format": FORMAT}).encode()))
        known = self._quantities.setdefault(sweep, {})
        if not known:
            for part, file in self._files():
                known |= _quantities(file.schema_arrow) if part.parent == folder else {}
        own = _quantities(table.schema)
        grown = known and not own.keys() <= known.keys()
        lacking = not known and own and any(folder.glob("*.parquet"))
        known |= own
        self._write_part(folder, _with_columns(table, known))
        if grown or lacking:
            self._complete(folder, known)

    def _write_part(self, folder: Path, table: pa.Table) -> Path:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        path = folder / f"{table['run'][0].as_py()[:12]}-{_checksum(content)}.parquet"
        self._wrote(write_whole(path, content))
        return path

    def _complete(self, folder: Path, known: dict[str, pa.DataType]) -> None:
        """Gives parts that were written before a quantity was known, of failures, its column.

        All parts of a sweep then are one table to whoever reads the folder.
        """
        for part, file in self._files():
            if part.parent == folder and not known.keys() <= set(file.schema_arrow.names):
                new = self._write_part(folder, _with_columns(file.read(), known))
                if new != part:
                    part.unlink(missing_ok=True)

    def _wrote(self, notice: str) -> None:
        """A file system that syncs no folder is told of once, not for every folder and batch."""
        if notice and not self._unsynced:
            self._unsynced = True
            self._say(notice)

    def tables(self) -> Iterator[tuple[Path, pa.Table]]:
        """The part files that can be read, each with its rows."""
        for part, file in self._files():
            yield part, file.read()

    def read(self, points: Iterable[Point]) -> list[Run]:
        """The runs of these points, in their order; those not stored have status "missing".

        Ids name programs, so that of what older code has left in the folder nothing is returned.
        A run that two sweeps at once have both stored is read once: the copies are equal. Of a run
        that failed and was tried again, the success counts.
        """
        points = list(points)
        wanted = {point.id: point for point in points}
        found: dict[str, Run] = {}
        for _, file in self._files():
            # Ids first: a part of other runs may be large.
            ids = file.read(["run"])["run"].to_pylist()
            rows = [row for row, id in enumerate(ids) if id in wanted]
            if not rows:
                continue
            table = file.read()
            for row in rows:
                id = ids[row]
                if id not in found or found[id].status == "failed":
                    found[id] = _run(wanted[id], table.slice(row, 1))
        return [found.get(point.id, point.missing) for point in points]


def _fault(schema: pa.Schema) -> str:
    """What makes a table that is whole one of somebody else; "" if nothing does."""
    for name, kind in FIXED.items():
        if name not in schema.names or schema.field(name).type != kind:
            return f"its column {name!r} is not one of {kind}"
    for name in schema.names:
        kind = schema.field(name).type
        while pa.types.is_list(kind):
            kind = kind.value_type
        numbers = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
        if not (numbers or pa.types.is_boolean(kind) or name in FIXED or name.startswith("param.")):
            return f"its column {name!r} holds no numbers"
    return ""


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _now() -> datetime:
    """The time to the second, which is all that anybody asks of a run."""
    return datetime.now(UTC).replace(microsecond=0)


def _table(records: Sequence[Record]) -> pa.Table:
    columns: dict[str, Any] = {
        "run": [r.point.id for r in records],
        "seed": [r.point.seed for r in records],
        "status": [r.status for r in records],
        "message": [r.message for r in records],
        "seconds": [r.seconds for r in records],
        "program": [r.point.program for r in records],
        "precision": [r.point.precision for r in records],
        "date": pa.array([_now()] * len(records), FIXED["date"]),
    }
    for axis in records[0].point.params:
        columns[f"param.{axis}"] = [r.point.params[axis] for r in records]
    kinds = {name: _kind(array) for r in records for name, array in r.quantities.items()}
    for name, kind in kinds.items():
        values = [r.quantities.get(name) for r in records]
        columns[name] = pa.array(
            [None if v is None else np.asarray(v, float).tolist() for v in values], kind
        )
    return pa.table(columns, metadata={"matsense.format": str(FORMAT)})


def _kind(array: np.ndarray) -> pa.DataType:
    """Doubles, in as many lists as the array has axes: whatever it holds is read as such."""
    kind = pa.float64()
    for _ in range(np.ndim(array)):
        kind = pa.list_(kind)
    return kind


def _quantities(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The columns of quantities, with their types."""
    names = [n for n in schema.names if n not in FIXED and not n.startswith("param.")]
    return {name: schema.field(name).type for name in names}


def _with_columns(table: pa.Table, known: dict[str, pa.DataType]) -> pa.Table:
    """The table with a column of nulls for each quantity that it lacks, in one order."""
    for name in known.keys() - set(table.column_names):
        table = table.append_column(name, pa.nulls(table.num_rows, known[name]))
    return table.select([n for n in table.column_names if n not in known] + sorted(known))


def _run(point: Point, row: pa.Table) -> Run:
    quantities = {}
    for name in _quantities(row.schema):
        value = row[name][0].as_py()
        if value is not None:
            quantities[name] = np.asarray(value, dtype=float)
    return Run(
        point.id,
        point.sweep,
        point.params,
        point.seed,
        row["status"][0].as_py(),
        quantities,
        row["message"][0].as_py(),
        point.instance,
    )
