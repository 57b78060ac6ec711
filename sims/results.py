"""A results folder as tables, for Python: the current runs with their traces, and the verdicts.

>>> from sims.results import load
>>> found = load("figures/overparam_gd")  # doctest: +SKIP
>>> found.tables["symmetric"].to_pandas(), found.verdicts[0]["sentence"]  # doctest: +SKIP
"""

import contextlib
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from matsense.errors import InvalidInput
from sims.storage import columns
from sims.storage.parts import Parts
from sims.storage.store import Store

AGAIN = "give the command again that writes it: python -m sims.sweep STUDY --rejudge"


@dataclass(frozen=True)
class Results:
    """The conclusion in a results folder: what its verdicts are, and the runs that they are of.

    `tables` has a table for each sweep, a row a run in the order of rates.csv: `run`, `seed`,
    `status`, `message`, `param.<axis>`, and what the trial recorded, lists for traces (`t` is their
    ticks), null for a run that has none. `verdicts` are the claims of verdict.json. `missing` are
    the ids of runs that were wanted and are not stored: the verdicts count them.
    """

    study: str
    precision: str
    verdicts: list[dict[str, Any]]
    tables: dict[str, pa.Table]
    missing: tuple[str, ...] = ()

    @property
    def runs(self) -> pa.Table:
        """All runs in one table, the first column of which is the sweep.

        Raises InvalidInput if sweeps have axes or quantities of one name and different kinds.
        """
        schemas = [table.schema for table in self.tables.values()]
        whole = columns.united(schemas)
        if whole is None:
            apart = ", ".join(_apart(schemas))
            rule = f"columns of one name hold different things in its sweeps ({apart})"
            raise InvalidInput(f"study {self.study!r}", rule, "take the tables one by one")
        parts = [
            columns.conformed(table, whole).add_column(0, "sweep", [[name] * table.num_rows])
            for name, table in self.tables.items()
        ]
        return pa.concat_tables(parts)


def load(folder: str | Path) -> Results:
    """What a sweep has concluded in `folder`, such as "figures/overparam_gd". Changes nothing.

    Current are the runs that the conclusion in the folder was made of, whatever else is stored
    there. Raises InvalidInput for a folder without a conclusion, with files of two of them, or
    whose runs are not there.
    """
    folder = Path(folder).expanduser()
    verdict, rates = _verdict(folder), _rates(folder)
    if {row["grid_digest"] for row in rates} != {verdict["grid_digest"]}:
        rule = "verdict.json and rates.csv are of two conclusions"
        raise InvalidInput(f"results {folder}", rule, AGAIN)
    wanted = {row["run"]: row["sweep"] for row in rates if row["status"] != "missing"}
    if len({row["run"] for row in rates}) < len(rates):
        raise InvalidInput(f"results {folder}", "rates.csv names a run twice", AGAIN)
    tables, notices = _stored(folder, wanted)
    found = sum(table.num_rows for table in tables.values())
    if found < len(wanted):
        why = f" ({notices[0]})" if notices else ""
        rule = f"{len(wanted) - found} of its {len(wanted)} runs are not in {folder / 'runs'}{why}"
        raise InvalidInput(f"results {folder}", rule, "run the study there: it computes them")
    missing = tuple(row["run"] for row in rates if row["status"] == "missing")
    return Results(verdict["study"], verdict["precision"], verdict["claims"], tables, missing)


def _apart(schemas: Sequence[pa.Schema]) -> list[str]:
    """The columns that cannot be those of one table."""
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    same = {n: [pa.schema([s.field(n)]) for s in schemas if n in s.names] for n in names}
    return [name for name, own in same.items() if columns.united(own) is None]


def _verdict(folder: Path) -> dict[str, Any]:
    data = _read(folder, "verdict.json")
    try:
        found = json.loads(data)
        texts = [found[name] for name in ("study", "precision", "grid_digest")]
        if all(isinstance(text, str) for text in texts) and isinstance(found["claims"], list):
            return dict(found)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise InvalidInput(f"results {folder}", "its verdict.json holds no verdicts", AGAIN)


def _rates(folder: Path) -> list[dict[str, str]]:
    text = _read(folder, "rates.csv").decode(errors="replace")
    rows: list[dict[str, str]] = []
    with contextlib.suppress(csv.Error):
        rows = list(csv.DictReader(io.StringIO(text)))
    needed = ("run", "sweep", "status", "grid_digest")
    if not rows or not all(isinstance(row.get(name), str) for row in rows for name in needed):
        raise InvalidInput(f"results {folder}", "its rates.csv is not a sweep's", AGAIN)
    return rows


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (OSError, ValueError) as error:
        there = [path.parent.name for path in sorted(folder.glob("*/verdict.json"))]
        remedy = f"give a study's folder, as {folder / there[0]}" if there else AGAIN
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"results {folder}", f"no {name} there ({why})", remedy) from None


def _stored(folder: Path, wanted: dict[str, str]) -> tuple[dict[str, pa.Table], list[str]]:
    """The rows of these runs by sweep, in their order; and what could not be read."""
    Store(folder, only_reads=True)  # refuses what another version has written
    parts = Parts(folder / "runs", only_reads=True)
    pieces: dict[str, list[pa.Table]] = {sweep: [] for sweep in wanted.values()}
    for part, file in parts.whole():
        sweep = part.parent.name.removeprefix("sweep=")
        table = parts.table(part, file, file.schema_arrow.names, range(file.num_row_groups))
        ids = table["run"].to_pylist()
        places = [place for place, id in enumerate(ids) if wanted.get(id) == sweep]
        if places:
            pieces[sweep].append(table if len(places) == len(ids) else table.take(places))
    tables = {sweep: _ordered(folder, sweep, own, wanted) for sweep, own in pieces.items()}
    return tables, parts.notices


def _ordered(
    folder: Path, sweep: str, pieces: Sequence[pa.Table], wanted: dict[str, str]
) -> pa.Table:
    """One row a run; of one that failed and was tried again, the success."""
    whole = columns.united(piece.schema for piece in pieces)
    if whole is None:
        rule = f"the runs of {sweep} have columns of one name that hold different things"
        raise InvalidInput(f"results {folder}", rule, "run the study there again")
    table = pa.concat_tables([whole.empty_table(), *(columns.conformed(p, whole) for p in pieces)])
    places: dict[str, int] = {}
    told = zip(table["run"].to_pylist(), table["status"].to_pylist(), strict=True)
    for place, (id, status) in enumerate(told):
        if id not in places or status != "failed":
            places[id] = place
    order = [places[id] for id, name in wanted.items() if name == sweep and id in places]
    return table.take(pa.array(order, pa.int64())).replace_schema_metadata(None)
