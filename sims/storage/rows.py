"""Finished runs as rows of a table, and back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from matsense.judging.runs import Run
from sims.storage import columns
from sims.storage.columns import FIXED, FORMAT


def _now() -> datetime:
    """The time to the second, which is all that anybody asks of a run."""
    return datetime.now(UTC).replace(microsecond=0)


def table_of(runs: Sequence[Run], ranks: dict[str, int]) -> pa.Table:
    """One row a run, with a column for each quantity in `ranks`: how many axes it has."""
    values: dict[str, list[Any]] = {
        "run": [run.id for run in runs],
        "seed": [run.seed for run in runs],
        "status": [run.status for run in runs],
        "message": [run.message.encode(errors="backslashreplace").decode() for run in runs],
        "seconds": [run.seconds for run in runs],
        "program": [run.program for run in runs],
        "precision": [run.precision for run in runs],
        "date": [_now()] * len(runs),
    }
    table = pa.table({name: pa.array(values[name], kind) for name, kind in FIXED.items()})
    for axis in runs[0].params:
        table = table.append_column(f"param.{axis}", pa.array([run.params[axis] for run in runs]))
    for name, rank in sorted(ranks.items()):
        own = [run.quantities[name].tolist() if name in run.quantities else None for run in runs]
        table = table.append_column(name, pa.array(own, columns.kind(rank)))
    return table.replace_schema_metadata({"matsense.format": str(FORMAT)})


def needed(names: Sequence[str]) -> list[str]:
    """Those columns that `as_stored` reads: a run that is wanted knows the others."""
    return [
        name
        for name in names
        if name in ("status", "message", "seconds") or columns.is_quantity(name)
    ]


def as_stored(run: Run, row: pa.Table) -> Run:
    """A run that is wanted, with what its row tells."""
    quantities = {}
    for name in row.column_names:
        if columns.is_quantity(name):
            value = row[name][0].as_py()
            if value is not None:
                quantities[name] = np.asarray(value, dtype=float)
    told = {name: row[name][0].as_py() for name in ("status", "message", "seconds")}
    return replace(run, quantities=quantities, **told)
