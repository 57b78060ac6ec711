"""A step of symmetric gradient descent on a sensing instance, [xiong2024].

The same instance and the same starts for everybody. Baselines are written as one would without
thinking of lanes: A as an m-by-n^2 array, one trajectory, two products with A a step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matsense.factors import gaussian_start
from matsense.operators import Form, cast, cheaper_form
from matsense.problems import sensing
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from sims.benches import Case, Contender

ETA, ALPHA, RANK, WIDTH = 0.1, 0.5, 3, 8
COPIED = 2**25


def form(n: int, m: int, lanes: int) -> Form:
    """The cheaper exact form of A*A over a trajectory of 10 000 steps in every lane."""
    return cheaper_form(m, n * (n + 1) // 2, 10_000 * lanes)


def instance(n: int, m: int, wanted: Form) -> sensing.Sensing:
    """The instance that all contenders run on."""
    key_truth, key_rows = jax.random.split(jax.random.key(0))
    truth = sensing.symmetric_truth(key_truth, n, sensing.geometric_spectrum(RANK, 1.0))
    return sensing.measured(key_rows, truth, m, wanted, symmetric=True)


def starts(n: int, lanes: int) -> jax.Array:
    """Starts of rank WIDTH, one a lane; lane 0 is the one of those who know no lanes."""
    keys = jax.random.split(jax.random.key(1), 64)[:lanes]
    return jax.vmap(lambda key: gaussian_start(key, n, WIDTH, WIDTH, ALPHA))(keys)


def plain_arrays(n: int, m: int) -> tuple[Any, Any, Any]:
    """A (m by n^2, scaled by 1 / sqrt(m)), Sigma and X_0 as dense arrays."""
    operator = instance(n, m, "rows").operator
    truth = instance(n, m, "rows").truth
    unpacked = jax.lax.map(operator.coordinates.unpack, operator.rows)  # type: ignore[union-attr]
    return unpacked.reshape(m, n * n) / np.sqrt(m), truth.matrix.dense(), starts(n, 1)[0]


def numpy_loop(n: int, m: int, lanes: int) -> Callable[[int], float]:
    """Two matrix-vector products a step, in numpy."""
    A, Sigma, X0 = (np.asarray(array) for array in plain_arrays(n, m))

    def run(steps: int) -> float:
        X = X0
        for _ in range(steps):
            gap = A @ (X @ X.T - Sigma).reshape(-1)
            X = X - ETA * (gap @ A).reshape(n, n) @ X
        return float(np.linalg.norm(X @ X.T))

    return run


def jitted_loop(n: int, m: int, lanes: int) -> Callable[[int], float]:
    """The same in one compiled loop."""
    A, Sigma, X0 = plain_arrays(n, m)

    def step(_: Any, X: jax.Array) -> jax.Array:
        gap = A @ (X @ X.T - Sigma).reshape(-1)
        return X - ETA * (gap @ A).reshape(n, n) @ X

    loop = jax.jit(lambda X, steps: jax.lax.fori_loop(0, steps, step, X))

    def run(steps: int) -> float:
        X = loop(X0, steps)
        return float(jnp.linalg.norm(X @ X.T))

    return run


def ours(dtype: str) -> Callable[..., Callable[[int], float]]:
    """The engine's step: all lanes share one read of the operator, kept in `dtype`."""

    def build(n: int, m: int, lanes: int) -> Callable[[int], float]:
        problem = cast(instance(n, m, form(n, m, lanes)), dtype)
        X0 = starts(n, lanes)

        def many(problem: sensing.Sensing, X0: jax.Array, steps: int) -> jax.Array:
            step = symmetric_gd(problem, ETA).step
            return jax.vmap(lambda X: jax.lax.fori_loop(0, steps, step, X))(X0)

        loop = jax.jit(many)

        def run(steps: int) -> float:
            X = loop(problem, X0, steps)[0]
            return float(jnp.linalg.norm(X @ X.T))

        return run

    return build


def product(dtype: str) -> Callable[..., Callable[[int], float]]:
    """The limit: only the matrix product of a step, at the same shape and dtype."""

    def build(n: int, m: int, lanes: int) -> Callable[[int], float]:
        p, rows = n * (n + 1) // 2, form(n, m, lanes) == "rows"
        M = jax.random.normal(jax.random.key(2), (m if rows else p, p), dtype=dtype) / p
        V0 = jnp.ones((p, lanes), dtype=dtype)

        def step(_: Any, V: jax.Array) -> jax.Array:
            return M.T @ (M @ V) if rows else M @ V

        loop = jax.jit(lambda M, V, steps: jax.lax.fori_loop(0, steps, step, V))

        def run(steps: int) -> float:
            loop(M, V0, steps).block_until_ready()
            return float("nan")

        return run

    return build


def copy(n: int, m: int, lanes: int) -> Callable[[int], float]:
    """The other limit: a copy of 256 MB, out of any cache."""
    source = jnp.ones(COPIED)
    again = jax.jit(lambda x, steps: jax.lax.fori_loop(0, steps, lambda _, x: x + 1.0, x))

    def run(steps: int) -> float:
        again(source, steps).block_until_ready()
        return float("nan")

    return run


def each(n: int, m: int, lanes: int) -> float:
    """Trajectory-steps of a step in which every lane moves."""
    return float(lanes)


def one(n: int, m: int, lanes: int) -> float:
    """Trajectory-steps of a step of one trajectory."""
    return 1.0


def megabytes(n: int, m: int, lanes: int) -> float:
    """Read and written by a copy, so that its time is microseconds a megabyte."""
    return 2 * 8 * COPIED / 1e6


PAIRS = ((20, 300), (50, 400), (50, 1250), (100, 5000))

case = Case(
    title="symmetric sensing step",
    unit="us per trajectory-step",
    sizes=tuple({"n": n, "m": m, "lanes": lanes} for n, m in PAIRS for lanes in (1, 8, 64)),
    contenders=(
        Contender("jitted, 1 trajectory", jitted_loop, one, on_gpu=True),
        Contender("numpy, 2 gemv", numpy_loop, one),
        Contender("ours, float64", ours("float64"), each, True, True, limit="product, float64"),
        Contender(
            "ours, mixed", ours("float32"), each, True, True, limit="product, float32", agree=1e-6
        ),
        Contender("product, float64", product("float64"), each, True, True),
        Contender("product, float32", product("float32"), each, True, True),
        Contender("copy, us per MB", copy, megabytes, True, True),
    ),
    grows="ours, float64",
    growth={
        "n": tuple({"n": n, "m": n * n, "lanes": 16} for n in (24, 32, 48, 64)),
        "m": tuple({"n": 48, "m": m, "lanes": 16} for m in (100, 200, 300, 400)),
        "lanes": tuple({"n": 48, "m": 2304, "lanes": lanes} for lanes in (8, 16, 32, 64)),
    },
    note=form,
)
