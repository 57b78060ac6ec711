"""One pass of Oja's method over the rows of a matrix, [price2024], by lanes (one rate each).

The same rows, starts and rates for everybody. A step is a pass; a unit of work is one row taken by
one lane. The loops are written row by row as the method reads; "tuned" knows the norm before it
touches the vector and may reorder sums (fastmath), which a user of numba would have to think of.
The limit reads the matrix once and serves all lanes by it: no pass can be faster.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matsense import loops
from matsense.solvers.streaming.oja import Form, OjaState, best_block, fixed, oja
from sims.benches import Case, Contender

CHUNK = 64
SPIKE = 3.0


def rows(n: int, d: int) -> np.ndarray:
    """Gaussian rows with one strong direction: lambda_2 near 1, R = 1 + SPIKE^2, or so."""
    generator = np.random.default_rng(0)
    A = generator.standard_normal((n, d))
    A[:, 0] += SPIKE * generator.standard_normal(n)
    return A / np.sqrt(n)


def start(d: int, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors, one a row, and rates; lane 0 is the one of those who know no lanes."""
    V = np.random.default_rng(1).standard_normal((lanes, d))
    return V / np.linalg.norm(V, axis=1, keepdims=True), 2.0 ** (np.arange(lanes) / 16.0)


def answer(v: Any, s: Any) -> float:
    """The number that contenders agree on: lane 0's log growth and a component of its vector."""
    return float(s) + float(v[0])


def numpy_loop(n: int, d: int, lanes: int) -> Callable[[int], float]:
    """Rows in a Python loop, all lanes of a row at once."""
    A, (V0, eta) = rows(n, d), start(d, lanes)

    def run(steps: int) -> float:
        V, s = V0.copy(), np.zeros(lanes)
        for _ in range(steps):
            for a in A:
                V += (eta * (V @ a))[:, None] * a
                norm = np.linalg.norm(V, axis=1)
                s += np.log(norm)
                V /= norm[:, None]
        return answer(V[0], s[0])

    return run


def _textbook(A: Any, V: Any, eta: Any, s: Any) -> None:
    for i in range(A.shape[0]):
        for lane in range(V.shape[0]):
            inner = 0.0
            for j in range(A.shape[1]):
                inner += A[i, j] * V[lane, j]
            square = 0.0
            for j in range(A.shape[1]):
                V[lane, j] += eta[lane] * inner * A[i, j]
                square += V[lane, j] * V[lane, j]
            norm = np.sqrt(square)
            s[lane] += np.log(norm)
            for j in range(A.shape[1]):
                V[lane, j] /= norm


def _tuned(A: Any, V: Any, eta: Any, s: Any) -> None:
    for i in range(A.shape[0]):
        size = 0.0
        for j in range(A.shape[1]):
            size += A[i, j] * A[i, j]
        for lane in range(V.shape[0]):
            inner = 0.0
            for j in range(A.shape[1]):
                inner += A[i, j] * V[lane, j]
            growth = eta[lane] * inner * inner * (2.0 + eta[lane] * size)
            s[lane] += 0.5 * np.log1p(growth)
            shrink, along = 1.0 / np.sqrt(1.0 + growth), eta[lane] * inner
            for j in range(A.shape[1]):
                V[lane, j] = (V[lane, j] + along * A[i, j]) * shrink


def numba_loop(loop: Callable[..., None], fastmath: bool) -> Callable[..., Callable[[int], float]]:
    """Rows outside, lanes inside, compiled by numba."""

    def build(n: int, d: int, lanes: int) -> Callable[[int], float]:
        import numba

        A, (V0, eta) = rows(n, d), start(d, lanes)
        compiled = numba.njit(loop, fastmath=fastmath)

        def run(steps: int) -> float:
            V, s = V0.copy(), np.zeros(lanes)
            for _ in range(steps):
                compiled(A, V, eta, s)
            return answer(V[0], s[0])

        return run

    return build


def jitted_loop(n: int, d: int, lanes: int) -> Callable[[int], float]:
    """One lane in a plain compiled scan."""
    A, (V0, eta) = jnp.asarray(rows(n, d)), start(d, 1)

    def row(state: tuple[jax.Array, jax.Array], a: jax.Array) -> tuple[Any, None]:
        v, s = state
        v = v + eta[0] * a * (a @ v)
        norm = jnp.linalg.norm(v)
        return (v / norm, s + jnp.log(norm)), None

    one = jax.jit(lambda state, A: jax.lax.scan(row, state, A)[0])

    def run(steps: int) -> float:
        state = jnp.asarray(V0[0]), jnp.zeros(())
        for _ in range(steps):
            state = one(state, A)
        return answer(*state)

    return run


def incremental_pca(n: int, d: int, lanes: int) -> Callable[[int], float]:
    """scikit-learn's, one component in batches of 100 rows: another method, which centres; its
    time is of one vector.
    """
    from sklearn.decomposition import IncrementalPCA

    A = rows(n, d)

    def run(steps: int) -> float:
        for _ in range(steps):
            IncrementalPCA(n_components=1, batch_size=100).fit(A)
        return float("nan")

    return run


def ours(form: Form | None, dtype: str = "float64") -> Callable[..., Callable[[int], float]]:
    """The library's pass in one form, or in the one that it chooses."""

    def build(n: int, d: int, lanes: int) -> Callable[[int], float]:
        V0, eta = start(d, lanes)
        A = jnp.asarray(rows(n, d), dtype)
        taken, block = best_block(lanes, d, jax.default_backend())
        if form is not None:
            taken, block = form, 16
        solver = oja(fixed(jnp.asarray(eta, dtype)), d, lanes, taken, block)
        one = jax.jit(lambda state, A: loops.scan(solver, state, A, CHUNK)[0])
        begin = OjaState(jnp.asarray(V0.T, dtype), jnp.zeros(lanes, dtype), jnp.array(0))

        def run(steps: int) -> float:
            state = begin
            for _ in range(steps):
                state = one(state, A)
            return answer(state.V[:, 0], state.s[0])

        return run

    return build


def one_pass(dtype: str) -> Callable[..., Callable[[int], float]]:
    """The limit: A @ x."""

    def build(n: int, d: int, lanes: int) -> Callable[[int], float]:
        A, x = jnp.asarray(rows(n, d), dtype), jnp.ones(d, dtype)
        product = jax.jit(lambda A, x: A @ x)

        def run(steps: int) -> float:
            for _ in range(steps):
                product(A, x).block_until_ready()
            return float("nan")

        return run

    return build


def each(n: int, d: int, lanes: int) -> float:
    """Lane-rows of a pass of all lanes."""
    return float(n * lanes)


def single(n: int, d: int, lanes: int) -> float:
    """Lane-rows of a pass of one lane."""
    return float(n)


def note(n: int, d: int, lanes: int) -> str:
    """The form that is chosen on a CPU."""
    form, block = best_block(lanes, d)
    return form if form == "rows" else f"{form} of {block}"


LIMIT = "one pass, A @ x"

case = Case(
    title="Oja's method, one pass",
    unit="us per lane-row",
    sizes=tuple({"n": 20000, "d": d, "lanes": lanes} for d in (100, 1000) for lanes in (1, 32)),
    contenders=(
        Contender("numba, row loop", numba_loop(_textbook, False), each, True, needs=("numba",)),
        Contender("numba, tuned", numba_loop(_tuned, True), each, True, needs=("numba",)),
        Contender("numpy, row loop", numpy_loop, each, True),
        Contender("jitted scan, 1 lane", jitted_loop, single, True, True),
        Contender("IncrementalPCA", incremental_pca, single, True, needs=("sklearn",)),
        Contender("ours, rows", ours("rows"), each, True, True, limit=LIMIT),
        Contender("ours, blocks", ours("blocks"), each, True, True, limit=LIMIT),
        Contender("ours, chosen", ours(None), each, True, True, limit=LIMIT),
        Contender(
            "ours, chosen, float32",
            ours(None, "float32"),
            each,
            True,
            True,
            limit=LIMIT,
            agree=1e-3,
        ),
        Contender(LIMIT, one_pass("float64"), each, True, True),
    ),
    grows="ours, chosen",
    growth={
        "n": tuple({"n": n, "d": 500, "lanes": 32} for n in (4000, 8000, 16000, 32000)),
        "d": tuple({"n": 4000, "d": d, "lanes": 32} for d in (250, 500, 1000, 2000)),
    },
    note=note,
)
