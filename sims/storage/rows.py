"""Finished runs as rows of a table, and back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from matsense.judging.runs import Run
from sims.running.worker import Record
from sims.storage import columns
from sims.storage.columns import FIXED, FORMAT
from sims.study import Point


def fitting(record: Record, ranks: dict[str, int]) -> Record:
    """The record with its quantities as float64; as a failed run if they cannot be stored."""
    quantities = {}
    for name, value in record.quantities.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biufV" or (array.dtype.kind == "V" and array.dtype.names):
            why = f"quantity {name!r} is of {array.dtype}, not numbers"
        elif ranks.setdefault(name, array.ndim) != array.ndim:
            why = f"quantity {name!r} has {array.ndim} axes here, {ranks[name]} in another run"
        else:
            quantities[name] = array.astype(np.float64)
            continue
        return replace(record, status="failed", quantities={}, message=f"TypeError: {why}")
    return replace(record, quantities=quantities)


def _now() -> datetime:
    """The time to the second, which is all that anybody asks of a run."""
    return datetime.now(UTC).replace(microsecond=0)


def table_of(records: Sequence[Record], ranks: dict[str, int]) -> pa.Table:
    """One row a run, with a column for each quantity in `ranks`: how many axes it has."""
    values: dict[str, list[Any]] = {
        "run": [r.point.id for r in records],
        "seed": [r.point.seed for r in records],
        "status": [r.status for r in records],
        "message": [r.message.encode(errors="backslashreplace").decode() for r in records],
        "seconds": [r.seconds for r in records],
        "program": [r.point.program for r in records],
        "precision": [r.point.precision for r in records],
        "date": [_now()] * len(records),
    }
    table = pa.table({name: pa.array(values[name], kind) for name, kind in FIXED.items()})
    for axis in records[0].point.params:
        table = table.append_column(
            f"param.{axis}", pa.array([r.point.params[axis] for r in records])
        )
    for name, rank in sorted(ranks.items()):
        own = [r.quantities[name].tolist() if name in r.quantities else None for r in records]
        table = table.append_column(name, pa.array(own, columns.kind(rank)))
    return table.replace_schema_metadata({"matsense.format": str(FORMAT)})


def needed(names: Sequence[str]) -> list[str]:
    """Those columns that `run_of` reads: a run's point knows the others."""
    return [name for name in names if name in ("status", "message") or columns.is_quantity(name)]


def run_of(point: Point, row: pa.Table) -> Run:
    """The run of a point, read from its row."""
    quantities = {}
    for name in row.column_names:
        if columns.is_quantity(name):
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
        point.derived,
    )
