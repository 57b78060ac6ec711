"""The run store: a folder of Parquet part files, one a finished batch, each written whole or not.

`<study folder>/runs/sweep=<name>/<first run>-<checksum>.parquet`: a hive-partitioned data set that
pandas, polars, DuckDB, R and Julia read as one table a sweep. Columns: run (id), seed, status,
message, seconds, program (the name of what computed it), precision, date (when it was stored),
`param.<axis>`, and one list column for each recorded quantity (nested lists for vectors at ticks).
"""

import hashlib
import json
import os
import uuid
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
from sims.study import Point

FORMAT = 3
MARK = "store.json"
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

    Nothing is created before the first write, so a refused command leaves no trace. `notices`
    collects what a person should hear: files that were set aside because they could not be read.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "runs"
        self.notices: list[str] = []
        self._check_version()

    def _check_version(self) -> None:
        mark = self.root / MARK
        if not mark.exists():
            return
        try:
            found = json.loads(mark.read_bytes())["format"]
        except (OSError, ValueError, KeyError, TypeError):
            found = "unreadable"
        if found != FORMAT:
            raise InvalidInput(
                f"store {self.root}",
                f"it is of format {found}, this version reads and writes format {FORMAT}",
                "use another --out, or the version of matsense that wrote it",
            )

    def parts(self) -> list[Path]:
        """The finished part files, in a fixed order."""
        return sorted(self.root.glob("sweep=*/*.parquet"))

    def known(self) -> set[str]:
        """Ids of all stored runs but the failed ones, which are to be tried again.

        Part files that cannot be read are set aside, with a notice.
        """
        ids: set[str] = set()
        for part in self.parts():
            table = self._load(part, ["run", "status"])
            if table is not None:
                pairs = zip(table["run"].to_pylist(), table["status"].to_pylist(), strict=True)
                ids.update(id for id, status in pairs if status != "failed")
        return ids

    def _load(self, part: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
        """A part file's rows; None, and the file set aside, if it is not what was once written.

        Its name ends in the checksum of its content: a flipped bit is an error, not a number.
        """
        try:
            content = part.read_bytes()
            if not part.stem.endswith(f"-{_checksum(content)}"):
                raise ValueError("its content is not what its name's checksum says")
            # Not read_table, which takes twice as long for a small file.
            file = pq.ParquetFile(pa.BufferReader(content))
            _check_columns(file.schema_arrow)
            return file.read(columns)
        except (OSError, pa.ArrowException, ValueError) as error:
            self._set_aside(part, error)
            return None

    def _set_aside(self, part: Path, error: Exception) -> None:
        aside = part.with_name(part.name + ".unreadable")
        try:
            part.replace(aside)
        except FileNotFoundError:
            return  # another sweep in this folder was faster
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.notices.append(
            f"{part}: cannot be read ({reason}); renamed to {aside.name}, its runs are run again"
        )

    def write(self, records: Sequence[Record]) -> None:
        """Writes finished runs of one sweep as one part file: temporary file, fsync, rename."""
        if not records:
            return
        self.write_table(records[0].point.sweep, _table(records))

    def write_table(self, sweep: str, table: pa.Table) -> None:
        """Writes rows of one sweep as one part file."""
        folder = self.root / f"sweep={sweep}"
        folder.mkdir(parents=True, exist_ok=True)
        mark = self.root / MARK
        if not mark.exists():
            write_whole(mark, json.dumps({"format": FORMAT}).encode())
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        name = f"{table['run'][0].as_py()[:12]}-{_checksum(content)}.parquet"
        write_whole(folder / name, content)

    def tables(self) -> Iterator[tuple[Path, pa.Table]]:
        """The part files that can be read, each with its rows."""
        for part in self.parts():
            table = self._load(part)
            if table is not None:
                yield part, table

    def read(self, points: Iterable[Point]) -> list[Run]:
        """The runs of these points, in their order; those not stored have status "missing".

        Ids name programs, so that of what older code has left in the folder nothing is returned.
        A run that two sweeps at once have both stored is read once: the copies are equal. Of a run
        that failed and was tried again, the success counts.
        """
        points = list(points)
        wanted = {point.id: point for point in points}
        found: dict[str, Run] = {}
        for part in self.parts():
            table = self._load(part)
            if table is None:
                continue
            for row, id in enumerate(table["run"].to_pylist()):
                if id in wanted and (id not in found or found[id].status == "failed"):
                    found[id] = _run(wanted[id], table.slice(row, 1))
        return [found.get(point.id, point.missing) for point in points]


def _check_columns(schema: pa.Schema) -> None:
    """Raises ValueError for a table that is whole but was not written by this store."""
    for name, kind in FIXED.items():
        if name not in schema.names or schema.field(name).type != kind:
            raise ValueError(f"its column {name!r} is not one of {kind}")
    for name in schema.names:
        kind = schema.field(name).type
        while pa.types.is_list(kind):
            kind = kind.value_type
        numbers = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
        if not (numbers or pa.types.is_boolean(kind) or name in FIXED or name.startswith("param.")):
            raise ValueError(f"its column {name!r} holds no numbers")


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
    names = dict.fromkeys(name for r in records for name in r.quantities)
    for name in names:
        columns[name] = [
            r.quantities[name].tolist() if name in r.quantities else None for r in records
        ]
    return pa.table(columns, metadata={"matsense.format": str(FORMAT)})


def _run(point: Point, row: pa.Table) -> Run:
    quantities = {}
    for name in row.column_names:
        if name in FIXED or name.startswith("param."):
            continue
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


def write_whole(path: Path, content: Any) -> None:
    """A file that is there whole or not at all, and stays after a power cut."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    try:
        directory = os.open(path.parent, os.O_RDONLY)
    except PermissionError:
        return  # Windows opens no folders
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
