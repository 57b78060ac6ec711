"""A step of the sub-gradient method on a robust sensing instance, [ma2023].

The same instance, outliers, starts and step rule for everybody. The baseline is written as one
would without thinking of lanes: A as an m-by-d^2 array, one trajectory, two products with A a step.
Signs leave no Gram form, so our step reads the packed symmetric parts of A twice, for all lanes.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from matsense.operators import cast
from matsense.problems.corruption import Robust, corruptible
from matsense.solvers.robust.step_sizes import geometric
from matsense.solvers.robust.subgm import spectral_start, subgm
from matsense.spectral_norm import spectral_norm
from sims.benches import Case, Contender

ETA, RHO, ALPHA, SHARE, SCALE = 0.3, 0.99, 1e-3, 0.1, 10.0


def instance(d: int, m: int) -> Robust:
    """The instance that all contenders run on."""
    drawn = corruptible(jax.random.key(0), d, jnp.ones(1), m, "gaussian")
    return drawn.corrupted(SHARE, SCALE, 0.0)


def starts(problem: Robust, lanes: int) -> jax.Array:
    """Algorithm 2's starts of several sizes, one a lane; lane 0 is the one of the baseline."""
    C, alphas = problem.start_matrix, ALPHA * 2.0 ** -jnp.arange(lanes)
    return jax.vmap(lambda alpha: spectral_start(C, problem.d, problem.d, alpha))(alphas)


def jitted_loop(d: int, m: int, lanes: int) -> Callable[[int], float]:
    """One trajectory in one compiled loop."""
    problem = instance(d, m)
    A = jax.lax.map(problem.operator.coordinates.unpack, problem.operator.rows).reshape(m, d * d)
    y, U0 = problem.y, starts(problem, 1)[0]

    def step(t: Any, U: jax.Array) -> jax.Array:
        signs = jnp.sign(A @ (U @ U.T).reshape(-1) - y)
        Q = (signs @ A).reshape(d, d) / m
        return U - ETA * RHO ** t.astype(float) / spectral_norm(Q) * (Q + Q.T) @ U

    loop = jax.jit(lambda U, steps: jax.lax.fori_loop(0, steps, step, U))

    def run(steps: int) -> float:
        U = loop(U0, steps)
        return float(jnp.linalg.norm(U @ U.T))

    return run


def ours(dtype: str) -> Callable[..., Callable[[int], float]]:
    """The engine's step: all lanes share the reads of the operator, kept in `dtype`."""

    def build(d: int, m: int, lanes: int) -> Callable[[int], float]:
        problem = cast(instance(d, m), dtype)
        U0 = starts(instance(d, m), lanes)

        def many(problem: Robust, U0: jax.Array, steps: int) -> jax.Array:
            solver = subgm(problem, geometric(ETA, RHO))
            go = lambda U: jax.lax.fori_loop(0, steps, solver.step, solver.init(U)).U  # noqa: E731
            return jax.vmap(go)(U0)

        loop = jax.jit(many)

        def run(steps: int) -> float:
            U = loop(problem, U0, steps)[0]
            return float(jnp.linalg.norm(U @ U.T))

        return run

    return build


def products(dtype: str) -> Callable[..., Callable[[int], float]]:
    """The limit: the two products with A of a step, of one copy of A for each, laid out for it."""

    def build(d: int, m: int, lanes: int) -> Callable[[int], float]:
        p = d * (d + 1) // 2
        M = jax.random.normal(jax.random.key(2), (m, p), dtype=dtype) / p
        N, V0 = jnp.array(M.T), jnp.ones((p, lanes), dtype=dtype)
        loop = jax.jit(
            lambda M, N, V, steps: jax.lax.fori_loop(0, steps, lambda _, V: N @ (M @ V), V)
        )

        def run(steps: int) -> float:
            loop(M, N, V0, steps).block_until_ready()
            return float("nan")

        return run

    return build


def each(d: int, m: int, lanes: int) -> float:
    """Trajectory-steps of a step in which every lane moves."""
    return float(lanes)


def one(d: int, m: int, lanes: int) -> float:
    """Trajectory-steps of a step of one trajectory."""
    return 1.0


SIZES = ((20, 500, 32), (50, 2500, 1), (50, 2500, 8), (50, 2500, 32))

case = Case(
    title="robust sensing step",
    unit="us per trajectory-step",
    sizes=tuple({"d": d, "m": m, "lanes": lanes} for d, m, lanes in SIZES),
    contenders=(
        # Signs of residuals near 0 may differ by rounding, hence the looser agreement.
        Contender("jitted, 1 trajectory", jitted_loop, one, on_gpu=True),
        Contender(
            "ours, float64",
            ours("float64"),
            each,
            True,
            True,
            limit="products, float64",
            agree=1e-6,
        ),
        Contender(
            "ours, mixed", ours("float32"), each, True, True, limit="products, float32", agree=1e-2
        ),
        Contender("products, float64", products("float64"), each, True, True),
        Contender("products, float32", products("float32"), each, True, True),
    ),
)
