"""Rows from a user's files, chunk by chunk: .npy and Parquet, never a whole matrix in memory.

An iterator of arrays needs nothing from here: `user_rows` of matsense takes it as it is.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from matsense.errors import InvalidInput

CHUNK_BYTES = 2**24
# What pandas calls an index without a name, which other programs copy as they find it.
UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


def chunks(path: str | Path) -> Iterator[np.ndarray]:
    """The rows of a file in chunks of about 16 MB, for `top_eigenvector` or `feed` of `user_rows`.

    A .npy file holds one matrix of real numbers; it is memory-mapped a chunk at a time, so that
    pages already read are given back. A Parquet file holds numeric columns; it is read by batches,
    which takes the memory of one of its row groups. An index that pandas has stored with them, as
    columns named in the file's metadata or `__index_level_0__`, is no part of the rows and is left
    out. Raises `InvalidInput` for a file that is missing, of another kind, truncated, not
    two-dimensional, empty or not numeric, and for missing values, with row and column. Rows are
    checked for NaN by `feed`.

    >>> import tempfile
    >>> import numpy as np
    >>> from matsense.solvers.streaming.user_rows import top_eigenvector
    >>> folder = tempfile.TemporaryDirectory()
    >>> A = np.random.default_rng(0).standard_normal((5000, 20)) + 0.5
    >>> np.save(folder.name + "/rows.npy", A)
    >>> v1 = top_eigenvector(chunks(folder.name + "/rows.npy"), n=5000).v
    >>> bool(abs(v1.sum()) > 0.98 * 20**0.5)  # the direction of the mean
    True
    >>> folder.cleanup()
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Iterator[np.ndarray]]] = {
        ".npy": _npy,
        ".parquet": _parquet,
    }
    if path.suffix not in readers:
        raise InvalidInput(
            str(path), "its ending tells no kind of file", "give .npy or .parquet, or an iterator"
        )
    if not path.is_file():
        raise InvalidInput(str(path), "there is no such file", "check the path")
    return readers[path.suffix](path)


def _rows_a_chunk(d: int) -> int:
    return max(1, CHUNK_BYTES // (8 * max(d, 1)))


def _npy(path: Path) -> Iterator[np.ndarray]:
    try:
        A = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInput(
            str(path),
            f"it is truncated, or no .npy file of numbers ({error})",
            "write it again with numpy.save",
        ) from None
    if not isinstance(A, np.ndarray) or A.ndim != 2 or 0 in A.shape:
        shape = getattr(A, "shape", "of an archive")
        rule = "rows are a matrix that is not empty"
        raise InvalidInput(f"{path}, shape {shape}", rule, "save an array of shape (n, d)")
    if A.dtype.kind not in "fiub":
        rule = "rows are real numbers"
        raise InvalidInput(f"{path}, dtype {A.dtype}", rule, "save it as float64")
    n, d = A.shape
    rows = _rows_a_chunk(d)
    # A map for each chunk: with the array its pages leave the memory of this process.
    return (np.load(path, mmap_mode="r")[first : first + rows] for first in range(0, n, rows))


def _parquet(path: Path) -> Iterator[np.ndarray]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        message = str(error).splitlines()[0]
        raise InvalidInput(
            str(path), f"it is truncated, or no Parquet file ({message})", "write it again"
        ) from None
    index = _pandas_index(file.schema_arrow)
    columns = [i for i, name in enumerate(file.schema_arrow.names) if name not in index]
    for field in map(file.schema_arrow.field, columns):
        kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean
        if not any(kind(field.type) for kind in kinds):
            raise InvalidInput(
                f"{path}, column {field.name!r} of type {field.type}",
                "rows are real numbers",
                "write a file without it, or with its numbers, a column for each",
            )
    if not columns or not file.metadata.num_rows:
        raise InvalidInput(str(path), "it has no rows or no columns", "give at least one of each")
    return _batches(path, file, columns)


def _pandas_index(schema: pa.Schema) -> set[str]:
    """The columns in which pandas keeps an index: labels of rows, which are no part of them."""
    stored: Any = []
    # What another program has written there is not pandas' word.
    with contextlib.suppress(KeyError, TypeError, ValueError):
        stored = list(json.loads((schema.metadata or {})[b"pandas"])["index_columns"])
    # An index that only counts is described, by a mapping, and not stored.
    named = {entry for entry in stored if isinstance(entry, str)}
    return named | {name for name in schema.names if UNNAMED_INDEX.fullmatch(name)}


def _batches(path: Path, file: pq.ParquetFile, columns: list[int]) -> Iterator[np.ndarray]:
    before = 0
    try:
        for whole in file.iter_batches(_rows_a_chunk(len(columns))):
            batch = whole.select(columns)
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if column.null_count:
                    row = before + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                    raise InvalidInput(
                        f"{path}, row {row} (counted from 0), column {name!r}",
                        "a value is missing",
                        "remove or impute such rows",
                    )
            yield np.column_stack([c.to_numpy(zero_copy_only=False) for c in batch.columns])
            before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        rule = f"it cannot be read from row {before} on ({str(error).splitlines()[0]})"
        raise InvalidInput(str(path), rule, "write it again") from None
