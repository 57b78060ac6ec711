"""One pass over rows that are never all in memory: any iterator of chunks, such as a user's data.

Files are read by the other package: `sims.storage.row_files` makes such iterators of them.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from matsense.errors import InvalidInput
from matsense.loops import scan
from matsense.solver import StreamSolver
from matsense.solvers.streaming.evidence import FALSE, Evidence, exact, projected
from matsense.solvers.streaming.price_xun import price_xun, rates
from matsense.solvers.streaming.projections import project, projections

# A compiled step on a block of rows, and a number to wait for.
Step = Callable[[Any, Any], tuple[Any, Array]]

# Rows go through the device in blocks of TOGETHER chunks, whatever the lengths in which they come.
CHUNK, TOGETHER = 16, 64
# Up to this d all of A^T A takes less time than Oja's method at 80 rates, and half of the memory
# of a block (measured on a core with AVX-512: 3 us a row for 12 at d = 256, 22 for 28 at 512).
EXACT = 512
# Columns of Omega that test candidates, and of Omega_0, which makes one.
TESTS, OWN = 64, 16


@dataclass
class Tally:
    """What has gone by: how many rows, and whether all of them were zero."""

    rows: int = 0
    zero: bool = True


class Found(NamedTuple):
    """A direction v, and what is known of it.

    With probability 1 - 1e-6, whatever the rows, their order and their repetitions, if only they
    were chosen without knowledge of the seed: sin^2 between v and v1 is at most `sin2` (1: nothing
    is known), and the rows' energy along v, v.(A^T A)v, lies in `between`; `energy` is its
    estimate, `total` = ||A||_F^2. `certified`: `sin2` is at most the accuracy that was asked for;
    `reason` says why, or why not and what to do. eta is Oja's rate if v comes from one, else NaN;
    `fallback` says that v is only the row of the largest norm.
    """

    v: Float[Array, " d"]
    sin2: float
    certified: bool
    reason: str
    energy: float
    between: tuple[float, float]
    total: float
    eta: float
    fallback: bool
    rows: int


def top_eigenvector(
    chunks: Iterable[Any], n: int = 10**6, seed: int = 0, accuracy: float = 0.1
) -> Found:
    """v1 of the rows by one pass, with a certificate.

    `chunks` are matrices of consecutive rows, of any and of varying length: the answer does not
    depend on how the rows are cut. Up to d = 512 columns A^T A is kept, and v is exact up to
    rounding. Else candidates are Oja's method at many rates ([price2024]), the row of the largest
    norm, and the top left singular vector of A^T A Omega_0, Omega_0 Gaussian with 16 columns
    ([halko2011]'s range finder, for orders in which Oja's method fails). Each is held against
    A^T A Omega, Omega with 64 columns that no candidate depends on (`evidence` beside this
    module), and the one with the least bound on sin^2 is returned: Price and Xun's choice by growth
    cannot tell which is wrong.

    The certificate needs a gap lambda_1 / lambda_2 of about (sqrt(d) + 8) / 4 at least (mergeable
    summaries, as this one is, need R ~ sqrt(d) [price2024]); below it v may be right, but is not
    certified. n is the order of magnitude of the number of rows, which
    matters beyond d = 512: rates run over a 2^(1/4) grid from 10 ln d / (n m), the least that Price
    and Xun's rule accepts if all n rows are parallel, to 1 / m, where m is the largest squared norm
    in the first block of 1024 rows that is not zero. Memory: a vector of length d a rate (about
    4 log2 n), 160 more, and three blocks of 1024 rows.

    >>> import numpy as np
    >>> def chunks():
    ...     rng = np.random.default_rng(0)
    ...     for _ in range(20):
    ...         A = rng.standard_normal((500, 30))
    ...         A[:, 0] *= 6.0
    ...         yield A
    >>> found = top_eigenvector(chunks())
    >>> found.rows, found.certified, bool(abs(found.v[0]) > 0.99)
    (10000, True, True)
    """
    if n < 1:
        raise InvalidInput(f"n = {n}", "a stream has a row or more", "give at least 1")
    if not 0 < accuracy < 1:
        raise InvalidInput(f"accuracy = {accuracy}", "it bounds sin^2", "give 0 < accuracy < 1")
    tally = Tally()
    blocks = _regular(checked(chunks, tally), CHUNK * TOGETHER, np.dtype(float))
    # Rows of zeros change nothing: leading blocks of them are passed over.
    first = next((block for block in blocks if block.any()), None)
    if first is None:
        _something(tally)
    assert first is not None
    d = first.shape[1]
    if d < 2:
        raise InvalidInput(f"d = {d}", "a direction needs two or more", "give at least 2")
    with np.errstate(over="ignore"):
        unit = float(np.max(np.einsum("ij,ij->i", first, first)))
    if not 1e-300 < unit < 1e300:
        rule = "rates are set by it and leave the range of float64"
        raise InvalidInput(f"a squared norm of {unit:.3g}", rule, "multiply all rows by a constant")
    # All is computed in units of m: rates then depend on n and d alone, and so do the programs.
    root = math.sqrt(unit)
    scaled = (np.divide(block, root, out=block) for block in chain([first], blocks))
    key_start, key_test = jax.random.split(jax.random.key(seed))
    if d <= EXACT:
        seen = _passed(_gram, projections(key_test, d, d), scaled)
        V, evidence = exact(np.asarray(seen.Y), float(seen.energy), tally.rows)
        return _found(V, evidence, 0, unit, float(seen.energy), accuracy, n, tally.rows)
    init, advance, eta = _candidates(d, n)
    begin = init(key_start), projections(key_test, d, TESTS + OWN)
    state, seen = _passed(advance, begin, scaled)
    Omega, Y = np.asarray(seen.Omega), np.asarray(seen.Y)
    own = np.linalg.svd(Y[:, TESTS:], full_matrices=False)[0][:, :1]
    row = np.asarray(state.x / jnp.linalg.norm(state.x))[:, None]
    V = np.hstack([np.asarray(state.oja.V), row, own])
    evidence = projected(V, Omega[:, :TESTS], Y[:, :TESTS], float(seen.energy), tally.rows)
    # Where nothing is known of any, the one that surely has the most energy.
    best = int(np.lexsort((-evidence.low, evidence.sin2))[0])
    found = _found(V, evidence, best, unit, float(seen.energy), accuracy, n, tally.rows)
    rate = float(eta[best]) / unit if best < len(eta) else math.nan
    return found._replace(eta=rate, fallback=best == len(eta))


_gram = jax.jit(lambda state, X: (project(state, X), X[0, 0]), donate_argnums=0)


@lru_cache(maxsize=8)
def _candidates(d: int, n: int) -> tuple[Callable[..., Any], Step, np.ndarray]:
    """Compiled: the first state of Oja's lanes, and a step of them and of the projections."""
    eta = rates(min(10.0 * math.log(d) / n, 0.5), 1.0)
    solver = price_xun(eta, d)

    def advance(state: Any, X: Array) -> tuple[Any, Array]:
        lanes, seen = state
        return (scan(solver, lanes, X, CHUNK)[0], project(seen, X)), X[0, 0]

    return jax.jit(solver.init), jax.jit(advance, donate_argnums=0), np.asarray(eta)


def _found(
    V: np.ndarray,
    evidence: Evidence,
    best: int,
    unit: float,
    energy: float,
    accuracy: float,
    n: int,
    rows: int,
) -> Found:
    """The answer in the units of the rows, and its reason in words."""
    rho, low, high, _, across, sin2 = (float(numbers[best]) for numbers in evidence)
    known = f"sin^2 to v1 is at most {sin2:.2g}"
    if sin2 <= accuracy:
        sure = "up to rounding" if V.shape[0] <= EXACT else f"with probability 1 - {FALSE:g}"
        reason = f"{known}, {sure}"
    elif V.shape[0] <= EXACT:
        reason = "the two largest eigenvalues are equal up to rounding; no v1 is told by these rows"
    elif low > across:
        reason = f"{known}, not {accuracy:g}; shuffle the rows, or ask for less"
    else:
        reason = (
            f"no gap is seen: at least {low / energy:.2g} of ||A||_F^2 lies along v, up to "
            f"{across / energy:.2g} may lie along another direction; shuffle the rows, or compute "
            f"A^T A if {V.shape[0]}^2 numbers fit into memory"
        )
    if sin2 > accuracy and V.shape[0] > EXACT and not 0.1 <= n / rows <= 10:
        reason += f"; give n = {rows} (it was {n})"
    return Found(
        jnp.asarray(V[:, best]),
        sin2,
        sin2 <= accuracy,
        reason,
        unit * rho,
        (unit * low, unit * high),
        unit * energy,
        math.nan,
        False,
        rows,
    )


def feed(
    solver: StreamSolver, state: Any, chunks: Iterable[Any], chunk: int = CHUNK
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
    """The state of a solver after all rows."""

    def advance(state: Any, X: Array) -> tuple[Any, Array]:
        return scan(solver, state, X, chunk)[0], X[0, 0]

    vectors = jax.eval_shape(solver.read, state)
    blocks = _regular(pieces, chunk * TOGETHER, vectors.dtype)
    # The caller keeps the state that was given: only copies are overwritten.
    state = jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, jax.Array) else leaf, state)
    return _passed(jax.jit(advance, donate_argnums=0), state, blocks)


def _passed(step: Step, state: Any, blocks: Iterable[np.ndarray]) -> Any:
    """The pass itself: a compiled step of `TOGETHER` chunks, its state kept in place."""
    token: Array | None = None
    for X in blocks:
        # The device may be one step behind the reader, no more: else chunks would pile up.
        if token is not None:
            token.block_until_ready()
        state, token = step(state, X)
    numbers = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in numbers):
        raise InvalidInput(
            "the pass has overflowed",
            f"rates times squared norms of rows leave the range of {numbers[0].dtype}",
            "divide all rows by a constant, or lower the rates",
        )
    return state


def _regular(
    pieces: Iterable[np.ndarray], rows: int, dtype: np.dtype
) -> Iterator[Float[np.ndarray, "rows d"]]:
    """The same rows in arrays of one shape, the last one filled with zero rows.

    Each array is a new one: the device may still be reading the one before.
    """
    out, filled = np.zeros((0, 0), dtype), 0
    for piece in pieces:
        taken = 0
        while taken < len(piece):
            if not filled:
                out = np.zeros((rows, piece.shape[1]), dtype)
            count = min(rows - filled, len(piece) - taken)
            out[filled : filled + count] = piece[taken : taken + count]
            filled, taken = filled + count, taken + count
            if filled == rows:
                yield out
                filled = 0
    if filled:
        yield out
