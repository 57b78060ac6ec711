"""The store: what is written is read back to the bit; what is damaged is set aside and said."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from matsense.errors import InvalidInput
from matsense.judging.runs import Run, Status
from sims.storage.parts import checksum
from sims.storage.store import Store


def wanted(i: int, sweep: str = "s") -> Run:
    return Run(f"{i:032x}", sweep, {"n": 5, "alpha": 0.1 * i}, i)


def finished(i: int, sweep: str = "s", status: Status = "ok") -> Run:
    rng = np.random.default_rng(i)
    quantities = {
        "t": np.arange(4.0),
        "error": rng.normal(size=4),
        "vector": rng.normal(size=(4, 3)),
        "scalar": rng.normal(size=()),
    }
    if status == "diverged":
        quantities["error"] = np.array([1.0, np.inf, np.nan, -np.inf])
    return replace(wanted(i, sweep), status=status, quantities=quantities, seconds=0.5 + i)


def test_round_trip_is_exact_and_divergence_is_kept(tmp_path: Path) -> None:
    written = [finished(0), finished(1), finished(2, status="diverged")]
    Store(tmp_path).write(written)
    store = Store(tmp_path)
    assert store.known() == {run.id for run in written}
    runs = store.read([wanted(i) for i in (0, 1, 2, 9)])
    assert [run.status for run in runs] == ["ok", "ok", "diverged", "missing"]
    for run, own in zip(runs, written, strict=False):
        assert (run.params, run.seed, run.seconds) == (own.params, own.seed, own.seconds)
        for name, array in own.quantities.items():
            np.testing.assert_array_equal(run.quantities[name], array)


def test_other_tools_read_a_sweep_as_one_table(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write([finished(0), finished(1)])
    store.write([finished(2)])
    table = ds.dataset(
        tmp_path / "runs", partitioning="hive", format="parquet", exclude_invalid_files=True
    )
    frame = table.to_table(columns=["run", "sweep", "seed", "param.alpha"]).sort_by("seed")
    assert frame["param.alpha"].to_pylist() == [0.1 * i for i in range(3)]
    assert set(frame["sweep"].to_pylist()) == {"s"}


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_unreadable_parts_are_set_aside_with_a_notice(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.write([finished(0)])
    store.write([finished(1)])
    part = next(p for p in store.parts() if p.name.startswith(f"{1:032x}"[:12]) or True)
    content = part.read_bytes()
    part.write_bytes(
        {"truncated": content[: len(content) // 2], "empty": b"", "foreign": b"hello" * 99}[damage]
    )
    fresh = Store(tmp_path)
    assert len(fresh.known()) == 1
    assert len(fresh.notices) == 1
    assert part.name in fresh.notices[0]
    assert part.with_name(f"_{part.name}.unreadable").exists()
    assert len(Store(tmp_path).known()) == 1


@pytest.mark.parametrize(
    ("column", "values"),
    [("run", None), ("status", [1]), ("error", ["a word"]), ("error", [["a word"]])],
)
def test_a_whole_table_of_another_kind_is_left_out(
    tmp_path: Path, column: str, values: list | None
) -> None:
    """With a checksum that is right: as written by somebody else who names files so."""
    store = Store(tmp_path)
    store.write([finished(0)])
    (part,) = store.parts()
    table = pq.read_table(part, partitioning=None).drop_columns([column])
    sink = pa.BufferOutputStream()
    pq.write_table(table if values is None else table.append_column(column, [values]), sink)
    content = sink.getvalue().to_pybytes()
    part.unlink()
    part.with_name(f"x-{checksum(content)}.parquet").write_bytes(content)
    assert store.known() == set()
    assert f"column '{column}'" in store.notices[0]
    assert store.read([wanted(0)])[0].status == "missing"


def test_a_flipped_bit_is_an_error_not_a_number(tmp_path: Path) -> None:
    """Anywhere in the file, headers and footer included, where Parquet has no checksums."""
    Store(tmp_path).write([finished(0)])
    (part,) = Store(tmp_path).parts()
    content = part.read_bytes()
    for place in range(0, len(content), 11):
        broken = bytearray(content)
        broken[place] ^= 1
        part.write_bytes(bytes(broken))
        store = Store(tmp_path)
        (run,) = store.read([wanted(0)])
        assert run.status == "missing"
        assert "checksum" in store.notices[0]
        part.with_name(f"_{part.name}.unreadable").unlink()
        part.write_bytes(content)
    assert Store(tmp_path).known() == {wanted(0).id}


def test_a_table_of_something_else_is_left_out(tmp_path: Path) -> None:
    Store(tmp_path).write([finished(0)])
    (part,) = Store(tmp_path).parts()
    pq.write_table(pa.table({"x": [1.0, 2.0]}), part.with_name("foreign.parquet"))
    store = Store(tmp_path)
    assert len(store.read([wanted(0)])) == len(store.known()) == 1
    assert len(store.notices) == 1
    assert "foreign.parquet" in store.notices[0]


def test_two_writers_of_one_run_are_read_once(tmp_path: Path) -> None:
    Store(tmp_path).write([finished(0)])
    Store(tmp_path).write([finished(0), finished(1)])
    assert len(Store(tmp_path).parts()) == 2
    runs = Store(tmp_path).read([wanted(0), wanted(1)])
    assert [run.seed for run in runs] == [0, 1]


def test_failed_runs_are_tried_again_and_the_success_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write([replace(wanted(0), status="failed", message="MemoryError: no room")])
    assert store.known() == set()
    (failed,) = store.read([wanted(0)])
    assert (failed.status, failed.message) == ("failed", "MemoryError: no room")
    store.write([finished(0)])
    assert store.known() == {wanted(0).id}
    assert [run.status for run in store.read([wanted(0)])] == ["ok"]


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b")
    assert store.known() == set()
    store.write([])
    assert not (tmp_path / "a").exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write([finished(0)])
    before = sorted(p.name for p in (tmp_path / "runs").rglob("*"))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write([finished(1)])
    assert sorted(p.name for p in (tmp_path / "runs").rglob("*")) == before


@pytest.mark.parametrize("mark", ['{"format": 99}', "nonsense"])
def test_a_store_of_another_version_is_refused(tmp_path: Path, mark: str) -> None:
    Store(tmp_path).write([finished(0)])
    (tmp_path / "runs" / "store.json").write_text(mark)
    with pytest.raises(InvalidInput, match="use another --out"):
        Store(tmp_path)
    assert json.dumps(mark)


def test_parts_of_another_version_are_refused(tmp_path: Path) -> None:
    """They are whole: neither set aside nor run again."""
    store = Store(tmp_path)
    store.write([finished(0)])
    (part,) = store.parts()
    table = pq.read_table(part, partitioning=None)
    part.unlink()
    store.write_table("s", table.replace_schema_metadata({"matsense.format": "99"}))
    (part,) = store.parts()
    with pytest.raises(InvalidInput, match="it is of format 99"):
        Store(tmp_path).known()
    assert part.exists()


def test_parts_of_other_runs_are_looked_at_once(tmp_path: Path) -> None:
    """Thousands lie there of older code: what holds no run asked for is not read again."""
    for i in range(3):
        Store(tmp_path).write([finished(i)])
    store = Store(tmp_path)
    assert len(store.known()) == 3
    other = next(part for part, table in store.tables() if table["seed"].to_pylist() == [1])
    other.write_bytes(b"damaged meanwhile")
    (run,) = store.read([wanted(0)])
    assert run.status == "ok" and store.notices == []
    assert [run.status for run in store.read([wanted(1)])] == ["missing"]
    assert len(store.notices) == 1
