"""The run store: a folder of Parquet part files, one a finished batch, each written whole or not.

`<study folder>/runs/sweep=<name>/<first run>-<checksum>.parquet`: a hive-partitioned data set that
pandas, polars, DuckDB, R and Julia read as one table a sweep. Columns: run (id), seed, status,
message, seconds, program (the name of what computed it), precision, date (when it was stored),
`param.<axis>`, and one column for each recorded quantity: float64, in lists for ticks, in nested
lists for vectors at ticks; null for a run that has none. No other file lies here, but for those
that are being written (`.<name>.tmp`) and those that are damaged (`_<name>.unreadable`).
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from matsense.errors import InvalidInput
from matsense.judging.runs import Run
from sims.files import about, remove_abandoned, sync, write_whole
from sims.running.recorded import fitting
from sims.storage import columns
from sims.storage.parts import PART, Parts, check_format, checksum
from sims.storage.rows import as_stored, needed, table_of

# A file that told the format of a store, where each part tells it now: other readers stumbled.
FORMER_MARK = "store.json"


class Store:
    """The runs of one study under `folder`/runs.

    Nothing is created before the first write, so a refused command leaves no trace; with
    `only_reads` nothing is ever written or renamed. `notices` collects what a person should hear;
    what cannot be read now is raised as OSError or MemoryError, and changes nothing (`parts`).
    """

    def __init__(self, folder: Path, only_reads: bool = False) -> None:
        self.root = folder / "runs"
        self.only_reads = only_reads
        self._parts = Parts(self.root, only_reads)
        self.notices = self._parts.notices
        # Whose rows a part holds, as far as this store has looked; a part never changes.
        self._ids: dict[Path, list[str]] = {}
        self._check_version()

    def _check_version(self) -> None:
        if os.path.lexists(self.root) and not self.root.is_dir():
            raise InvalidInput(f"store {self.root}", "it is no folder", "use another --out")
        mark = self.root / FORMER_MARK
        if mark.is_file():
            with about(mark):
                told = mark.read_bytes()
            try:
                found = json.loads(told)["format"]
            except (ValueError, KeyError, TypeError):
                found = "unreadable"
            check_format(found, self.root)

    def check_writable(self, sweeps: Iterable[str]) -> None:
        """Raises InvalidInput if the runs of these sweeps would have to be written through a link,
        or where something else than a folder is.
        """
        for place in (self.root, *(self.root / f"sweep={sweep}" for sweep in sweeps)):
            if place.is_symlink():
                raise InvalidInput(
                    f"store {self.root}",
                    f"{place} is a link to {place.readlink()}, which is read, not written through",
                    "put the folder in its place, or use another --out",
                )
            if os.path.lexists(place) and not place.is_dir():
                raise InvalidInput(f"store {self.root}", f"{place} is no folder", "move it away")

    def tidy(self) -> None:
        """Removes what killed commands have left half written, and the former mark of a store."""
        if not self.only_reads and not self.root.is_symlink():
            mark = self.root / FORMER_MARK
            if mark.is_file():
                mark.unlink(missing_ok=True)
            for folder in (self.root, *self._parts.folders()):
                if not folder.is_symlink():
                    remove_abandoned(folder)

    def parts(self) -> list[Path]:
        """The finished part files, in a fixed order."""
        return self._parts.listed()

    def tables(self) -> Iterator[tuple[Path, pa.Table]]:
        """The part files that are whole, each with its rows."""
        for part, file in self._parts.whole():
            yield part, self._parts.table(part, file, file.schema_arrow.names, _all(file))

    def known(self) -> set[str]:
        """Ids of all stored runs but the failed ones, which are to be tried again."""
        ids: set[str] = set()
        for part, file in self._parts.whole():
            table = self._parts.table(part, file, ["run", "status"], _all(file))
            own = self._ids[part] = table["run"].to_pylist()
            pairs = zip(own, table["status"].to_pylist(), strict=True)
            ids.update(id for id, status in pairs if status != "failed")
        return ids

    def news(self) -> set[str]:
        """Ids of the runs in parts that others have written since this store last looked."""
        ids: set[str] = set()
        for part in self.parts():
            if part not in self._ids:
                file = self._parts.open(part)
                self._ids[part] = [] if file is None else self._ids_in(part, file, _all(file))
                ids.update(self._ids[part])
        return ids

    def read(self, runs: Iterable[Run]) -> list[Run]:
        """These runs as they are stored, in their order; those that are not have status "missing".

        Ids name programs, so that of what older code has left in the folder nothing is returned.
        A run that two sweeps at once have both stored is read once: the copies are equal. Of a run
        that failed and was tried again, the success counts.
        """
        runs = list(runs)
        wanted = {run.id: run for run in runs}
        stored: dict[str, Run] = {}

        def may_hold_some(part: Path) -> bool:
            own = self._ids.get(part)
            return not own or not wanted.keys().isdisjoint(own)

        for part, file in self._parts.whole(may_hold_some):
            # Whose rows these are comes first: those of somebody else may be large.
            for group in _all(file):
                ids = self._ids_in(part, file, [group])
                rows = [
                    row
                    for row, id in enumerate(ids)
                    if id in wanted and (id not in stored or stored[id].status == "failed")
                ]
                if rows:
                    table = self._parts.table(part, file, needed(file.schema_arrow.names), [group])
                    for row in rows if table.num_rows else ():
                        stored[ids[row]] = as_stored(wanted[ids[row]], table.slice(row, 1))
        return [
            stored[run.id] if run.id in stored else replace(run, status="missing", quantities={})
            for run in runs
        ]

    def _ids_in(self, part: Path, file: pq.ParquetFile, groups: Sequence[int]) -> list[str]:
        found: list[str] = self._parts.table(part, file, ["run"], groups)["run"].to_pylist()
        return found

    def write(self, runs: Sequence[Run]) -> None:
        """Writes finished runs of one sweep as one part file: temporary file, fsync, rename.

        A run whose quantities are no numbers, or of another rank than its neighbours', has failed.
        """
        if not runs:
            return
        sweep = runs[0].sweep
        own: dict[str, int] = {}
        fitted = [fitting(run, own) for run in runs]
        known = columns.ranks(self._schemas_of(self.root / f"sweep={sweep}").values())
        self.write_table(sweep, table_of(fitted, {**known, **own}))
        if set(own) - set(known):
            self.settle([sweep])

    def write_table(self, sweep: str, table: pa.Table) -> Path:
        """Writes rows of one sweep as one part file, whose path is returned."""
        folder = self.root / f"sweep={sweep}"
        with about(folder):
            self.check_writable([sweep])
            folder.mkdir(parents=True, exist_ok=True)
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink, compression="zstd")
            content = sink.getvalue().to_pybytes()
            part = folder / f"{table['run'][0].as_py()[:12]}-{checksum(content)}.parquet"
            self._ids[part] = table["run"].to_pylist()
            self._heed(write_whole(part, content))
            self._parts.schemas_of(folder)[part] = table.schema
        return part

    def _heed(self, refusal: str) -> None:
        # Once: every sweep's folder is on the same disk.
        if refusal and not any("cannot sync" in notice for notice in self.notices):
            self._parts.say(refusal)

    def _schemas_of(self, folder: Path) -> dict[Path, pa.Schema]:
        """Those of a sweep's parts, as far as they were opened; of all, the first time."""
        if not self._parts.schemas_of(folder):
            self._open_new(folder)
        # A copy: another thread may open parts meanwhile (`news`).
        return dict(self._parts.schemas_of(folder))

    def _open_new(self, folder: Path) -> None:
        for part in self.parts():
            if part.parent == folder and part not in self._parts.schemas_of(folder):
                self._parts.open(part)

    def settle(self, sweeps: Iterable[str]) -> None:
        """Gives every part of these sweeps all columns that any of its sweep has, of one type.

        Where all runs of a batch failed nobody knew their quantities. A part that lacks columns is
        written again, whole, before the old one goes: no number changes.
        """
        for sweep in sweeps:
            folder = self.root / f"sweep={sweep}"
            self._open_new(folder)
            own = {p: s for p, s in self._schemas_of(folder).items() if PART.fullmatch(p.name)}
            target = columns.united(own.values())
            if target is None:
                self._parts.say(
                    f"{folder}: parts of different programs hold a column in different forms: "
                    "readers cannot take them for one table"
                )
                continue
            for part, schema in own.items():
                if columns.alike(schema, target) or self.only_reads or self._parts.leads_out(part):
                    continue
                with about(part):
                    file = self._parts.open(part)
                    if file is None:
                        continue  # gone: another command was faster
                    new = self.write_table(sweep, columns.conformed(file.read(), target))
                    if new != part:
                        part.unlink(missing_ok=True)
                        self._heed(sync(folder))
                        del self._parts.schemas_of(folder)[part]


def _all(file: pq.ParquetFile) -> range:
    return range(file.num_row_groups)
