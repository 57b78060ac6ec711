"""All parts of a sweep have one schema, whatever failed first and whoever wrote them."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from matsense.judging.runs import Run, Status
from sims.storage import columns
from sims.storage.parts import checksum
from sims.storage.store import Store
from tests.test_store import finished, wanted

FAILED = "MemoryError: no room"


def failed(i: int, status: Status = "failed") -> Run:
    return replace(wanted(i), status=status, message=FAILED)


def table_of(folder: Path) -> pa.Table:
    """As a user reads it: the first part tells the schema of all."""
    return ds.dataset(folder / "runs", partitioning="hive", format="parquet").to_table()


def schemas(store: Store) -> list[pa.Schema]:
    return [pq.read_schema(part) for part in store.parts()]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_sweep_is_one_table_even_after_failures(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Parts of failed, of excluded and of finished runs, in any order of writing and of names."""
    batches = [[failed(2)], [failed(7, "excluded"), failed(1)], [finished(0), finished(4)]]
    for place in order:
        Store(tmp_path).write(batches[place])
    store = Store(tmp_path)
    store.settle(["s"])
    first, *others = schemas(store)
    assert all(columns.alike(first, other) for other in others)
    frame = table_of(tmp_path).sort_by("seed")
    assert frame["seed"].to_pylist() == [0, 1, 2, 4, 7]
    assert frame["status"].to_pylist() == ["ok", "failed", "failed", "ok", "excluded"]
    np.testing.assert_array_equal(frame["error"][0].as_py(), finished(0).quantities["error"])
    assert frame["error"][1].as_py() is None
    assert frame.schema.field("error").type == pa.list_(pa.float64())
    assert frame.schema.field("vector").type == pa.list_(pa.list_(pa.float64()))
    assert frame.schema.field("scalar").type == pa.float64()
    runs = store.read([wanted(i) for i in (0, 1, 2, 4, 7)])
    assert [run.status for run in runs] == ["ok", "failed", "failed", "ok", "excluded"]
    assert {run.message for run in runs} == {"", FAILED}


def test_later_failures_have_the_columns_at_once(tmp_path: Path) -> None:
    """Without waiting for the end of the command, in this process or the next."""
    store = Store(tmp_path)
    store.write([finished(0)])
    store.write([failed(1)])
    Store(tmp_path).write([failed(2)])
    first, *others = schemas(store)
    assert all(columns.alike(first, other) for other in others)


def test_whole_numbers_and_truth_values_are_numbers(tmp_path: Path) -> None:
    """Of a batch in which all are whole, and of one in which not all are."""
    store = Store(tmp_path)
    for i, value in enumerate((np.arange(2), np.array([0.5, 1.5]), np.array([True, False]))):
        store.write([replace(wanted(i), status="ok", quantities={"x": value})])
    assert [kind.field("x").type for kind in schemas(store)] == [pa.list_(pa.float64())] * 3
    assert table_of(tmp_path).sort_by("seed")["x"].to_pylist() == [[0, 1], [0.5, 1.5], [1, 0]]


def test_an_axis_has_one_type(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for i, value in enumerate((1, 2.5)):
        store.write([Run(f"{i:032x}", "s", {"x": value, "law": "a"}, i, "ok")])
    store.settle(["s"])
    assert {kind.field("param.x").type for kind in schemas(store)} == {pa.float64()}
    assert sorted(table_of(tmp_path)["param.x"].to_pylist()) == [1.0, 2.5]


def as_before(store: Store, i: int, quantities: pa.Table) -> Path:
    """A part as the same format was written before its columns were fixed."""
    (part,) = [p for p in store.parts() if pq.read_table(p)["seed"][0].as_py() == i]
    own = pq.read_table(part, partitioning=None)
    kept = [n for n in own.column_names if not columns.is_quantity(n)]
    table = own.select(kept)
    for name in quantities.column_names:
        table = table.append_column(name, quantities[name])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    new = part.with_name(f"{part.name[:12]}-{checksum(content)}.parquet")
    new.write_bytes(content)
    part.unlink()
    return new


def test_parts_of_before_are_read_and_fitted_to_the_others(tmp_path: Path) -> None:
    """Null columns, whole numbers, a column that is not there, the mark's former name."""
    store = Store(tmp_path)
    for i in range(3):
        store.write([finished(i)])
    as_before(store, 0, pa.table({"error": pa.array([None])}))
    as_before(store, 1, pa.table({"t": [[1, 2]], "error": [[0.5, 0.25]]}))
    (store.root / "store.json").write_text('{"format": 3}')
    runs = [wanted(i) for i in range(3)]
    before = Store(tmp_path)
    assert before.known() == {run.id for run in runs}
    told = [run.quantities for run in before.read(runs)]
    np.testing.assert_array_equal(told[1]["t"], [1.0, 2.0])
    before.settle(["s"])
    before.tidy()
    store.write([finished(3)])
    assert [path.name for path in store.root.iterdir()] == ["sweep=s"]
    assert len(store.parts()) == 4
    frame = table_of(tmp_path).sort_by("seed")
    assert frame["t"].to_pylist()[:2] == [None, [1.0, 2.0]]
    after = [run.quantities for run in Store(tmp_path).read(runs)]
    for old, new in zip(told, after, strict=True):
        assert old.keys() == new.keys()
        assert all(np.array_equal(old[name], new[name]) for name in old)


def test_parts_that_fit_are_left_alone(tmp_path: Path) -> None:
    """Columns in another order are no reason to write a part again."""
    store = Store(tmp_path)
    for i in range(2):
        store.write([finished(i)])
    own = {n: [finished(0).quantities[n].tolist()] for n in ("scalar", "vector", "t", "error")}
    kept = as_before(store, 0, pa.table(own))
    Store(tmp_path).settle(["s"])
    assert kept.exists()
    assert len(store.parts()) == 2


def test_forms_that_cannot_be_one_are_said(tmp_path: Path) -> None:
    """A quantity that one program recorded at ticks and another as a number."""
    store = Store(tmp_path)
    store.write([replace(wanted(0), status="ok", quantities={"x": np.arange(2.0)})])
    other = Store(tmp_path)
    other.write([replace(wanted(1), status="ok", quantities={"x": np.asarray(1.0)})])
    other.settle(["s"])
    assert "cannot take them for one table" in other.notices[0]
    values = [run.quantities["x"].ndim for run in Store(tmp_path).read([wanted(i) for i in (0, 1)])]
    assert values == [1, 0]
