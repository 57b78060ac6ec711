"""Rows from a user's own data: the same answer as in memory, bounded memory, clear refusals."""

import doctest
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matsense import loops
from matsense.errors import InvalidInput
from matsense.problems import streaming
from matsense.solvers.streaming import user_rows
from matsense.solvers.streaming.oja import fixed, oja
from sims.storage import row_files
from tests import toy

N, D = 2500, 9
SOLVER = oja(fixed(jnp.array([0.5, 2.0])), D, 2)


@pytest.fixture(scope="module")
def instance() -> streaming.Stream:
    return jax.jit(lambda key: streaming.draw(key, N, D, 30.0))(jax.random.key(0))


def pieces(rows: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    """Consecutive rows in chunks of these sizes, over and over."""
    first = 0
    while first < len(rows):
        for size in sizes:
            yield rows[first : first + size]
            first += size


def test_any_chunking_is_the_scan_of_the_stored_rows(instance: streaming.Stream) -> None:
    """Across the compiled step's 1024 rows, with empty chunks; the given state stays usable."""
    begin = jax.jit(SOLVER.init)(jax.random.key(1))
    state, n = user_rows.feed(SOLVER, begin, pieces(np.asarray(instance.rows), [0, 7, 1300, 1]))
    stored = jax.jit(lambda s, rows: loops.scan(SOLVER, s, rows, 16)[0])(begin, instance.rows)
    assert n == N
    np.testing.assert_allclose(state.V, stored.V, rtol=0, atol=1e-14)
    np.testing.assert_allclose(state.s, stored.s, rtol=1e-13)


def test_v1_of_a_stream_of_unknown_scale(instance: streaming.Stream) -> None:
    """Zero chunks first, rows scaled by 1000."""
    rows = 1000.0 * np.asarray(instance.rows)
    found = user_rows.top_eigenvector([np.zeros((50, D)), *pieces(rows, [400])], n=N)
    assert found.rows == N + 50
    # Beyond rounding nothing is unknown of so few columns, and the scale is the rows'.
    assert float(instance.sin2(found.v[:, None])[0]) <= found.sin2 < 1e-20
    assert found.energy == pytest.approx(1e6 * float(instance.lambda1), rel=1e-9)


def test_v1_by_oja_s_rates(instance: streaming.Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane's error is within its certificate, whose start is e^-s <= 1; rates have a unit."""
    monkeypatch.setattr(user_rows, "EXACT", 0)
    rows = 1000.0 * np.asarray(instance.rows)
    found = user_rows.top_eigenvector([np.zeros((50, D)), *pieces(rows, [400])], n=N)
    assert found.certified
    assert not found.fallback
    sin2 = float(instance.sin2(found.v[:, None])[0])
    assert sin2 <= min(found.sin2, 0.5 * found.eta * 1e6 * float(instance.lambda2) + 1e-3)


def written(path: Path, A: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, A)
    else:
        pq.write_table(pa.table({f"c{i}": A[:, i] for i in range(A.shape[1])}), path, 700)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.parquet"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "bool"])
def test_files_hold_the_rows_in_order(
    name: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "CHUNK_BYTES", 8 * 4 * 300)
    A = (10 * np.random.default_rng(0).standard_normal((1000, 4))).astype(dtype)
    found = list(row_files.chunks(written(tmp_path / name, A)))
    assert max(map(len, found)) <= 300
    np.testing.assert_array_equal(np.concatenate(found), A)


def test_columns_first_in_the_file_are_rows_too(tmp_path: Path) -> None:
    A = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(
        np.concatenate(list(row_files.chunks(written(tmp_path / "a.npy", A)))), A
    )


def stored_by_pandas(path: Path, index: object, **columns: object) -> Path:
    """A file with the metadata that pandas.DataFrame.to_parquet writes."""
    table = pa.table(columns)
    told = {} if index is None else {b"pandas": json.dumps({"index_columns": index}).encode()}
    pq.write_table(table.replace_schema_metadata(told), path)
    return path


COUNTS = [{"kind": "range", "name": None, "start": 0, "stop": 3, "step": 1}]
X, Y, LABELS = [1.0, 2.0, 3.0], [4, 5, 6], [7, 2, 9]


@pytest.mark.parametrize(
    ("index", "columns", "kept"),
    [
        (COUNTS, {"x": X, "y": Y}, (X, Y)),
        (["__index_level_0__"], {"x": X, "y": Y, "__index_level_0__": LABELS}, (X, Y)),
        # as another program has copied it
        (None, {"__index_level_0__": LABELS, "x": X, "y": Y}, (X, Y)),
        # named, in the middle, and of words
        (["day", "place"], {"x": X, "day": LABELS, "place": list("abc"), "y": Y}, (X, Y)),
        # what another program has put there is no index
        (7, {"x": X, "y": Y}, (X, Y)),
    ],
)
def test_an_index_of_pandas_is_no_column(
    index: object, columns: dict, kept: tuple, tmp_path: Path
) -> None:
    path = stored_by_pandas(tmp_path / "a.parquet", index, **columns)
    np.testing.assert_array_equal(np.concatenate(list(row_files.chunks(path))).T, kept)


def test_reading_rows_sets_no_flags(tmp_path: Path) -> None:
    """Neither JAX's, nor threads, nor the pools that pyarrow shares with the caller."""
    files = [written(tmp_path / name, np.ones((50, 3))) for name in ("a.npy", "a.parquet")]
    script = """
import os, sys, threading, jax, numpy, pyarrow, matsense, pyarrow.parquet
import matsense.solvers.streaming.user_rows
jax.devices()
def state():
    pool = pyarrow.default_memory_pool().backend_name
    threads = pyarrow.cpu_count(), pyarrow.io_thread_count()
    return dict(os.environ), dict(jax.config.values), pool, threads, numpy.geterr()
before = state()
from matsense.solvers.streaming.user_rows import top_eigenvector
from sims.storage.row_files import chunks
for path in sys.argv[1:]:
    top_eigenvector(chunks(path), n=50)
for then, now in zip(before, state()):
    assert then == now, (then, now)
"""
    subprocess.run(
        [sys.executable, "-c", script, *map(str, files)], cwd=toy.ROOT, check=True,
        env=toy.environment(toy.ROOT),
    )  # fmt: skip


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-200])
    return path


def test_bad_files_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    A = np.ones((300, 3))
    np.save(tmp_path / "object.npy", np.array([["a", None]], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "text.parquet").write_text("1 2 3")
    pq.write_table(pa.table({"x": [1.0, 2.0], "name": ["a", "b"]}), tmp_path / "names.parquet")
    pq.write_table(pa.table({"x": [1.0, 2.0, None]}), tmp_path / "gap.parquet")
    pq.write_table(pa.table({"x": pa.array([], "float64")}), tmp_path / "empty.parquet")
    for kind, values in {
        "list": pa.array([[1.0, 2.0], [3.0, 4.0]]),
        "dictionary": pa.array(["a", "b"]).dictionary_encode(),
        "struct": pa.array([{"a": 1.0}, {"a": 2.0}]),
        "decimal128": pa.array([1, 2], pa.decimal128(5)),
        "timestamp": pa.array([1, 2], pa.timestamp("s")),
        "null": pa.array([None, None]),
    }.items():
        pq.write_table(pa.table({"x": [1.0, 2.0], "y": values}), tmp_path / f"{kind}.parquet")
    for path, told in [
        (tmp_path / "none.npy", "no such file"),
        (tmp_path / "a.csv", "give .npy or .parquet"),
        (cut(written(tmp_path / "cut.npy", A)), "truncated"),
        (cut(written(tmp_path / "cut.parquet", A)), "truncated"),
        (written(tmp_path / "flat.npy", np.ones(5)), "shape (5,)"),
        (written(tmp_path / "cube.npy", np.ones((2, 2, 2))), "shape (2, 2, 2)"),
        (written(tmp_path / "zero.npy", np.ones((0, 3))), "not empty"),
        (written(tmp_path / "complex.npy", 1j * A), "save it as float64"),
        (tmp_path / "object.npy", "numpy.save"),
        (tmp_path / "text.npy", "numpy.save"),
        (tmp_path / "text.parquet", "write it again"),
        (tmp_path / "names.parquet", "column 'name' of type string"),
        (tmp_path / "gap.parquet", "row 2 (counted from 0), column 'x'"),
        *(
            (tmp_path / f"{kind}.parquet", f"column 'y' of type {kind}")
            for kind in ("list", "dictionary", "struct", "decimal128", "timestamp", "null")
        ),
        (stored_by_pandas(tmp_path / "index.parquet", ["i"], i=LABELS), "no columns"),
        (tmp_path / "empty.parquet", "no rows"),
    ]:
        with pytest.raises(InvalidInput) as caught:
            list(row_files.chunks(path))
        assert told in str(caught.value), str(caught.value)
        assert "\n" not in str(caught.value)


GOOD = np.ones((40, D))
NAN = GOOD.copy()
NAN[5, 2] = np.nan


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([GOOD, NAN], "row 45 (counted from 0)"),
        ([GOOD, -np.inf * NAN], "row 40 (counted from 0)"),
        ([GOOD, np.ones((2, D + 1))], f"row 40: {D + 1} columns"),
        ([np.ones((2, D - 1))], f"rows of this stream have {D}"),
        ([np.ones(D)], f"a chunk of shape ({D},)"),
        ([GOOD, GOOD.astype(complex)], "dtype complex128 at row 40"),
        ([GOOD.astype(object)], "dtype object"),
        ([np.full((1, D), "x")], "convert them to float64"),
        ([0 * GOOD, 0 * GOOD], "all 80 rows are zero"),
        ([], "an empty stream"),
        ([1e160 * GOOD], "overflowed"),
    ],
)
def test_bad_rows_are_one_line_with_their_number(chunks: list[np.ndarray], told: str) -> None:
    state = jax.jit(SOLVER.init)(jax.random.key(0))
    with pytest.raises(InvalidInput) as caught:
        user_rows.feed(SOLVER, state, chunks)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([], "an empty stream"),
        ([np.zeros((5, D))], "all 5 rows are zero"),
        ([np.ones((5, 1))], "d = 1"),
        ([1e160 * GOOD], "a squared norm of inf"),
        ([1e-170 * GOOD], "a squared norm of 0"),
    ],
)
def test_no_v1_where_there_is_none(chunks: list[np.ndarray], told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        user_rows.top_eigenvector(chunks)
    assert told in str(caught.value)


def test_large_finite_entries_are_not_called_infinite() -> None:
    huge = np.full((3, 2), 1e308)
    assert sum(len(piece) for piece in user_rows.checked([huge], user_rows.Tally())) == 3


@pytest.mark.parametrize("module", [user_rows, row_files])
def test_examples_of_the_docstrings(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


SCRIPT = """
import resource, sys
from matsense.solvers.streaming.user_rows import top_eigenvector
from sims.storage.row_files import chunks
peak = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, large = sys.argv[1:]
top_eigenvector(chunks(small))
before = peak()
found = top_eigenvector(chunks(large))
print(found.rows, peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts ru_maxrss in kB")
def test_a_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """256 MB of 64 columns: the peak grows by less than 100 MB over that of a file of 24 MB."""
    paths = [tmp_path / "small.npy", tmp_path / "large.npy"]
    block = np.random.default_rng(0).standard_normal((50_000, 64))
    for path, blocks in zip(paths, (1, 10), strict=True):
        A = np.lib.format.open_memmap(path, "w+", "float64", (50_000 * blocks, 64))
        for i in range(blocks):
            A[50_000 * i : 50_000 * (i + 1)] = block
        del A
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, paths)], cwd=toy.ROOT, capture_output=True,
        text=True, env=toy.environment(toy.ROOT),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows, growth = map(int, done.stdout.split())
    assert rows == 500_000
    assert paths[1].stat().st_size > 250e6
    assert growth < 100e6
