"""Removes stored runs that no current program names: what older code has computed.

A run is current if the program of its own parameters, traced now, is the one that computed it, and
its key is the one that is drawn from now; whether a grid of today asks for it does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.filesize import decimal

from matsense.judging.runs import Run
from sims.identity.names import Names
from sims.running.memory import GPU_INSTANCES
from sims.storage.store import Store
from sims.study import Study, Sweep, id_of


@dataclass(frozen=True)
class Stale:
    """A part file that holds runs of older code: their count, all its runs, and its bytes."""

    path: Path
    kept: pa.Table
    removed: int
    bytes: int


def stale(store: Store, name: str, study: Study, names: Names, device: str) -> list[Stale]:
    """The part files of a store that hold runs which no current program has computed.

    Runs of another device than `device` ("cpu" or "gpu") cannot be judged here, and count as
    current. Traces what is not yet known; changes nothing.
    """
    current = _Current(name, study, names, device)
    found = []
    for path, table in store.tables():
        keep = [current.holds(_sweep_of(path), row) for row in _rows(table)]
        if not all(keep):
            kept = table.filter(pa.array(keep))
            found.append(Stale(path, kept, keep.count(False), path.stat().st_size))
    return found


def remove(store: Store, found: Sequence[Stale]) -> None:
    """Removes the runs of older code; what else was in a file with them is written anew first.

    Raises InvalidInput, before anything is removed, if some of it lies behind a link.
    """
    store.check_writable({_sweep_of(part.path) for part in found})
    for part in found:
        if part.kept.num_rows:
            store.write_table(_sweep_of(part.path), part.kept)
        part.path.unlink(missing_ok=True)


def what_is_removed(found: Sequence[Stale], folder: Path) -> str:
    """One sentence for a person."""
    runs = sum(part.removed for part in found)
    if not runs:
        return f"{folder}: every stored run is of a current program; nothing to remove"
    mixed = sum(part.kept.num_rows > 0 for part in found)
    rest = f" ({mixed} of them also hold current runs, which stay)" if mixed else ""
    bytes = decimal(sum(part.bytes for part in found))
    return f"{folder}: removing {runs} runs of older code, in {len(found)} files of {bytes}{rest}"


def _sweep_of(path: Path) -> str:
    return path.parent.name.removeprefix("sweep=")


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    names = [n for n in table.column_names if n.startswith("param.")]
    return list(table.select(["run", "seed", *names, "program", "precision"]).to_pylist())


class _Current:
    """Whether runs are of a current program; each shape is traced once."""

    def __init__(self, name: str, study: Study, names: Names, device: str) -> None:
        self._study = name
        self._sweeps = {sweep.name: sweep for sweep in study.sweeps}
        self._names = names
        self._on_gpu = device == "gpu"
        self._programs: dict[str, list[str]] = {}

    def holds(self, sweep_name: str, row: dict[str, Any]) -> bool:
        precision, program = row["precision"], row["program"]
        if ("on gpu" in precision) != self._on_gpu:
            return True
        sweep = self._sweeps.get(sweep_name)
        params = {k.removeprefix("param."): v for k, v in row.items() if k.startswith("param.")}
        if sweep is None or set(params) != set(sweep.axes):
            return False
        # A column has one type: 1 beside 2.5 is stored as 1.0.
        params = {a: next((x for x in sweep.axes[a] if x == v), v) for a, v in params.items()}
        operator = "float32" if "float32" in precision else "float64"
        try:
            static = sweep.static(params)
        except Exception:
            return False  # no such run can be any more
        key = repr((sweep_name, sorted(static.items()), operator))
        known = self._programs.setdefault(key, [])
        for wide in self._widths(sweep)[len(known) :]:
            if program in known:
                break
            known.append(self._names.of(sweep, static, wide, operator))
        run = Run("", sweep_name, params, row["seed"], program=program, precision=precision)
        return program in known and row["run"] == id_of(self._study, sweep, run)

    def _widths(self, sweep: Sweep) -> Sequence[int]:
        """Instances a block: the sweep's own, then what memory, or a GPU, may have made it."""
        widest = max(sweep.instances_wide, GPU_INSTANCES if self._on_gpu else 1)
        return sorted(range(1, widest + 1), key=lambda wide: (wide != sweep.instances_wide, -wide))
