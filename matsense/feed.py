"""One pass over rows that are never all in memory: any iterator of chunks, such as a user's data.

Files are read by the other package: `sims.sources` makes such iterators of them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from matsense.errors import InvalidInput
from matsense.solvers import StreamSolver
from matsense.solvers.price_xun import chosen, price_xun, rates
from matsense.stream import scan

TOGETHER = 64


@dataclass
class Tally:
    """What has gone by: how many rows, and whether all of them were zero."""

    rows: int = 0
    zero: bool = True


class Found(NamedTuple):
    """An approximation v of v1, the rate eta that it comes from, and the number of rows. With
    `fallback` no rate could be accepted and v is only the row of the largest norm.
    """

    v: Float[Array, " d"]
    eta: Float[Array, ""]
    fallback: Bool[Array, ""]
    rows: int


def top_eigenvector(chunks: Iterable[Any], n: int = 10**6, seed: int = 0) -> Found:
    """v1 of the rows by one pass of Price and Xun's method ([price2024], `price_xun`).

    `chunks` are matrices of consecutive rows, of any and of varying length. n is the order of
    magnitude of the number of rows: rates run over a 2^(1/4) grid from 10 ln d / (n m), the least
    that can be accepted if all n rows are parallel, to 1 / m, where m is the largest squared norm
    in the first chunk that is not zero. Memory: a vector of length d a rate (about 4 log2 n) and
    three blocks of 1024 rows.

    >>> import numpy as np
    >>> def chunks():
    ...     rng = np.random.default_rng(0)
    ...     for _ in range(20):
    ...         A = rng.standard_normal((500, 30))
    ...         A[:, 0] *= 6.0
    ...         yield A
    >>> found = top_eigenvector(chunks(), n=10_000)
    >>> found.rows, bool(found.fallback), bool(abs(found.v[0]) > 0.99)
    (10000, False, True)
    """
    tally = Tally()
    pieces = checked(chunks, tally)
    first = next((piece for piece in pieces if not tally.zero), None)
    if first is None:
        _something(tally)
    assert first is not None
    d = first.shape[1]
    if d < 2 or n < 2:
        value, rule = (f"d = {d}", "a direction") if d < 2 else (f"n = {n}", "a stream")
        raise InvalidInput(value, f"{rule} needs two or more", "give at least 2")
    with np.errstate(over="ignore"):
        largest = float(np.max(np.einsum("ij,ij->i", first, first, dtype=float)))
    if not 1e-300 < largest < 1e300:
        rule = "rates are set by it and leave the range of float64"
        raise InvalidInput(
            f"a squared norm of {largest:.3g}", rule, "multiply all rows by a constant"
        )
    high = 1.0 / largest
    eta = rates(min(10.0 * math.log(d) / (n * largest), 0.5 * high), high)
    solver = price_xun(eta, d)
    state = jax.jit(solver.init)(jax.random.key(seed))
    state = _fed(solver, state, chain([first], pieces), 16)
    answer = chosen(eta, state)
    return Found(answer.V[:, 0], answer.eta[0], answer.fallback[0], tally.rows)


def feed(
    solver: StreamSolver, state: Any, chunks: Iterable[Any], chunk: int = 16
) -> tuple[Any, int]:
    """The state after all rows of `chunks`, and how many there were.

    The rows are taken `chunk` at a time, whatever the lengths in which they come, in the precision
    of the solver's vectors; integers are converted. Raises `InvalidInput` for what is no matrix of
    finite real numbers (with the number of the row, from 0), for rows of a width other than the
    solver's, for an empty stream, and for one of zeros, which has no direction.
    """
    tally = Tally()
    width = jax.eval_shape(solver.read, state).shape[0]
    state = _fed(solver, state, checked(chunks, tally, width), chunk)
    _something(tally)
    return state, tally.rows


def checked(chunks: Iterable[Any], tally: Tally, d: int | None = None) -> Iterator[np.ndarray]:
    """The chunks as arrays, each refused or counted before it is handed on."""
    for piece in map(np.asarray, chunks):
        if piece.ndim != 2:
            raise InvalidInput(
                f"a chunk of shape {piece.shape} at row {tally.rows}",
                "a chunk is a matrix of rows",
                "give arrays of shape (rows, d)",
            )
        if piece.dtype.kind not in "fiub":
            raise InvalidInput(
                f"dtype {piece.dtype} at row {tally.rows}",
                "rows are real numbers",
                "convert them to float64 and leave other columns out",
            )
        d = d or piece.shape[1]
        if piece.shape[1] != d:
            raise InvalidInput(
                f"row {tally.rows}: {piece.shape[1]} columns",
                f"rows of this stream have {d}",
                "give rows of one width",
            )
        _refuse_non_finite(piece, tally.rows)
        tally.rows += piece.shape[0]
        tally.zero = tally.zero and not piece.any()
        yield piece


def _refuse_non_finite(piece: np.ndarray, before: int) -> None:
    # The sum is many times faster than a look at each entry, and finite only if all of them are;
    # finite entries may still overflow it, so the slow look decides.
    with np.errstate(all="ignore"):
        if piece.dtype.kind != "f" or np.isfinite(np.sum(piece)):
            return
    bad = np.flatnonzero(~np.isfinite(piece).all(axis=1))
    if bad.size:
        raise InvalidInput(
            f"row {before + bad[0]} (counted from 0)",
            "it holds NaN or an infinity",
            "remove or impute such rows",
        )


def _something(tally: Tally) -> None:
    """Raises for a stream that has no direction."""
    if tally.rows == 0:
        raise InvalidInput("an empty stream", "there are no rows in it", "give at least one")
    if tally.zero:
        rule = "a zero matrix has no direction"
        raise InvalidInput(f"all {tally.rows} rows are zero", rule, "check where they come from")


def _fed(solver: StreamSolver, state: Any, pieces: Iterable[np.ndarray], chunk: int) -> Any:
    """The pass itself: one compiled step of `TOGETHER` chunks, its state kept in place."""

    def advance(state: Any, X: Array) -> tuple[Any, Array]:
        return scan(solver, state, X, chunk)[0], X[0, 0]

    step = jax.jit(advance, donate_argnums=0)
    # The caller keeps the state that was given: only copies are overwritten.
    state = jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, jax.Array) else leaf, state)
    vectors = jax.eval_shape(solver.read, state)
    token: Array | None = None
    for X in _regular(pieces, chunk * TOGETHER, vectors.shape[0], vectors.dtype):
        # The device may be one step behind the reader, no more: else chunks would pile up.
        if token is not None:
            token.block_until_ready()
        state, token = step(state, X)
    if not bool(jnp.all(jnp.isfinite(solver.read(state)))):
        raise InvalidInput(
            "the pass has overflowed",
            f"rates times squared norms of rows leave the range of {vectors.dtype}",
            "divide all rows by a constant, or lower the rates",
        )
    return state


def _regular(
    pieces: Iterable[np.ndarray], rows: int, d: int, dtype: Any
) -> Iterator[Float[np.ndarray, "rows d"]]:
    """The same rows in arrays of one shape, the last one filled with zero rows.

    Each array is a new one: the device may still be reading the one before.
    """
    out, filled = np.zeros((rows, d), dtype), 0
    for piece in pieces:
        taken = 0
        while taken < len(piece):
            count = min(rows - filled, len(piece) - taken)
            out[filled : filled + count] = piece[taken : taken + count]
            filled, taken = filled + count, taken + count
            if filled == rows:
                yield out
                out, filled = np.zeros((rows, d), dtype), 0
    if filled:
        yield out
